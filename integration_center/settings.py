"""The settings, read once from the environment and a `.env` file. Nothing else names an environment variable."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_center.errors import ConfigurationError
from integration_center.files.env_files import check_env_file
from integration_center.integration.spec import Environment
from integration_center.sign_in_settings import SignInSettings
from integration_center.wording.addresses import (
    check_address,
    check_host_names,
    check_networks,
    check_salesforce_hosts,
)
from integration_center.wording.addresses import check_url as check_url

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds the package: of a checkout, or of all installed packages."""
WALKME_US = "https://api.walkme.com"
LOGIN_URLS = {
    Environment.SANDBOX: "https://test.salesforce.com",
    Environment.PRODUCTION: "https://login.salesforce.com",
}
EMPTY = SecretStr("")
ENV_FILE = ".env"
DEMO_SETTINGS = "demo.env"
"""In `DAGSTER_HOME`: where the demo says how its local org and Insights API are reached."""


Endpoint = Annotated[str, AfterValidator(check_url)]
"""An address that `check_url` accepts."""


@dataclass(frozen=True)
class ExternalClientApp:
    """What the Salesforce admin created for us in one environment."""

    login_url: str
    client_id: str
    client_secret: SecretStr
    instance_hosts: frozenset[str] = frozenset()
    """Hosts besides Salesforce's own that may stand for the org, see `salesforce.instances`."""


def find_default_home() -> Path:
    """Find the home of an installation that names none: in the checkout, or else in the user's own folder."""
    checkout = (PROJECT / "pyproject.toml").is_file()
    return PROJECT / "dagster_home" if checkout else Path.home() / ".integration_center"


def find_default_defs(home: Path | None) -> Path:
    """Find the folder of integrations where none is named: `integrations` in the home.

    Earlier versions kept integrations inside the package; they stay there as long as there are some.
    """
    earlier = PROJECT / "integration_center" / "defs"
    if (PROJECT / "pyproject.toml").is_file() and any(earlier.glob("*/defs.yaml")):
        return earlier
    return (home or find_default_home()) / "integrations"


class Paths(BaseSettings):
    """Where things stand. Apart from `Settings`, because definitions load even when another setting is wrong."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, extra="ignore", frozen=True, populate_by_name=True)

    dagster_home: Annotated[Path, Field(alias="DAGSTER_HOME", default_factory=find_default_home)]
    """The folder of all state. Set it in the environment: `make` sets it there, too."""
    defs: Annotated[
        Path,
        Field(
            alias="INTEGRATION_CENTER_DEFS", default_factory=lambda data: find_default_defs(data.get("dagster_home"))
        ),
    ]
    """The folder of integrations."""

    storage_setting: Annotated[str, Field(alias="INTEGRATION_CENTER_STORAGE")] = ""
    """Where reports, plans, ledgers and snapshots are kept: a folder, or an `s3://`, `az://` or `gs://` prefix that all
    hosts of the installation use."""

    first_day: Annotated[date, Field(alias="INTEGRATION_CENTER_FIRST_DAY")] = date(2020, 1, 1)
    """The first UTC day that Dagster shows as a partition, YYYY-MM-DD: the day from which there are reports."""

    @field_validator("dagster_home", "defs", mode="before")
    @classmethod
    def fill_in(cls, value: object, info: ValidationInfo) -> object:
        """An empty value counts as none: as a path it would be the working directory."""
        if not isinstance(value, str) or value.strip():
            return value
        return (
            find_default_home()
            if info.field_name == "dagster_home"
            else find_default_defs(info.data.get("dagster_home"))
        )

    @field_validator("dagster_home", "defs")
    @classmethod
    def make_absolute(cls, value: Path) -> Path:
        """Dagster refuses a relative home, and a component tree refuses relative folders.

        Raises:
            ValueError: it is no path that there can be.
        """
        try:
            path = value.expanduser().resolve()
            exists = path.exists()
        except (OSError, RuntimeError) as error:  # too long, a link to itself, the home of a user who is not there
            reason = error.strerror if isinstance(error, OSError) else None
            shown = f"{str(value)[:100]}{'…' if len(str(value)) > 100 else ''}"
            raise ValueError(f"{shown} cannot be used as a folder: {reason or error}") from None
        if exists and not path.is_dir():
            raise ValueError(f"{value} is not a folder; name a folder")
        return path

    @property
    def scratch(self) -> Path:
        """The folder of this machine for what a step needs while it runs. It may be deleted at any moment."""
        return self.dagster_home / "storage"

    @property
    def bucket(self) -> str | None:
        """The prefix in object storage where frames are kept; None when they are kept in a folder."""
        return self.storage_setting.strip() if "://" in self.storage_setting else None

    @property
    def storage(self) -> Path:
        """The folder where frames are kept, unless `bucket` names a place in object storage."""
        named = self.storage_setting.strip()
        return Path(named).expanduser().resolve() if named and self.bucket is None else self.scratch


class Settings(Paths, SignInSettings):
    """Everything that differs between two installations."""

    database_url: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_DATABASE_URL")] = EMPTY
    """Where accounts, the log of syncs and jobs are kept: `postgresql://USER:PASSWORD@HOST/NAME`, or a SQLite file in
    `DAGSTER_HOME` when empty. On PostgreSQL, Dagster keeps its runs and events in the same database."""
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
    api_version: Annotated[str, Field(alias="INTEGRATION_CENTER_API_VERSION", pattern=r"^\d{2,3}\.0$")] = "66.0"
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
    sftp_known_hosts: Annotated[str, Field(alias="WALKME_SFTP_KNOWN_HOSTS")] = "~/.ssh/known_hosts"
    """sftp: the file that has the server's host key. A server that is not in it is never asked."""
    sftp_settle_seconds: Annotated[float, Field(alias="WALKME_SFTP_SETTLE_SECONDS", ge=0, le=600)] = 5
    """sftp: a file that was written in these last seconds is looked at twice, so that no upload is read half."""

    sandbox_login_url: Annotated[str, Field(alias="SALESFORCE_SANDBOX_LOGIN_URL")] = LOGIN_URLS[Environment.SANDBOX]
    """Where Sandbox signs in: the default, or My Domain, as client credentials need."""
    sandbox_client_id: Annotated[str, Field(alias="SALESFORCE_SANDBOX_CLIENT_ID")] = ""
    """The consumer key of the External Client App in Sandbox."""
    sandbox_client_secret: Annotated[SecretStr, Field(alias="SALESFORCE_SANDBOX_CLIENT_SECRET")] = EMPTY
    """The consumer secret of that app."""
    production_login_url: Annotated[str, Field(alias="SALESFORCE_PRODUCTION_LOGIN_URL")] = LOGIN_URLS[
        Environment.PRODUCTION
    ]
    """Where Production signs in: the default, or My Domain."""
    production_client_id: Annotated[str, Field(alias="SALESFORCE_PRODUCTION_CLIENT_ID")] = ""
    """The consumer key of the External Client App in Production."""
    production_client_secret: Annotated[SecretStr, Field(alias="SALESFORCE_PRODUCTION_CLIENT_SECRET")] = EMPTY
    """The consumer secret of that app."""

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

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of our own tables."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.dagster_home / 'integration_center.db'}"

    @property
    def has_database_server(self) -> bool:
        """Whether the database is one that several hosts can share."""
        url = self.database_url.get_secret_value()
        return bool(url) and not url.startswith("sqlite")

    def app(self, environment: Environment) -> ExternalClientApp:
        """The External Client App used for `environment`, its fields possibly empty.

        Raises:
            ConfigurationError: its login URL is wrong. It is checked here, where it stops one environment alone.
        """
        if environment is Environment.SANDBOX:
            url, client_id, secret = self.sandbox_login_url, self.sandbox_client_id, self.sandbox_client_secret
        else:
            url, client_id, secret = self.production_login_url, self.production_client_id, self.production_client_secret
        try:
            return ExternalClientApp(check_url(url), client_id, secret, self.instance_hosts)
        except ValueError as error:
            name = f"SALESFORCE_{environment.value.upper()}_LOGIN_URL"
            raise ConfigurationError(f"{name}: {error}. Correct it in the environment or in .env") from None


def read_settings() -> Settings:
    """The settings as the environment and `.env` say them now.

    Raises:
        ConfigurationError: names each variable that is wrong, without its value.
    """
    with named_faults():
        # The demo's own settings stand last: whatever is set for real goes before them.
        demo = Paths().dagster_home / DEMO_SETTINGS
        check_env_file(demo)
        return Settings(_env_file=(demo, ENV_FILE))


def read_paths() -> Paths:
    """Where things stand, as the environment and `.env` say it now.

    Raises:
        ConfigurationError: names each variable that is wrong.
    """
    with named_faults():
        return Paths()


@contextmanager
def named_faults() -> Iterator[None]:
    """Turn what is wrong with settings into one sentence.

    Raises:
        ConfigurationError: names each variable that is wrong, without its value.
    """
    check_env_file(Path(ENV_FILE))
    try:
        yield
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"settings: {faults}. Correct the variable in the environment or in .env") from None
