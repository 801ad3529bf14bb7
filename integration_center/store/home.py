"""Prepare `DAGSTER_HOME`, the folder of one installation, with the project's Dagster settings in it."""

import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from integration_center.files.regular_files import read_regular
from integration_center.settings import FIRST_DAY_FILE

SHIPPED = files("integration_center.store") / "dagster.yaml"
"""The Dagster settings that the project ships."""
ON_SERVER = files("integration_center.store") / "dagster_server.yaml"
"""What is added to them where our database is on a server: Dagster's history goes there, too."""
SHOWN = timedelta(days=365)
"""How long before a new installation its partitions begin: as far back as first reports are usually read."""
MADE_SOON = ("dagster.yaml", "integration_center.db", "history", FIRST_DAY_FILE)
"""What a folder that has been used as `DAGSTER_HOME` holds."""
SHIPPED_BEFORE = frozenset(
    {
        "7f6937f6a0d1b545d898f70315452cde71c2b3af29e275af3f87c694d07dda04",
        "eeea6268b249cd23575198c6b00baa4ebae7061d5a008c59ba9434a32c0ad35e",
        "9ef0ce2307b7336fc64c517bd02f45bbf07363044e2e09109cbc7629c6cd84f5",
        "e00dcffc22a1cd8130f80018a773294d8b11fc584e7cb4b633cea2c2ff79f2b7",
    }
)
"""The SHA-256 of each `dagster.yaml` that the project shipped earlier."""


def prepare_home(home: Path, *, on_server: bool = False) -> None:
    """Make `DAGSTER_HOME`, with the Dagster settings that the project ships, unless the folder has its own.

    The partitions of a new installation begin a year ago, so that Dagster shows no years that nothing will ever fill.
    With a database server they do not: several hosts, made on different days, must have the same.

    Settings that the project wrote, and that nobody has changed, follow its newest version and the place of the
    database.

    Args:
        home: the folder.
        on_server: whether our database is on a server, which then holds Dagster's history, too.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = home / "dagster.yaml"
    if not on_server and not any((home / name).exists() for name in MADE_SOON):
        first_day = (datetime.now(UTC) - SHOWN).date()
        (home / FIRST_DAY_FILE).write_text(f"INTEGRATION_CENTER_FIRST_DAY={first_day}\n", encoding="utf-8")
    shipped, added = SHIPPED.read_bytes(), ON_SERVER.read_bytes()
    wanted, other = (shipped + added, shipped) if on_server else (shipped, shipped + added)
    if not own.exists() or _is_unchanged(own, other):
        new = own.with_name(f"{own.name}.{os.getpid()}.new")
        new.write_bytes(wanted)
        new.replace(own)


def _is_unchanged(path: Path, other: bytes) -> bool:
    """Return whether a file is one that the project wrote for an earlier version, or for another database.

    False for a file that cannot be read.
    """
    try:
        text = read_regular(path)
    except OSError:
        return False
    return text == other or sha256(text).hexdigest() in SHIPPED_BEFORE
