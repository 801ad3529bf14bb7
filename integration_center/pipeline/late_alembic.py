"""Lets Dagster import Alembic when it makes or upgrades a database, and not whenever it opens one.

Alembic takes a fifth of what a command imports besides Dagster itself and Polars.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

USER = "dagster._core.storage.sql"  # not public
NAMES = {
    "alembic.command": ("downgrade", "stamp", "upgrade"),
    "alembic.config": ("Config",),
    "alembic.runtime.environment": ("EnvironmentContext",),
    "alembic.runtime.migration": ("MigrationContext",),
    "alembic.script": ("ScriptDirectory",),
}
"""What Dagster's module takes from Alembic: functions and classes that it names in the bodies of its functions."""


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


def put_off_alembic() -> None:
    """Import Dagster's one module that imports Alembic, with stand-ins for Alembic's modules meanwhile.

    Nothing happens where one of them is imported already. Code that imports Alembic later gets Alembic itself.
    """
    if USER in sys.modules or "alembic" in sys.modules:
        return
    stand_ins = {module: ModuleType(module) for module in NAMES}
    for module, stand_in in stand_ins.items():
        for name in NAMES[module]:
            setattr(stand_in, name, Late(module, name))
    sys.modules.update(stand_ins)
    try:
        importlib.import_module(USER)
    finally:
        for module in stand_ins:
            del sys.modules[module]
