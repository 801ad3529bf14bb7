"""How the workers of pytest-xdist share the tests, and the rewriting of their asserts."""

import sys
from collections import Counter
from functools import cached_property
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _rewrite_test, _write_pyc, get_cache_dir, try_makedirs  # not public
from _pytest.assertion.rewrite import assertstate_key as state_of_rewriting
from xdist.scheduler import LoadGroupScheduling

UNIT = 12
"""So many tests of a module, one after the other, run on one worker."""


class UnitsOfModules(LoadGroupScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a worker some tests of a module at a time, or a whole group.

    By one test at a time, nearly each module would run on all workers: each would start the module's servers, and read
    what its tests read once.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the unit that a test belongs to."""
        unit = self._units.get(nodeid)
        if unit is None:
            unit = super()._split_scope(nodeid)
            if unit == nodeid:  # it has no group
                module = nodeid.partition("::")[0]
                unit = f"{module} {self._counted[module] // UNIT}"
                self._counted[module] += 1
            self._units[nodeid] = unit
        return unit

    @cached_property
    def _units(self) -> dict[str, str]:
        return {}

    @cached_property
    def _counted(self) -> Counter[str]:
        return Counter()


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite what of a worker's share of the modules is not rewritten yet, and keep it for the other workers.

    All workers collect at the same moment, so a new checkout would be rewritten by each of them: 6 s of processor time.
    """
    place = getattr(config, "workerinput", None)
    if not place or sys.dont_write_bytecode or config.getoption("assertmode") != "rewrite":
        return
    folders = [config.invocation_params.dir / argument for argument in config.args]
    modules = sorted({module for folder in folders for module in folder.rglob("*.py")})
    own = int(place["workerid"].removeprefix("gw")) % place["workercount"]
    for module in modules[own :: place["workercount"]]:
        if module.name.startswith("test_"):
            keep_rewritten(module, config)


def keep_rewritten(module: Path, config: pytest.Config) -> None:
    """Rewrite a module where pytest will look for it, unless that was done since it changed."""
    folder = get_cache_dir(module)
    kept = folder / (module.stem + PYC_TAIL)
    if kept.exists() and kept.stat().st_mtime >= module.stat().st_mtime:
        return
    if try_makedirs(folder):
        status, code = _rewrite_test(module, config)
        _write_pyc(config.stash[state_of_rewriting], code, status, kept)
