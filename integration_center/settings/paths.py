"""Where an installation keeps its things, as the environment and a `.env` file say it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from stat import S_ISDIR
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.secret_stores.references import ResolvedSecrets
from integration_center.wording.model_refusals import say_refusal

PROJECT = Path(__file__).resolve().parent.parent.parent
"""The folder that holds the package: of a checkout, or of all installed packages."""
EMPTY = SecretStr("")
ENV_FILE = ".env"
IN_DATABASE = Path("database")
"""What `INTEGRATION_CENTER_DEFS` says where integrations are kept in the database. Other values become absolute."""
DEMO_SETTINGS = "demo.env"
"""In `DAGSTER_HOME`: where the demo says how its local org and Insights API are reached."""
FIRST_DAY_FILE = "first_day.env"
"""In `DAGSTER_HOME`: the first day of an installation, where nothing else sets it."""


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


def resolve_folder(named: Path) -> Path:
    """Return the absolute path of a folder that is there, or that there can be.

    Raises:
        ValueError: it is another thing, or its path leads nowhere.
    """
    shown = f"{str(named)[:100]}{'…' if len(str(named)) > 100 else ''}"
    try:
        path = Path(os.path.realpath(named.expanduser()))  # Path.resolve fails in a loop of links up to Python 3.12
        if not S_ISDIR(path.stat().st_mode):
            raise ValueError(f"{shown} is not a folder; name a folder")
    except FileNotFoundError:
        return path
    except (OSError, RuntimeError) as error:  # too long, a link to itself, the home of a user who is not there
        reason = error.strerror if isinstance(error, OSError) else "it names no home folder of a user"
        raise ValueError(f"{shown} cannot be used as a folder: {reason}") from None
    return path


class Paths(ResolvedSecrets, BaseSettings):
    """Where things are. Apart from `Settings`, because definitions load even when another setting is wrong."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, extra="ignore", frozen=True, populate_by_name=True)

    dagster_home: Annotated[Path, Field(alias="DAGSTER_HOME", default_factory=find_default_home)]
    """The folder of all state. Set it in the environment: `make` sets it there, too."""
    defs: Annotated[
        Path,
        Field(
            alias="INTEGRATION_CENTER_DEFS", default_factory=lambda data: find_default_defs(data.get("dagster_home"))
        ),
    ]
    """The folder of integrations, or `database` to keep them in the database, for all hosts."""
    defs_read_only: Annotated[bool, Field(alias="INTEGRATION_CENTER_DEFS_READ_ONLY")] = False
    """Whether console and command line must not change integrations, such as those of a checkout."""

    database_url: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_DATABASE_URL")] = EMPTY
    """Where accounts, the log of syncs and jobs are kept: `postgresql://USER:PASSWORD@HOST/NAME`, or a SQLite file in
    `DAGSTER_HOME` when empty. On PostgreSQL, Dagster keeps its runs and events in the same database."""

    storage_setting: Annotated[str, Field(alias="INTEGRATION_CENTER_STORAGE")] = ""
    """Where reports, plans, ledgers and snapshots are kept: a folder, or an `s3://`, `az://` or `gs://` prefix that all
    hosts of the installation use."""

    first_day: Annotated[date, Field(alias="INTEGRATION_CENTER_FIRST_DAY")] = date(2020, 1, 1)
    """The first UTC day that Dagster shows as a partition, YYYY-MM-DD: the day from which there are reports. In a new
    installation on one host it is a year before the installation was made."""

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
    def make_absolute(cls, value: Path, info: ValidationInfo) -> Path:
        """Dagster refuses a relative home, and a component tree refuses relative folders."""
        if info.field_name == "defs" and value == IN_DATABASE:
            return value
        folder = resolve_folder(value)
        if info.field_name == "dagster_home" and "?" in str(folder):
            raise ValueError(f"{folder} holds a question mark, which ends the address of a database; name another one")
        return folder

    @field_validator("storage_setting")
    @classmethod
    def make_storage_absolute(cls, value: str) -> str:
        """A folder of frames is found from any working directory."""
        named = value.strip()
        return named if not named or "://" in named else str(resolve_folder(Path(named)))

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of our own tables."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.dagster_home / 'integration_center.db'}"

    @property
    def has_database_server(self) -> bool:
        """Whether the database is one that several hosts can share."""
        url = self.database_url.get_secret_value()
        return bool(url) and not url.startswith("sqlite")

    @property
    def defs_in_database(self) -> bool:
        """Whether integrations are kept in the database."""
        return self.defs == IN_DATABASE

    @property
    def scratch(self) -> Path:
        """The folder of this machine for what a step needs while it runs. It may be deleted at any moment."""
        return self.dagster_home / "storage"

    @property
    def bucket(self) -> str | None:
        """The prefix in object storage where frames are kept; None when they are kept in a folder."""
        return self.storage_setting if "://" in self.storage_setting else None

    @property
    def storage(self) -> Path:
        """The folder where frames are kept, unless `bucket` names a place in object storage."""
        return Path(self.storage_setting) if self.storage_setting and self.bucket is None else self.scratch


def read_paths() -> Paths:
    """Where things are, as the environment and `.env` say it now.

    Raises:
        ConfigurationError: names each variable that is wrong.
    """
    with named_faults():
        home = Paths().dagster_home
        return Paths(_env_file=(home / FIRST_DAY_FILE, home / DEMO_SETTINGS, ENV_FILE))


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
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {say_refusal(fault)}"
            for fault in error.errors()
            if fault["type"] != "default_factory_not_called"  # it follows from another one
        )
        raise ConfigurationError(f"settings: {faults}. Correct the variable in the environment or in .env") from None


def sets_up_openlineage() -> bool:
    """Whether the environment sets up OpenLineage, which has variables of its own."""
    return any(name.startswith("OPENLINEAGE_") for name in os.environ)


def check_env_file(path: Path) -> None:
    """Check that a file of settings can be read.

    Raises:
        ConfigurationError: it is not UTF-8, too large, or closed to this user.
    """
    if not (path.is_file() or path.is_fifo()):  # whatever else is called so is passed over
        return
    try:
        text = read_regular(path).decode()
    except OSError as error:
        raise ConfigurationError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"the settings file {path}, line {line}: this is not UTF-8; save the file as UTF-8"
        ) from None
    if "\0" in text:
        raise ConfigurationError(f"the settings file {path} is no text (it holds a NUL); write it again")
