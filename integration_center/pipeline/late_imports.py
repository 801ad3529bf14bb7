"""Lets Dagster import some modules when it needs them, and not whenever it opens its history.

Of what a command imports besides Dagster itself and Polars, Alembic took a fifth, and Dagster's daemon a twelfth.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

LATE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
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
"""What some modules of Dagster, which are not public, take from others: functions and classes that they name in the
bodies of their functions."""
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
        module, name = self._place
        return getattr(importlib.import_module(module), name)


def put_off_imports() -> None:
    """Import the modules of `LATE`, and that of the daemon's types, without what they need only at times.

    What is imported already stays as it is. Code that imports later what was put off gets that itself.
    """
    if DAEMON not in sys.modules:
        package = ModuleType(DAEMON)
        package.__path__ = [str(Path(folder, "_daemon")) for folder in sys.modules["dagster"].__path__]
        with stood_in({DAEMON: package}):
            importlib.import_module(DAEMON_TYPES)
    for user, names in LATE.items():
        if user not in sys.modules:
            with stood_in({module: build_stand_in(module, each) for module, each in names.items()}):
                importlib.import_module(user)


def build_stand_in(module: str, names: tuple[str, ...]) -> ModuleType:
    """Build a module that holds a stand-in for each of some functions and classes."""
    stand_in = ModuleType(module)
    for name in names:
        setattr(stand_in, name, Late(module, name))
    return stand_in


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
