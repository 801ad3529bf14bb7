"""Lets libraries import some modules when they need them, and not whenever Dagster opens its history.

Of what a command imports besides Dagster itself and Polars, Alembic took a fifth, Dagster's daemon a twelfth, and the
rest of what is put off here a tenth.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from integration_center.database.dialect_options import dialects_put_off

WORKSPACE = "dagster._core.workspace.context"
LATE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "httpx": {"httpx._main": ("main",)},
    "dagster._core.execution.submit_asset_runs": {
        WORKSPACE: ("BaseWorkspaceRequestContext", "IWorkspaceProcessContext")
    },
    "dagster._core.execution.asset_backfill": {WORKSPACE: ("BaseWorkspaceRequestContext", "IWorkspaceProcessContext")},
    "dagster._core.execution.backfill": {WORKSPACE: ("BaseWorkspaceRequestContext",)},
    "dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log": {"watchdog.observers": ("Observer",)},
    "dagster._core.storage.event_log.sqlite.sqlite_event_log": {
        "tqdm": ("tqdm",),
        "watchdog.observers": ("Observer",),
    },
    "dagster._core.storage.sql": {
        "alembic.command": ("downgrade", "stamp", "upgrade"),
        "alembic.config": ("Config",),
        "alembic.runtime.environment": ("EnvironmentContext",),
        "alembic.runtime.migration": ("MigrationContext",),
        "alembic.script": ("ScriptDirectory",),
    },
    "dagster._core.storage.event_log.migration": {"tqdm": ("tqdm",)},
    "dagster._core.storage.runs.migration": {"tqdm": ("tqdm",)},
    "dagster._core.storage.schedules.migration": {"tqdm": ("tqdm",)},
}
"""What some modules, of which those of Dagster are not public, take from others: functions and classes that they name
in their functions alone, and the command line of httpx."""
DAEMON, DAEMON_TYPES = "dagster._daemon", "dagster._daemon.types"  # not public
"""A package that imports the whole daemon, and the one module of it that Dagster's history needs."""


class Late:
    """A function or class of a module that is imported when it is called, or asked for an attribute."""

    def __init__(self, module: str, name: str) -> None:
        self._place = module, name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function, or make an object of the class."""
        return self._find()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        """Find an attribute of the class."""
        return getattr(self._find(), name)

    def _find(self) -> Any:
        return resolve_name(".".join(self._place))


def put_off_imports() -> None:
    """Import the modules of `LATE`, and that of the daemon's types, without what they need only at times.

    What is imported already stays as it is. Code that imports later what was put off gets that itself.
    """
    if DAEMON not in sys.modules:
        package = ModuleType(DAEMON)
        package.__path__ = [str(Path(folder, "_daemon")) for folder in sys.modules["dagster"].__path__]
        with stood_in({DAEMON: package}):
            importlib.import_module(DAEMON_TYPES)
    with put_off(*LATE.values()), dialects_put_off():
        for user in LATE:  # each may import others of them
            importlib.import_module(user)


@contextmanager
def put_off(*late: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """Let imports find stand-ins for some functions and classes of modules, for the length of the block."""
    stand_ins: dict[str, ModuleType] = {}
    for module, names in (item for each in late for item in each.items()):
        stand_in = stand_ins.setdefault(module, ModuleType(module))
        vars(stand_in).update({name: Late(module, name) for name in names})
    with stood_in(stand_ins):
        yield


@contextmanager
def stood_in(modules: Mapping[str, ModuleType]) -> Iterator[None]:
    """Let imports find these modules for the length of the block, but for those that are imported already."""
    new = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(new)
    try:
        yield
    finally:
        for name in new:
            del sys.modules[name]
