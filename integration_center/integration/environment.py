"""The names of accounts: `sandbox` and `production`, which are always there, and those that an installation adds."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LONGEST = 40
"""Characters of the name of an account: the columns of our database hold no more."""
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""A name can become part of a URL, an asset key, a job, a pool and a variable, and no two names become the same."""
FORM = (
    f"the name of an account has at most {LONGEST} lower-case letters, digits and single hyphens, and begins with a"
    " letter, such as emea-prod"
)


class OrgKind(StrEnum):
    """What an org is for."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The kind as shown to people."""
        return self.value.capitalize()


class Environment(str):
    """The name of an account: what a connected org is called in integrations, commands, keys and logs.

    `sandbox` and `production` are the first accounts of their kinds. The kind of any other account is in the database;
    see `AccountNames`. Equal names are the same object.

    Raises:
        ValueError: it is no name of an account. The message says what a name looks like.
    """

    SANDBOX: ClassVar["Environment"]
    PRODUCTION: ClassVar["Environment"]
    _all: ClassVar[WeakValueDictionary[str, "Environment"]] = WeakValueDictionary()

    def __new__(cls, value: str) -> Self:
        """The one object of this name."""
        if isinstance(value, cls):
            return value
        if len(value) > LONGEST or not NAME.fullmatch(value):
            raise ValueError(FORM)
        made = super().__new__(cls, str(value))
        return cls._all.setdefault(str(value), made)  # type: ignore[return-value]

    def __reduce__(self) -> tuple[type, tuple[str]]:
        """A copy, also in another process, is the one object of this name."""
        return (type(self), (self.value,))

    @property
    def value(self) -> str:
        """The name as plain text."""
        return str.__str__(self)

    @property
    def name(self) -> str:
        """The name as it is part of variables: `EMEA_PROD`."""
        return self.identifier.upper()

    @property
    def identifier(self) -> str:
        """The name as it is part of jobs, steps, pools and resources: `emea_prod`."""
        return self.replace("-", "_")

    @property
    def title(self) -> str:  # type: ignore[override]
        """The name as shown to people."""
        return self.value.capitalize() if self.is_first else self.value

    @property
    def is_first(self) -> bool:
        """Whether it is the first account of its kind, which integrations name by `environment`."""
        return self in FIRST

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text becomes a name."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.plain_serializer_function_ser_schema(str.__str__)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A text of the form of a name."""
        return {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": LONGEST}


Environment.SANDBOX = Environment("sandbox")
Environment.PRODUCTION = Environment("production")
FIRST = (Environment.SANDBOX, Environment.PRODUCTION)
"""The accounts that every installation has, connected or not."""


def read_name(text: str) -> Environment | None:
    """The name that a text from outside is; None when it has not the form of a name."""
    try:
        return Environment(text)
    except ValueError:
        return None


def with_first(others: Iterable[Environment]) -> tuple[Environment, ...]:
    """The first accounts of their kinds, then the others by name, each once."""
    return (*FIRST, *sorted(set(others) - set(FIRST)))
