"""Rewriting the asserts of the tests: each worker a share of the modules, where pytest lets each worker rewrite all."""

import sys
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _rewrite_test, _write_pyc, get_cache_dir, try_makedirs  # not public
from _pytest.assertion.rewrite import assertstate_key as state_of_rewriting


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite what of a worker's share of the modules is not rewritten yet, and keep it for the other workers.

    All workers collect at the same moment, so a new checkout would be rewritten by each of them: 6 s of processor time.
    """
    place = getattr(config, "workerinput", None)
    if not place or sys.dont_write_bytecode:
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
