"""Variables of the environment in an integration: `environment: "{{ env.TARGET }}"`, as in other Dagster components.

They are allowed where a value is neither a column name nor a text that is shown as it is. They are never allowed for a
secret, because the values of an integration appear on pages, in logs and in names.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

ATTRIBUTES = (
    *("environment", "account", "report", "object", "schedule", "timezone"),
    *("prefix", "group", "kinds", "tags", "owners", "op_tags"),
)
"""The attributes that may hold variables. In a mapping it is the values."""
VARIABLE = re.compile(r"\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
MAY_BE_SECRET = re.compile(r"SECRET|PASSW|PASSPHRASE|TOKEN|KEY|CREDENTIAL|PRIVATE|AUTH|DSN|URL", re.IGNORECASE)
"""What is in the name of a variable that may hold a secret. An address may have a password in it."""


def fill_in_variables(data: Any) -> Any:
    """Put the values of variables into the attributes of an integration.

    Args:
        data: the attributes, as they are given.

    Raises:
        ValueError: a variable is not set, or may hold a secret. The message names it, and never its value.
    """
    if not isinstance(data, Mapping):
        return data
    return {name: _fill_in(value, str(name)) if name in ATTRIBUTES else value for name, value in data.items()}


def _fill_in(value: Any, place: str) -> Any:
    if isinstance(value, str):
        if not VARIABLE.search(value):
            return value  # as it is: the name of an account is more than text
        return VARIABLE.sub(lambda found: _read(found[1], place), value)
    if isinstance(value, Mapping):
        return {name: _fill_in(each, f"{place}.{name}") for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_fill_in(each, f"{place}.{number}") for number, each in enumerate(value)]
    return value


def _read(name: str, place: str) -> str:
    if MAY_BE_SECRET.search(name):
        raise ValueError(
            f"{place}: the variable {name} may hold a secret, and what an integration says is shown to everybody;"
            " write the value itself, or name the variable otherwise"
        )
    value = os.environ.get(name)
    if value is None:
        raise ValueError(
            f"{place}: the variable {name} is not set; set it for each process that loads integrations (code location,"
            " runs, console and command line)"
        )
    return value
