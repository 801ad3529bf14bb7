"""References to secrets in place of the secrets: `aws-sm://NAME`, `gcp-sm://projects/…`, `vault://MOUNT/PATH#KEY`.

A process fetches each of them once. A store's library is imported only where a setting names the store.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, SecretStr, ValidationInfo, field_validator

from integration_center.errors import ConfigurationError

STORES = {"aws-sm": "aws", "gcp-sm": "gcp", "vault": "vault"}
"""The modules that fetch, by the scheme of a reference in lower case. Each extra is called like its module."""


class ResolvedSecrets(BaseModel):
    """A model whose secrets may be references; it holds what they refer to."""

    @field_validator("*", mode="before")
    @classmethod
    def resolve_references(cls, value: object, info: ValidationInfo) -> object:
        """Fetch the secret that a reference names. Other values, and fields that hold no secret, stay as they are.

        Raises:
            ConfigurationError: the reference is malformed, or the store has no such secret or does not give it.
            ServiceUnavailable: the store does not answer.
        """
        secret = info.field_name is not None and cls.model_fields[info.field_name].annotation is SecretStr
        return resolve(value) if secret else value


def resolve(value: object) -> object:
    """Fetch the secret that a value names; any other value stays as it is. Raises what `fetch_secret` raises."""
    given = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(given, str):
        scheme, separator, rest = given.strip().partition("://")
        if separator and scheme.lower() in STORES:
            return fetch_secret(f"{scheme.lower()}://{rest}")
    return value


Secret = Annotated[SecretStr, BeforeValidator(resolve)]
"""A secret that may be a reference, for single fields of other models."""


@cache
def fetch_secret(reference: str) -> SecretStr:
    """Fetch the secret that a reference names, once in a process.

    Raises:
        ConfigurationError: the reference is malformed, or the store has no such secret or does not give it.
        ServiceUnavailable: the store does not answer.
    """
    scheme, _, rest = reference.partition("://")
    name, _, key = rest.partition("#")
    if not name.strip("/"):
        raise ConfigurationError(f"{reference} names no secret")
    module = STORES[scheme]
    try:
        fetch: Callable[[str, str], str] = import_module(f"integration_center.secret_stores.{module}").fetch
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("integration_center"):
            raise
        raise ConfigurationError(
            f"{reference} needs the extra `{module}` (it lacks {error.name}); install integration-center[{module}]"
        ) from None
    return SecretStr(fetch(name, key))


def pick(text: str, key: str, reference: str) -> str:
    """Return the secret's text, or with a `key` what it holds as JSON under that key.

    Raises:
        ConfigurationError: the secret is no JSON object, or has no text under the key. Its text is not repeated.
    """
    if not key:
        return text
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{reference} is no JSON object with a text under {key!r}; correct the name behind # or the secret"
        )
    return value


def refused(reference: str, grant: str) -> ConfigurationError:
    """Build the error of a store that does not give a secret to this process."""
    return ConfigurationError(f"{reference} was refused; give this process {grant}")


def missing(reference: str, store: str) -> ConfigurationError:
    """Build the error of a secret that a store does not have."""
    return ConfigurationError(f"{reference} is not in {store}; correct the reference, or create the secret")
