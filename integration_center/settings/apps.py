"""The External Client Apps of accounts; those of further accounts have the name of the account in their variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, PydanticBaseSettingsSource

from integration_center.integration.environment import FIRST, Environment, OrgKind
from integration_center.secret_stores.references import resolve

VARIABLE = re.compile(r"salesforce_([a-z][a-z0-9_]*)_(login_url|client_id|client_secret)")
FIELD = "named_apps"
OURS = {environment.identifier for environment in FIRST}


LOGIN_URLS = {
    OrgKind.SANDBOX: "https://test.salesforce.com",
    OrgKind.PRODUCTION: "https://login.salesforce.com",
}


@dataclass(frozen=True)
class ExternalClientApp:
    """What the Salesforce admin created for us in one org."""

    login_url: str
    client_id: str
    client_secret: SecretStr
    kind: OrgKind
    instance_hosts: frozenset[str] = frozenset()
    """Hosts besides Salesforce's own that may answer for the org, see `salesforce.instances`."""


class NamedAppsSource(PydanticBaseSettingsSource):
    """Reads the variables from where the other settings are read."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._sources = [each for each in sources if isinstance(each, EnvSettingsSource | DotEnvSettingsSource)]

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """No field has a variable of its own here."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All variables of further accounts, under the one field that holds them."""
        given = {name.lower(): value for source in self._sources for name, value in source.env_vars.items()}
        found = {name: value for name, value in given.items() if value and is_of_further_account(name)}
        return {FIELD: found} if found else {}


def is_of_further_account(variable: str) -> bool:
    """Whether a variable, in lower case, belongs to an account other than the first of their kinds."""
    named = VARIABLE.fullmatch(variable)
    return named is not None and named[1] not in OURS


class NamedApps(BaseSettings):
    """The variables `SALESFORCE_<NAME>_LOGIN_URL`, `_CLIENT_ID` and `_CLIENT_SECRET` of further accounts."""

    named_apps: Annotated[Mapping[str, SecretStr], Field(alias="SALESFORCE_<NAME>_CLIENT_ID")] = {}
    """The app of a further account, with `SALESFORCE_<NAME>_CLIENT_SECRET` and `SALESFORCE_<NAME>_LOGIN_URL`; of
    `emea-prod`, `NAME` is `EMEA_PROD`. Without them it has the app of the first account of its kind, and signs in where
    Salesforce signs in to all orgs of the kind."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The usual sources, and the one of further accounts before them. The environment goes before `.env`."""
        named = NamedAppsSource(settings_cls, dotenv_settings, env_settings)
        return init_settings, named, env_settings, dotenv_settings, file_secret_settings

    def read_named(self, environment: Environment, part: str) -> str:
        """The value of one variable of an account; empty when it is not set.

        A reference to a secret is followed only here, so that a wrong one stops its own account alone.

        Raises:
            ConfigurationError: the reference is malformed, or the store has no such secret or does not give it.
            ServiceUnavailable: the store does not answer.
        """
        value = self.named_apps.get(f"salesforce_{environment.identifier}_{part}")
        found = resolve(value) if value and part == "client_secret" else value
        return found.get_secret_value().strip() if isinstance(found, SecretStr) else ""
