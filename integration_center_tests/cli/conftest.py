"""The command line in a home that nobody has used yet."""

from pathlib import Path

import pytest

from integration_center.settings import Settings
from integration_center_tests.pipeline.commands import Command, build_command


def enter_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have the settings of a home, and no others."""
    for field in Settings.model_fields.values():
        if field.alias:
            monkeypatch.delenv(field.alias, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", str(home / "defs"))
    monkeypatch.chdir(home)  # away from the project's own .env


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in an empty home."""
    enter_home(tmp_path, monkeypatch)
    return build_command(monkeypatch, capsys)
