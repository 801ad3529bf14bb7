"""Databases as earlier versions of this program left them."""

import contextlib
import re
import sqlite3
from pathlib import Path

from integration_center.database.engine import build_engine
from integration_center.database.revision import COMPATIBILITY_TABLE, VERSION_TABLE

FILES = ("stored_files", "unused_files")


def make_old(path: Path, *changes: str) -> str:
    """Make a database whose revision is not noted, change it by statements, and return its URL."""
    url = f"sqlite:///{path}"
    build_engine(url).dispose()
    later = [
        f"DROP TABLE {table}"
        for table in (
            *("alert_messages", "incidents", "waiting_days", "workers", "fences", "api_calls"),
            *("stored_files", "unused_files"),
            *("stops", "console_people", "used_assertions", "account_names", "integration_texts"),
            *("step_progress", COMPATIBILITY_TABLE),
        )
    ]
    journal = ("ALTER TABLE sent_work DROP COLUMN fence", "ALTER TABLE sent_work RENAME TO jobs")
    index = ("DROP INDEX ix_sent_work_unsettled", "CREATE INDEX ix_jobs_unsettled ON jobs (org_id, object, settled_at)")
    change(
        path,
        f"DROP TABLE {VERSION_TABLE}",
        *later,
        *journal,
        *index,
        "ALTER TABLE leases DROP COLUMN fence",
        "ALTER TABLE leases DROP COLUMN taken_at",
        *(f"ALTER TABLE console_sessions DROP COLUMN {name}" for name in ("person", "address", "browser", "role")),
        *changes,
    )
    return url


def change(path: Path, *statements: str) -> None:
    """Change a database as another program would."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def read_schema(path: Path) -> dict[str, list[str]]:
    """Read the definitions of a database's tables and indexes, in whatever order their columns are."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    split = {name: [part.strip(" \t()") for part in re.split(r"[,\n]", sql)] for name, sql in found}
    return {name: sorted(part for part in parts if part) for name, parts in split.items()}
