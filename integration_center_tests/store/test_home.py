"""`DAGSTER_HOME`: what a new one is given, and what one that is in use keeps."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from integration_center.settings import FIRST_DAY_FILE, read_paths
from integration_center.store.home import SHOWN, prepare_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that there is not yet, and no `.env` beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTEGRATION_CENTER_FIRST_DAY", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_days_of_a_new_installation_begin_a_year_ago(home: Path) -> None:
    prepare_home(home)
    assert read_paths().first_day == (datetime.now(UTC) - SHOWN).date()
    (home / FIRST_DAY_FILE).write_text("INTEGRATION_CENTER_FIRST_DAY=2026-01-31\n")
    prepare_home(home)
    assert read_paths().first_day == date(2026, 1, 31)


def test_what_is_set_goes_before_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_home(home)
    monkeypatch.setenv("INTEGRATION_CENTER_FIRST_DAY", "2025-05-01")
    assert read_paths().first_day == date(2025, 5, 1)


@pytest.mark.parametrize("name", ["dagster.yaml", "integration_center.db", "history"])
def test_an_installation_that_is_in_use_keeps_its_days(home: Path, name: str) -> None:
    home.mkdir()
    (home / name).touch()
    prepare_home(home)
    assert read_paths().first_day == date(2020, 1, 1)


def test_hosts_of_one_database_server_have_the_same_days(home: Path) -> None:
    prepare_home(home, on_server=True)
    assert read_paths().first_day == date(2020, 1, 1)
