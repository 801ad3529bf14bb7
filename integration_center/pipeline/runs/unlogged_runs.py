"""Completes the log of syncs, and imports Dagster for it only where its history may hold something new.

Importing Dagster takes more than a second, and most looks at the log find nothing new.
"""

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import yaml

from integration_center.files.regular_files import SMALL, read_regular
from integration_center.files.text_files import write_atomically
from integration_center.files.yaml_bounds import YamlFault, load_bounded
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec

RUNS = "history/runs.db"
"""Where Dagster keeps its runs, unless `dagster.yaml` names another storage."""
NO_RUNS = "no runs yet"
MARK = ".logged_runs"
"""Beside our database: how Dagster's history looked when the log was last completed from it."""
LOOK = """
SELECT COUNT(*) FILTER (WHERE status IN ('NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')),
       COUNT(*) FILTER (WHERE status IN ('FAILURE', 'CANCELED')) || ' ended badly, the last one at '
       || COALESCE(MAX(update_timestamp) FILTER (WHERE status IN ('FAILURE', 'CANCELED')), 'no time')
FROM runs
"""


def log_ended_runs(installation: Installation, specs: Mapping[str, IntegrationSpec | None]) -> None:
    """Close the lines whose runs have ended, and add those of runs that failed before their line was opened.

    Args:
        installation: ours.
        specs: the integrations by slug; None for a broken one.
    """
    home = installation.settings.dagster_home
    seen = look_at_runs(home)
    mark = home / MARK
    if seen in (NO_RUNS, read_mark(mark)) and not installation.syncs.running():
        return
    from integration_center.pipeline.instance.dagster_storage import open_instance
    from integration_center.pipeline.runs.history import complete_log

    with open_instance(installation.settings) as instance:
        complete_log(instance, installation, specs)
    if seen is not None:
        with contextlib.suppress(OSError):  # the next look is slower, and finds the same
            write_atomically(mark, seen)


def look_at_runs(home: Path) -> str | None:
    """What shows that Dagster's history of runs has changed: how many ended badly, and when the last one did.

    Returns:
        None when a run is under way, or when only Dagster can tell.
    """
    runs = home / RUNS
    try:
        if not keeps_runs_here(home / "dagster.yaml") or (os.path.lexists(runs) and not runs.is_file()):
            return None
        if not runs.exists():
            return NO_RUNS
        with contextlib.closing(sqlite3.connect(f"{runs.as_uri()}?mode=ro", uri=True)) as connection:
            under_way, ended = connection.execute(LOOK).fetchone()
    except (OSError, ValueError, YamlFault, yaml.YAMLError, RecursionError, sqlite3.Error):
        return None  # whatever is wrong there, Dagster's own opening says it
    return None if under_way else str(ended)


def keeps_runs_here(settings: Path) -> bool:
    """Whether Dagster's settings leave its history in the files of the home.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no text, or too large.
        YamlFault: its bounds are broken.
        yaml.YAMLError: it is no YAML.
    """
    if not os.path.lexists(settings):
        return True
    text = read_regular(settings, most=SMALL).decode()
    found = load_bounded(text)
    return found is None or (isinstance(found, dict) and not any("storage" in str(name) for name in found))


def read_mark(path: Path) -> str:
    """How the history looked when the log was last completed; empty when that is not known."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
