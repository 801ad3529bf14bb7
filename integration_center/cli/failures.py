"""Describes a failure that the code did not foresee: one sentence for the terminal, a file with the details."""

import contextlib
import errno
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy.exc

from integration_center.database.system_failures import advise
from integration_center.errors import ConfigurationError
from integration_center.settings import read_paths

FOLDER = "failures"
"""In `DAGSTER_HOME`: the reports of unforeseen failures."""
KEPT = 50
"""Reports that stay; the oldest ones go."""


def describe_failure(error: BaseException) -> str:
    """Say in one sentence what happened. The details of what nobody foresaw go to a report file."""
    home = find_home()
    if advice := advise(error, home):
        place = home if isinstance(error, sqlalchemy.exc.DBAPIError) else getattr(error, "filename", None)
        return f"{place}: {advice}" if place else advice
    what = type(error).__name__
    if isinstance(error, sqlalchemy.exc.DatabaseError):
        what = f"a database of Dagster's did not work, {what}"
    report = write_report(error)
    if report is None:
        return f"something unexpected happened ({what}), and no report of it could be written"
    return f"something unexpected happened ({what}). The details are in {report}; give this file to the server admin"


def write_report(error: BaseException) -> Path | None:
    """Write what helps to find the cause to a file that only this user may read.

    Returns:
        The file; None where neither the home nor the folder of temporary files can be written.
    """
    text = "\n".join(describe(error)) + "\n"
    for folder in choose_folders():
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = tempfile.mkstemp(".txt", f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-", folder)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            for old in sorted(folder.glob("*.txt"))[:-KEPT]:
                if old.parent.name == FOLDER:
                    old.unlink(missing_ok=True)
        except OSError:
            continue
        return Path(name)
    return None


def choose_folders() -> Iterator[Path]:
    """Where a report may go: the home if there is one, else the folder of temporary files."""
    if home := find_home():
        yield home / FOLDER
    yield Path(tempfile.gettempdir())


def find_home() -> Path | None:
    """Return the home; None where the settings may be what failed."""
    with contextlib.suppress(ConfigurationError):
        return read_paths().dagster_home
    return None


def describe(error: BaseException) -> Iterator[str]:
    """Lines about an error and its causes. Their texts may quote secrets and values of records, so these are left out.

    Of the arguments only the verb and the names of the options are given.
    """
    options = [argument.partition("=")[0] for argument in sys.argv[2:] if argument.startswith("--")]
    yield f"{datetime.now(UTC).isoformat(timespec='seconds')}"
    yield f"integration-center {' '.join([*sys.argv[1:2], *options])}"
    packages = ", ".join(f"{name} {version(name)}" for name in ("integration-center", "dagster", "polars", "httpx"))
    yield f"{packages}, Python {platform.python_version()}, {platform.platform()}"
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        yield ""
        yield f"{type(each).__module__}.{type(each).__qualname__}{describe_cause(each)}"
        yield "".join(traceback.format_tb(each.__traceback__)).rstrip()
        each = each.__cause__ or each.__context__


def describe_cause(error: BaseException) -> str:
    """What is known of an error besides its text."""
    match error:
        case OSError(errno=int(number)):
            return f": {errno.errorcode.get(number, number)}, {os.strerror(number)}"
        case UnicodeError():
            return f": {getattr(error, 'encoding', '')} at {getattr(error, 'start', '')}"
        case ImportError(name=str(name)) | AttributeError(name=str(name)) | NameError(name=str(name)):
            return f": {name}"
        case sqlalchemy.exc.DBAPIError(orig=BaseException() as cause):
            return f": {getattr(cause, 'sqlite_errorname', type(cause).__name__)}"
    return ""
