"""What a command imports before it works: time that its user waits."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration_center.cli.verbs import VERBS

PROGRAM = """
import sys
from integration_center.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
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
    assert imported.isdisjoint({"dagster", "polars", "sqlalchemy", "httpx", "pydantic"})
    assert all(f"  {verb} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", ["accounts", "list", "log", "audit"])
def test_a_look_at_our_own_database_imports_no_dagster(home: Mapping[str, str], verb: str) -> None:
    done = run(verb, **home)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()).isdisjoint({"dagster", "polars"})


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
