"""Dagster's own databases in `DAGSTER_HOME`: made by one process at a time, and repaired where two made them at once.

Dagster 1.13 makes its SQLite files without a lock. Two commands in a new home left `history/runs.db` with two versions,
and every command after that failed. Source: github.com/dagster-io/dagster/issues/11408.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster import DagsterError
from dagster._check import CheckError
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from sqlalchemy import MetaData, NullPool, create_engine
from sqlalchemy.exc import DatabaseError

from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.files.file_lock import hold_lock
from integration_center.files.regular_files import read_regular
from integration_center.files.yaml_bounds import YamlFault, load_bounded
from integration_center.pipeline.run_history import RunHistory
from integration_center.pipeline.unended_runs import STORAGE_OPTIONS
from integration_center.settings import Settings
from integration_center.store.home import prepare_home

logger = logging.getLogger(__name__)

REMEDY = "correct it, or move it away: the next command writes the one that the project ships"
COMPUTE_LOGS = "compute_logs"
NO_CAPTURE = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
LONGEST_WORDS = 200
"""Characters that are shown of an error's text."""
LOCK = ".opening.lock"
LOCKED_SECONDS = 15
INDEX = "history/runs/index.db"
STORES = {
    "history/runs.db": RunStorageSqlMetadata,
    INDEX: SqlEventLogStorageMetadata,
    "schedules/schedules.db": ScheduleStorageSqlMetadata,
}
"""Dagster's SQLite files, where `dagster.yaml` names no other storage, with what is to be in them."""


def open_instance(settings: Settings, *, executes_runs: bool = False) -> dg.DagsterInstance:
    """Open the Dagster instance of this `DAGSTER_HOME`, with its databases in place.

    Args:
        settings: the settings of the installation.
        executes_runs: whether this process executes runs itself. Then their standard output is not written to files
            for the Dagster UI: Dagster starts four processes for that, and gives each line to the terminal late. And
            the history keeps its connections open, see `RunHistory`. What `dagster.yaml` says of `compute_logs` and
            storages holds.

    Raises:
        ConfigurationError: a database of Dagster's or its `dagster.yaml` is damaged.
    """
    home = settings.dagster_home
    prepare_home(home, on_server=settings.has_database_server)
    with hold_lock(home / LOCK):
        for name, made in STORES.items():
            repair(home / name, made)
        found = check_settings(home / "dagster.yaml")
        overrides = list_overrides(home, found) if executes_runs else {}
        try:
            ref = InstanceRef.from_dir(str(home), overrides=overrides)
            instance = open_without_state(ref) if executes_runs else dg.DagsterInstance.from_ref(ref)
        except (DagsterError, CheckError, ValueError, TypeError, AttributeError, ImportError, yaml.YAMLError) as error:
            raise ConfigurationError(
                f"{home / 'dagster.yaml'} is not what Dagster expects ({type(error).__name__}: {shorten(error)});"
                f" {REMEDY}"
            ) from None
        # Each of them is made when it is first asked for.
        try:
            instance.get_runs_count()
            instance.event_log_storage.get_maximum_record_id()
            instance.all_instigator_state()
        except DatabaseError as error:
            if settings.has_database_server:
                raise ServiceUnavailable(
                    "the database server of Dagster's history does not answer",
                    setting=f"See whether it runs ({type(error.orig).__name__}), and INTEGRATION_CENTER_DATABASE_URL",
                ) from None
            raise ConfigurationError(
                "Dagster's databases cannot be used. The log of syncs is kept elsewhere, and stays",
                setting=f"Bring back a copy of history and schedules in {home} from a backup"
                f" ({shorten(error.orig or error)})",
            ) from None
    return instance


class StatelessRef(InstanceRef):
    """A reference to an instance that keeps no state of components."""

    @property
    def defs_state_storage(self) -> None:
        """Nothing. Dagster would import the access to all kinds of storage, for each command a twentieth of a run."""


def open_without_state(ref: InstanceRef) -> dg.DagsterInstance:
    """Open an instance without the store of the state of components: no component of ours has one.

    Others get the reference of Dagster's own class, which alone can be sent to another process.
    """
    instance = dg.DagsterInstance.from_ref(StatelessRef._make(ref))
    instance._ref = ref
    return instance


def list_overrides(home: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """List the options of a process that executes runs itself, as far as `dagster.yaml` does not set them."""
    overrides: dict[str, Any] = {} if COMPUTE_LOGS in options else {COMPUTE_LOGS: NO_CAPTURE}
    if not STORAGE_OPTIONS & options.keys():
        history = {"module": RunHistory.__module__, "class": RunHistory.__name__, "config": {"base_dir": str(home)}}
        overrides["storage"] = {"custom": history}
    return overrides


def check_settings(path: Path) -> Mapping[str, Any]:
    """Check that `dagster.yaml` can be read, before Dagster does, and return its options.

    Raises:
        ConfigurationError: it is no YAML, or no regular file.
    """
    try:
        text = read_regular(path).decode()
        found = load_bounded(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; {REMEDY}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; {REMEDY}") from None
    except YamlFault as fault:
        raise ConfigurationError(f"{path}: {fault}; {REMEDY}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no YAML ({shorten(error)}); {REMEDY}") from None
    if found is not None and not isinstance(found, dict):
        raise ConfigurationError(f"{path} must hold options such as `telemetry:`, each on a line; {REMEDY}")
    return found or {}


def shorten(error: BaseException) -> str:
    """The first words of an error that a library raised."""
    words = " ".join(str(error).split())
    return words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]} …"


def repair(path: Path, made: MetaData) -> None:
    """Repair a database that two processes made at once, or that a process only began to make.

    Two versions: both processes made the tables of today, so the version of today stays. An index without tables
    holds nothing, and Dagster makes it again from the files of the runs.

    A version of today without all tables of today: Dagster would not make them again, so they are made here.

    Args:
        path: one of Dagster's SQLite files; it need not be there.
        made: its tables.

    Raises:
        ConfigurationError: it is no database, or cannot be opened.
    """
    if not os.path.lexists(path):
        return
    if not path.is_file():  # a pipe would be waited for, a device never ends
        raise ConfigurationError(f"Dagster's database {path} is no regular file; bring back a copy from a backup")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=LOCKED_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "alembic_version" in tables:
                versions = [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")]
                if len(versions) > 1:
                    kept = find_newest(versions)
                    with connection:
                        connection.execute("DELETE FROM alembic_version WHERE version_num <> ?", (kept,))
                    versions = [kept]
                    logger.warning("%s was made by two processes at once, and is repaired", path)
                missing = made.tables.keys() - tables
                if missing and versions == [find_newest([])]:
                    make_tables(path, made)
                    logger.warning("%s lacked %s; they are made again, empty", path, ", ".join(sorted(missing)))
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"Dagster's database {path} cannot be opened: {error}") from None
    except sqlite3.DatabaseError:
        raise ConfigurationError(
            f"Dagster's database {path} is damaged or no database. Bring back a copy from a backup. The log of syncs"
            " is kept elsewhere, and stays"
        ) from None
    if path.match(INDEX) and "event_logs" not in tables:
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


def find_newest(versions: Sequence[str]) -> str:
    """The one of some versions that is the furthest on in Dagster's migrations; that of today when there are none."""
    from alembic.script import ScriptDirectory  # only a damaged home needs it
    from dagster._core.storage.runs.sqlite import sqlite_run_storage
    from dagster._core.storage.sql import get_alembic_config

    script = ScriptDirectory.from_config(get_alembic_config(sqlite_run_storage.__file__))
    newest_first = [revision.revision for revision in script.walk_revisions()]
    return min(versions, key=lambda version: [*newest_first, version].index(version), default=newest_first[0])


def make_tables(path: Path, made: MetaData) -> None:
    """Make the tables that a database lacks."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    made.create_all(engine)
