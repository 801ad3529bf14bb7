"""An installation in a folder whose name holds what patterns, addresses and shells read as something else."""

import re
from pathlib import Path

import pytest

from integration_center.errors import ConfigurationError
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command

ODD = "a [b] {c}*é #1 %41;'$x &"


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """The folder in which all of a test's files are."""
    folder = tmp_path / ODD
    folder.mkdir()
    return folder


@pytest.mark.sampled
@pytest.mark.sqlite
@pytest.mark.parametrize("rows_without_bulk", [0, 100])
def test_days_are_synced_read_and_taken_back(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch, rows_without_bulk: int
) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", rows_without_bulk)
    center.integrate()
    center.drop(logins(PLAIN, count=7), days_before(1))
    first = center.run(day=days_before(1))
    assert first.success, first.error
    center.drop(logins(PLAIN, count=8))
    second = center.run()
    assert second.success, second.error
    assert center.ledger(second)["key"].to_list() == [email(number) for number in PLAIN]
    assert {center.lead(number)[COUNT] - number for number in PLAIN} == {8}

    assert command("ledger", second.run_id, "--csv", str(center.home / "ledger.csv"))[0] == 0
    assert command("why", center.lead(PLAIN[0])["Id"])[0] == 0
    assert command("check")[0] == 0
    code, shown, said = command("undo", second.run_id, "--yes")
    assert code == 0, said
    assert {center.lead(number)[COUNT] - number for number in PLAIN} == {7}

    code, shown, said = command("forget-person", email(PLAIN[0]), "--erase")
    assert code == 0, said
    assert "cannot be read" not in shown + said


def test_a_home_with_a_question_mark_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database would be a file beside the home, called by what comes before the mark."""
    monkeypatch.setenv("DAGSTER_HOME", str(home / "what?"))
    with pytest.raises(ConfigurationError, match=re.escape("DAGSTER_HOME") + ".*question mark.*another one"):
        read_settings()


@pytest.mark.parametrize("variable", ["DAGSTER_HOME", "INTEGRATION_CENTER_DEFS", "INTEGRATION_CENTER_STORAGE"])
@pytest.mark.parametrize(
    ("place", "reason"),
    [("loop", "symbolic link"), ("file", "not a folder"), ("file/in", "Not a directory"), ("~nobody-here/x", "home")],
)
def test_what_can_be_no_folder_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str, reason: str
) -> None:
    (home / "loop").symlink_to(home / "loop")
    (home / "file").touch()
    monkeypatch.setenv(variable, place if place.startswith("~") else str(home / place))
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    assert reason in str(refused.value)
    assert "factory" not in str(refused.value)


@pytest.mark.parametrize("variable", ["WALKME_FILES_ROOT", "INTEGRATION_CENTER_USERS"])
def test_the_home_of_nobody_is_a_place_that_is_not_there(
    home: Path, command: Command, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "~nobody-here/x")
    code, _, said = command("doctor")
    assert code == 1
    assert "unexpected" not in said
    assert "RuntimeError" not in said


@pytest.mark.parametrize("verb", ["import", "export", "init"])
@pytest.mark.parametrize("place", ["loop", "~nobody-here/x"])
def test_commands_say_what_is_wrong_with_a_folder(home: Path, command: Command, verb: str, place: str) -> None:
    (home / "loop").symlink_to(home / "loop")
    code, shown, said = command(verb, place)
    assert "unexpected" not in said
    assert "RuntimeError" not in said
    assert code in {1, 2} or (verb, place) == ("init", "~nobody-here/x"), shown
