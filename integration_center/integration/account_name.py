"""How an integration names the account that it writes to: by `environment` or by `account`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from integration_center.integration.environment import FIRST, FORM, LONGEST, NAME, Environment, read_name
from integration_center.integration.variables import VARIABLE


def name_environment(data: Any) -> Any:
    """Use the account that an integration names as its environment.

    Args:
        data: the attributes of an integration, as they are given.

    Raises:
        ValueError: environment and account are two accounts.
    """
    account = data.get("account") if isinstance(data, Mapping) else None
    if account is None:
        return data
    given = data.get("environment")
    if given is not None and given != account:
        raise ValueError(
            f"environment and account: environment {str(given)[:LONGEST]!r} is one account and account"
            f" {str(account)[:LONGEST]!r} is another; give one of them"
        )
    named = read_name(account) if isinstance(account, str) else None
    if named is None:
        return {**data, "environment": Environment.SANDBOX}  # the account itself is refused
    return {**data, "environment": named, "account": None}


def check_environment(value: object) -> object:
    """An environment as a file gives it. A named account comes as the name that `name_environment` made of it.

    Raises:
        ValueError: a file names something else than the first accounts.
    """
    if isinstance(value, Environment) or value in FIRST:
        return value
    raise ValueError(
        f"{str(value)[:LONGEST]!r} is neither 'sandbox' nor 'production'; another account is named by `account`, such"
        " as account: emea-prod"
    )


def check_account(value: object) -> None:
    """An account that is no name; see `name_environment`.

    Raises:
        ValueError: it is given.
    """
    if value is not None:
        raise ValueError(f"{str(value)[:LONGEST]!r}: {FORM}")


NamedEnvironment = Annotated[Environment, BeforeValidator(check_environment)]
NamedAccount = Annotated[str | None, BeforeValidator(check_account)]


def write_environment(attributes: dict[str, Any]) -> dict[str, Any]:
    """Write the account the way that `name_environment` reads it. The model itself knows it as its environment."""
    named = attributes.get("environment")
    if named is None or named in FIRST:
        return attributes
    others = {name: value for name, value in attributes.items() if name not in {"environment", "account"}}
    return {"account": named, **others}


def describe_account(schema: dict[str, Any]) -> None:
    """Say in the JSON schema of an integration that `account` takes the place of `environment`."""
    environment = schema["properties"]["environment"]
    schema["properties"]["environment"] = {
        **{name: environment[name] for name in ("title", "description") if name in environment},
        "type": "string",
        "anyOf": [{"enum": [*FIRST]}, {"pattern": VARIABLE.pattern}],
    }
    schema["properties"]["account"] = {
        "title": "Account",
        "description": "The name of a connected account, such as emea-prod. It takes the place of `environment`.",
        "type": "string",
        "anyOf": [{"pattern": f"^{NAME.pattern}$", "maxLength": LONGEST}, {"pattern": VARIABLE.pattern}],
    }
    schema["required"] = [name for name in schema["required"] if name != "environment"]
