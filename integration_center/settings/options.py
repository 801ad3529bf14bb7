"""The settings, read once from the environment and a `.env` file. Nothing else names an environment variable."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from integration_center.errors import ConfigurationError
from integration_center.integration.environment import Environment, OrgKind
from integration_center.settings.apps import LOGIN_URLS, ExternalClientApp, NamedApps
from integration_center.settings.paths import DEMO_SETTINGS, ENV_FILE, Paths, check_env_file, named_faults
from integration_center.settings.sign_in import SignInSettings
from integration_center.wording.addresses import (
    check_address,
    check_host_names,
    check_networks,
    check_salesforce_hosts,
    check_url,
)

EMPTY = SecretStr("")
API_VERSION = re.compile(r"[0-9]{2,3}\.0")
WALKME_US = "https://api.walkme.com"
Endpoint = Annotated[str, AfterValidator(check_url)]
"""An address that `check_url` accepts."""


class Settings(Paths, SignInSettings, NamedApps):
    """Everything that differs between two installations."""

    secret_key: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_SECRET_KEY")] = EMPTY
    """Encrypts tokens. Several keys with commas: the first encrypts, the others only decrypt."""
    callback_url: Annotated[str, Field(alias="INTEGRATION_CENTER_CALLBACK_URL")] = (
        "http://localhost:3001/oauth/callback"
    )
    """The callback URL, exactly as in the External Client App."""
    plan_only: Annotated[bool, Field(alias="INTEGRATION_CENTER_PLAN_ONLY")] = False
    """Let runs go as far as the plan, and write nothing to any org: for CI and branch deployments."""
    previews: Annotated[bool, Field(alias="INTEGRATION_CENTER_PREVIEWS")] = False
    """Show a few keys and values in the Dagster UI and in `inspect`. `false` hides them in the wizard, too."""
    api_reserve: Annotated[float, Field(alias="INTEGRATION_CENTER_API_RESERVE", ge=0, le=100)] = 5
    """Percent of the org's daily API calls that no push uses up."""
    api_version: Annotated[str, Field(alias="INTEGRATION_CENTER_API_VERSION")] = "66.0"
    """The version of the Salesforce API."""

    salesforce_hosts: Annotated[
        str, AfterValidator(check_salesforce_hosts), Field(alias="INTEGRATION_CENTER_SALESFORCE_HOSTS")
    ] = ""
    """Hosts, with commas, to which access tokens may be sent besides Salesforce's own, for an org behind a proxy."""

    users: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_USERS")] = EMPTY
    """Who may sign in to the console: a file (mode 0600) with one `name:role:hash` a line, or such entries with blanks
    between them."""
    trusted_proxies: Annotated[
        str, AfterValidator(check_networks), Field(alias="INTEGRATION_CENTER_TRUSTED_PROXIES")
    ] = ""
    """Addresses or networks, with commas, whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    workspace: Annotated[str, Field(alias="INTEGRATION_CENTER_WORKSPACE")] = ""
    """A `workspace.yaml` that `up` serves instead of ours, with code locations of your own in it."""
    dagster_hosts: Annotated[str, AfterValidator(check_host_names), Field(alias="INTEGRATION_CENTER_DAGSTER_HOSTS")] = (
        ""
    )
    """Host names, with commas, under which a proxy with sign-in offers the Dagster UI."""

    dagster_url: Annotated[str, Field(alias="INTEGRATION_CENTER_DAGSTER_URL")] = ""
    """Where the Dagster web server answers that console and command line ask, when it is not the one of `up` here."""
    log_format: Annotated[Literal["text", "json"], Field(alias="INTEGRATION_CENTER_LOG_FORMAT")] = "text"
    """How `up` and `console` log: `text` for people, or `json`, one object a line."""
    traces: Annotated[bool, Field(alias="INTEGRATION_CENTER_TRACES")] = False
    """Send a trace of each run by OpenTelemetry, to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names."""
    metrics_token: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_METRICS_TOKEN")] = EMPTY
    """What Prometheus sends to the console's `/metrics` as bearer token. Without one, only this machine may read it."""

    walkme_source: Annotated[Literal["files", "api"], Field(alias="WALKME_SOURCE")] = "files"
    """Where reports come from: `files` (drops) or `api` (this project's own contract)."""
    walkme_api_url: Annotated[str, Field(alias="WALKME_API_URL")] = WALKME_US
    """api: the data centre. The default is the US one."""
    walkme_client_id: Annotated[str, Field(alias="WALKME_CLIENT_ID")] = ""
    """api: the id of the API key."""
    walkme_client_secret: Annotated[SecretStr, Field(alias="WALKME_CLIENT_SECRET")] = EMPTY
    """api: the secret of the API key."""
    walkme_system_guid: Annotated[str, Field(alias="WALKME_SYSTEM_GUID")] = ""
    """api: the system whose reports are read."""
    walkme_files_root: Annotated[str, Field(alias="WALKME_FILES_ROOT")] = ""
    """files: a local folder, an `s3://`, `az://` or `gs://` prefix, or `sftp://user@host/folder`."""
    walkme_largest_file_mb: Annotated[int, Field(alias="WALKME_LARGEST_FILE_MB", ge=1, le=1_000_000)] = 4_096
    """files: millions of bytes that one drop may have. A larger one is refused. What a packed drop may unpack to is
    `max_size` of its `report.yaml`."""
    sftp_key_file: Annotated[str, Field(alias="WALKME_SFTP_KEY_FILE")] = ""
    """sftp: the private key that signs in, in the form of OpenSSH."""
    sftp_key_passphrase: Annotated[SecretStr, Field(alias="WALKME_SFTP_KEY_PASSPHRASE")] = EMPTY
    """sftp: what the private key is encrypted with."""
    sftp_password: Annotated[SecretStr, Field(alias="WALKME_SFTP_PASSWORD")] = EMPTY
    """sftp: the password that signs in, in place of a key."""
    sftp_known_hosts: Annotated[str, Field(alias="WALKME_SFTP_KNOWN_HOSTS", validate_default=True)] = (
        "~/.ssh/known_hosts"
    )
    """sftp: the file that has the server's host key. A server that is not in it is never asked."""
    sftp_settle_seconds: Annotated[float, Field(alias="WALKME_SFTP_SETTLE_SECONDS", ge=0, le=600)] = 5
    """sftp: a file that was written in these last seconds is looked at twice, so that no upload is read half."""

    sandbox_login_url: Annotated[str, Field(alias="SALESFORCE_SANDBOX_LOGIN_URL")] = LOGIN_URLS[OrgKind.SANDBOX]
    """Where Sandbox signs in: the default, or My Domain, as client credentials need."""
    sandbox_client_id: Annotated[str, Field(alias="SALESFORCE_SANDBOX_CLIENT_ID")] = ""
    """The consumer key of the External Client App in Sandbox."""
    sandbox_client_secret: Annotated[SecretStr, Field(alias="SALESFORCE_SANDBOX_CLIENT_SECRET")] = EMPTY
    """The consumer secret of that app."""
    production_login_url: Annotated[str, Field(alias="SALESFORCE_PRODUCTION_LOGIN_URL")] = LOGIN_URLS[
        OrgKind.PRODUCTION
    ]
    """Where Production signs in: the default, or My Domain."""
    production_client_id: Annotated[str, Field(alias="SALESFORCE_PRODUCTION_CLIENT_ID")] = ""
    """The consumer key of the External Client App in Production."""
    production_client_secret: Annotated[SecretStr, Field(alias="SALESFORCE_PRODUCTION_CLIENT_SECRET")] = EMPTY
    """The consumer secret of that app."""

    @field_validator("api_version")
    @classmethod
    def check_api_version(cls, value: str) -> str:
        """Check that the version is written as Salesforce writes it in addresses."""
        if API_VERSION.fullmatch(value) is None:
            raise ValueError("it is no API version of Salesforce; write it as 66.0")
        return value

    @field_validator("workspace", "walkme_files_root", "sftp_key_file", "sftp_known_hosts")
    @classmethod
    def expand_home(cls, value: str) -> str:
        """Put the user's home in place of `~`. `~name` of nobody here stays as it is."""
        return os.path.expanduser(value)

    @field_validator("callback_url")
    @classmethod
    def check_callback(cls, value: str) -> str:
        """See `check_address`."""
        return check_address(value, "http://localhost:3001/oauth/callback")

    @property
    def instance_hosts(self) -> frozenset[str]:
        """The entries of `salesforce_hosts`."""
        return frozenset(host.removesuffix(":443") for host in self.salesforce_hosts.split(",") if host)

    @field_validator("dagster_url")
    @classmethod
    def check_dagster_url(cls, value: str) -> str:
        """See `check_address`."""
        url = value.strip().rstrip("/")
        return check_address(url, "http://dagster-webserver:3000") if url else url

    @property
    def has_sign_in(self) -> bool:
        """Whether people have to sign in to the console, in whatever way."""
        return bool(self.users.get_secret_value().strip()) or self.has_provider or self.has_signing_proxy

    @property
    def dagster_host_names(self) -> frozenset[str]:
        """The names of `dagster_hosts`, in lower case."""
        return frozenset(self.dagster_hosts.split(",")) - {""}

    @field_validator("walkme_api_url")
    @classmethod
    def check_api_url(cls, value: str) -> str:
        """See `check_url`."""
        return check_url(value)

    def app(self, environment: Environment, kind: OrgKind) -> ExternalClientApp:
        """The External Client App used for an account, its fields possibly empty.

        An account without an app of its own uses that of the first account of its kind, but not its login URL, which
        may be the My Domain of another org.

        Args:
            environment: the account.
            kind: what its org is for.

        Raises:
            ConfigurationError: its login URL is wrong, or a store does not give its secret. Both are checked here,
                where they stop one account alone.
            ServiceUnavailable: the store of its secret does not answer.
        """
        url = self.find_login_url(environment, kind)
        if kind is OrgKind.SANDBOX:
            client_id, secret = self.sandbox_client_id, self.sandbox_client_secret
        else:
            client_id, secret = self.production_client_id, self.production_client_secret
        if not environment.is_first and (own := self.read_named(environment, "client_id")):
            client_id, secret = own, SecretStr(self.read_named(environment, "client_secret"))
        return ExternalClientApp(url, client_id, secret, kind, self.instance_hosts)

    def find_login_url(self, environment: Environment, kind: OrgKind) -> str:
        """Find where an account signs in.

        Raises:
            ConfigurationError: it is no such address. It is checked here, where it stops one account alone.
        """
        if environment.is_first:
            url = self.sandbox_login_url if kind is OrgKind.SANDBOX else self.production_login_url
        else:
            url = self.read_named(environment, "login_url") or LOGIN_URLS[kind]
        try:
            return check_url(url)
        except ValueError as error:
            name = f"SALESFORCE_{environment.name}_LOGIN_URL"
            raise ConfigurationError(f"{name}: {error}. Correct it in the environment or in .env") from None


_held: ContextVar[Settings | None] = ContextVar("settings", default=None)


@contextmanager
def held_settings(settings: Settings) -> Iterator[None]:
    """Let `read_settings` return these for the length of the block: to read them takes longer than to open a database.

    Threads that are started in the block read them themselves.
    """
    before = _held.set(settings)
    try:
        yield
    finally:
        _held.reset(before)


def read_settings() -> Settings:
    """The settings as the environment and `.env` say them now, or those that are held.

    Raises:
        ConfigurationError: names each variable that is wrong, without its value.
    """
    if (held := _held.get()) is not None:
        return held
    with named_faults():
        # The demo's own settings come last: real settings take precedence.
        demo = Paths().dagster_home / DEMO_SETTINGS
        check_env_file(demo)
        return Settings(_env_file=(demo, ENV_FILE))
