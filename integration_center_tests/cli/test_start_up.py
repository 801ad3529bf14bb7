"""What a command imports before it works: time that its user waits."""

import ast
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from integration_center.cli.verbs import VERBS
from integration_center.pipeline import late_imports

PROGRAM = """
import sys
from integration_center.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""

OPENED = """
import sys
from integration_center.cli import runs
from integration_center.insights.build import build_source
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.settings import read_settings
from integration_center.pipeline.location.launching import run_here
instance = open_instance(read_settings(), executes_runs=True)
build_source(read_settings())
print(type(instance.get_ref()).__name__)
print(*sorted({part for name in sys.modules for part in (name.partition(".")[0], name)}), file=sys.stderr)
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "defs").mkdir()
    return {"DAGSTER_HOME": str(tmp_path / "home"), "INTEGRATION_CENTER_DEFS": str(tmp_path / "defs")}


def test_the_help_imports_no_verb(home: Mapping[str, str]) -> None:
    done = run("--help", **home)
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.split())
    assert imported.isdisjoint({"dagster", "polars", "sqlalchemy", "httpx", "pydantic", "rich"})
    assert all(f"  {verb} " in done.stdout for verb in VERBS)


@pytest.mark.proof
@pytest.mark.parametrize("verb", ["accounts", "list", "log", "audit"])
def test_a_look_at_our_own_database_imports_no_dagster(home: Mapping[str, str], verb: str) -> None:
    done = run(verb, **home)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()).isdisjoint({"dagster", "polars"})


@pytest.mark.proof
def test_a_run_imports_what_it_needs(home: Mapping[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, **home, "WALKME_SOURCE": "files", "WALKME_FILES_ROOT": str(tmp_path)}
    opened = [
        subprocess.run([sys.executable, "-c", OPENED], env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [each.returncode for each in opened] == [0, 0], opened[0].stderr
    assert "alembic" in opened[0].stderr.split()  # the databases were made
    assert opened[1].stdout == "InstanceRef\n"  # another process knows no other
    unneeded = {"dagster._daemon", "structlog", "tqdm", "alembic", "mako", "upath", "fsspec", "fastexcel", "obstore"}
    unneeded |= {"httpx._main", "pygments", "rich", "watchdog.observers", "dagster._core.workspace.context"}
    unneeded |= {f"sqlalchemy.dialects.{name}" for name in ("mysql", "postgresql")}
    unneeded |= {f"integration_center.pipeline.{name}" for name in ("jobs.release", "starting.alert_watch")}
    unneeded |= {f"integration_center.{name}" for name in ("alerts", "cli.firing", "insights.formats.workbooks")}
    assert unneeded.isdisjoint(opened[1].stderr.split())


@pytest.mark.parametrize("user", late_imports.LATE)
def test_dagster_takes_what_is_put_off_for_the_bodies_of_functions(user: str) -> None:
    found = importlib.util.find_spec(user)
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    late = late_imports.LATE[user]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken = {f"{user}." * node.level + (node.module or ""): [alias.name for alias in node.names] for node in imports}
    assert {module: tuple(taken.get(module, ())) for module in late} == late
    assert set(list_names_outside_functions(tree)).isdisjoint({name for each in late.values() for name in each})


def test_nobody_else_takes_what_is_put_off() -> None:
    program = """
import dagster, sys
from integration_center.pipeline.late_imports import Late
for user, module in sorted(sys.modules.items()):
    print(*(user for held in vars(module).values() if type(held) is Late))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert Counter(done.stdout.split()) == {
        user: sum(map(len, late.values())) for user, late in late_imports.LATE.items()
    }


def list_names_outside_functions(tree: ast.AST) -> Iterator[str]:
    """The names that are looked up while the module is imported, but for what functions say of their arguments."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name):
            yield node.id
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from list_names_outside_functions(node)


@pytest.mark.proof
def test_the_daemon_is_whole_for_whoever_imports_it_later(home: Mapping[str, str]) -> None:
    program = """
import dagster, sys
import integration_center.pipeline
assert "dagster._daemon" not in sys.modules
from dagster._core.storage.runs import RunStorage
import dagster._daemon
from dagster._daemon.types import DaemonHeartbeat
print(dagster._daemon.DaemonHeartbeat is DaemonHeartbeat, dagster._daemon.DagsterDaemonController.__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **home}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True DagsterDaemonController\n", "")


@pytest.mark.proof
def test_a_verb_looks_for_no_plugin_and_starts_no_program(home: Mapping[str, str], tmp_path: Path) -> None:
    package = tmp_path / "noisy-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: noisy\nVersion: 1\n", encoding="utf-8")
    (package / "entry_points.txt").write_text("[pydantic]\nnoisy = noisy\n", encoding="utf-8")
    (tmp_path / "noisy.py").write_text("raise SystemExit('a plugin was imported')", encoding="utf-8")
    program = tmp_path / "file"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'started'}\n", encoding="utf-8")
    program.chmod(0o755)
    found = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = run("list", **home, **found)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("name", VERBS)
def test_the_list_of_verbs_says_what_each_says_of_itself(name: str) -> None:
    command = VERBS[name].load()
    assert command.name == name
    assert " ".join(command.help.split()).startswith(VERBS[name].help)


def test_a_verb_is_completed_by_the_shell() -> None:
    done = run(_INTEGRATION_CENTER_COMPLETE="complete_bash", COMP_WORDS="integration-center l", COMP_CWORD="1")
    assert done.stdout.split() == ["list", "log", "ledger"]


def test_a_misspelt_verb_is_answered_with_the_nearest() -> None:
    done = run("acounts")
    assert done.returncode == 2
    assert "No such command 'acounts'; the nearest is 'accounts'." in done.stderr
