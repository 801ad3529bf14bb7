"""Read from Dagster's tables which runs have not ended, without Dagster, whose imports take seconds on a busy machine.

The tables are those of Dagster's own SQLite files, or of `server_storage` beside ours. An installation that keeps
Dagster's history elsewhere has to ask Dagster.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, text

from integration_center.database.engine import reading
from integration_center.errors import IntegrationCenterError
from integration_center.files.regular_files import read_regular
from integration_center.settings import Settings

OWN_STORAGES = "integration_center.pipeline."
"""How the modules of our own storage classes begin. Their tables are where this module looks."""
STORAGE_OPTIONS = frozenset({"storage", "run_storage", "event_log_storage", "schedule_storage"})
"""The options of `dagster.yaml` that name where Dagster keeps its history."""
WAIT_SECONDS = 0.5
INTEGRATION_TAG = "integration"
"""The tag of a run that holds the slug of its integration."""
UNENDED = """
    SELECT coalesce(named.value, runs.pipeline_name), runs.run_id FROM runs
    LEFT JOIN run_tags AS named ON named.run_id = runs.run_id AND named."key" = :tag
    WHERE runs.status IN ('STARTING', 'STARTED', 'CANCELING', 'QUEUED', 'NOT_STARTED')
    ORDER BY CASE WHEN runs.status IN ('QUEUED', 'NOT_STARTED') THEN 1 ELSE 0 END, runs.id DESC
"""


def list_unended(settings: Settings, engine: Engine) -> Sequence[str] | None:
    """Name the runs that have not ended, those under way first; None where only Dagster knows.

    Args:
        settings: of the installation.
        engine: our database, which holds Dagster's tables, too, where it is on a server.
    """
    try:
        if _is_elsewhere(settings.dagster_home / "dagster.yaml"):
            return None
        rows = _ask_server(engine) if settings.has_database_server else _ask_file(settings.dagster_home)
    except (OSError, ValueError, yaml.YAMLError, sqlite3.Error, IntegrationCenterError):
        return None  # Dagster is asked all the same, and says what is wrong
    return [name_run(name, run_id) for name, run_id in rows]


def name_run(name: str, run_id: str) -> str:
    """Name a run for people: its integration, or its job, and the beginning of its id."""
    return f"{name} ({run_id[:8]})"


def _is_elsewhere(path: Path) -> bool:
    options = yaml.safe_load(read_regular(path).decode()) or {}
    named = [options[name] for name in STORAGE_OPTIONS & options.keys()]
    return not all(_read_module(each).startswith(OWN_STORAGES) for each in named)


def _read_module(storage: Any) -> str:
    custom = storage.get("custom") if isinstance(storage, dict) else None
    return str(custom.get("module")) if isinstance(custom, dict) else ""


def _ask_file(home: Path) -> Iterable[Sequence[Any]]:
    address = f"{(home / 'history' / 'runs.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as connection:
        return connection.execute(UNENDED, {"tag": INTEGRATION_TAG}).fetchall()


def _ask_server(engine: Engine) -> Iterable[Sequence[Any]]:
    with reading(engine) as connection:
        return connection.execute(text(UNENDED), {"tag": INTEGRATION_TAG}).all()
