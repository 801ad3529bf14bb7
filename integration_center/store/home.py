"""Prepare `DAGSTER_HOME`, the folder of one installation, with the project's Dagster settings in it."""

import os
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from integration_center.files.regular_files import read_regular

SHIPPED = files("integration_center.store") / "dagster.yaml"
"""The Dagster settings that the project ships."""
SHIPPED_BEFORE = frozenset(
    {
        "7f6937f6a0d1b545d898f70315452cde71c2b3af29e275af3f87c694d07dda04",
        "eeea6268b249cd23575198c6b00baa4ebae7061d5a008c59ba9434a32c0ad35e",
    }
)
"""The SHA-256 of each `dagster.yaml` that the project shipped earlier."""


def prepare_home(home: Path) -> None:
    """Make `DAGSTER_HOME`, with the Dagster settings that the project ships, unless the folder has its own.

    Settings that an earlier version of the project wrote, and that nobody has changed, are replaced.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = home / "dagster.yaml"
    if not own.exists() or _is_shipped_before(own):
        new = own.with_name(f"{own.name}.{os.getpid()}.new")
        new.write_bytes(SHIPPED.read_bytes())
        new.replace(own)


def _is_shipped_before(path: Path) -> bool:
    """Return whether a file is a `dagster.yaml` of an earlier version. False for a file that cannot be read."""
    try:
        return sha256(read_regular(path)).hexdigest() in SHIPPED_BEFORE
    except OSError:
        return False
