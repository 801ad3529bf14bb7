"""The second part of the tutorial, done as it is written: its files, its commands, and what they print."""

import re
import shlex

import pytest

from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.documents import keep_what_stays, read, read_blocks
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.commands import Command

TUTORIAL = "docs/tutorial.md"


def read_session() -> list[tuple[list[str], str]]:
    """The commands of the tutorial that are shown with what they print."""
    session = "".join(text for _, text in read_blocks(TUTORIAL, "console"))
    shown = re.findall(r"^\$ integration-center (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    return [(shlex.split(command), output) for command, output in shown]


@pytest.fixture
def tutorial(center: Center) -> Center:
    """An installation with the files of the tutorial in it."""
    for title, text in (*read_blocks(TUTORIAL, "csv"), *read_blocks(TUTORIAL, "yaml")):
        place = re.sub(r"\d{4}-\d{2}-\d{2}", str(YESTERDAY), title)
        path = center.home / place.replace("integrations/", "defs/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return center


@pytest.mark.proof
@pytest.mark.usefixtures("tutorial")
def test_the_commands_print_what_the_tutorial_shows(command: Command) -> None:
    session = read_session()
    assert [words[0] for words, _ in session] == ["reports", "check", "plan", "run", "run"]
    for words, shown in session:
        code, output, error = command(*words)
        assert (code, error) == (0, ""), words
        assert keep_what_stays(output) == keep_what_stays(shown), words


def test_the_settings_of_the_tutorial_are_read(tutorial: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tutorial.home))
    for name in ("WALKME_FILES_ROOT", "SALESFORCE_SANDBOX_CLIENT_ID", "SALESFORCE_SANDBOX_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    ((_, text),) = (block for block in read_blocks(TUTORIAL, "sh") if block[0] == ".env")
    (tutorial.home / ".env").write_text(text, encoding="utf-8")
    settings = read_settings()
    assert settings.walkme_files_root == f"{tutorial.home}/integration-center/drops"
    assert settings.sandbox_client_id == "the consumer key"
    assert "integration-center/drops" in read(TUTORIAL)
