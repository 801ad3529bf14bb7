"""What the documents tell people to type exists: commands with their options, targets of make, settings, options."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.exceptions import TyperException

from integration_center.cli.verbs import VERBS
from integration_center.integration.spec import Limits
from integration_center.settings import Settings
from integration_center_tests.documents import bare, list_commands, read, read_all, read_pages, read_table

PAGES = sorted(read_all())
GLOBAL = {"--help", "--version", "--install-completion", "--show-completion"}


@pytest.fixture
def check_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Parses a command as the command line does, without running it, where the files that it names are."""
    monkeypatch.chdir(tmp_path)

    def check(words: list[str]) -> None:
        verb, *given = words
        if verb in GLOBAL:
            return
        if verb not in VERBS:
            pytest.fail(f"no verb {verb}")
        for word in given:
            if word.endswith(".pem"):
                Path(word).touch()
        if given:  # a verb alone is named, not shown
            try:
                VERBS[verb].load().make_context(verb, given)
            except TyperException as error:
                pytest.fail(f"integration-center {' '.join(words)}: {error.format_message()}")

    return check


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_exists_with_its_options(page: str, check_command: Callable[[list[str]], None]) -> None:
    for words in list_commands(read_all()[page]):
        check_command(words)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("runs x", "no verb runs"),
        ("run x --day 2026-11-22", "No such option: --day"),
        ("run x y", "unexpected extra argument"),
        ("plan --json", "Missing argument 'SLUG'"),
        ("connect Staging", "'Staging': the name of an account"),
        ("up --port many", "should be a valid integer"),
    ],
)
def test_a_wrong_command_is_found(wrong: str, said: str, check_command: Callable[[list[str]], None]) -> None:
    (words,) = list_commands(f"`integration-center {wrong}`")
    with pytest.raises(pytest.fail.Exception, match=said):
        check_command(words)


def test_every_verb_is_shown_in_a_page_written_by_hand() -> None:
    shown = {words[0] for text in read_pages().values() for words in list_commands(text)}
    assert set(VERBS) <= shown


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^ *|`)make ([a-z-]+)", read_all()[page], re.MULTILINE)) <= targets


def test_every_target_of_make_is_described() -> None:
    said = ["help", *(bare(row[0]).removeprefix("make ") for row in read_table("docs/developing.md", "target"))]
    assert sorted(said) == sorted(re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_limit_named_exists(page: str) -> None:
    text = read_all()[page]
    settings = {field.alias for field in Settings.model_fields.values()}
    named = re.findall(r"\b(?:INTEGRATION_CENTER|WALKME|SALESFORCE_SANDBOX|SALESFORCE_PRODUCTION)_[A-Z_]+\b", text)
    assert set(named) <= settings
    assert set(re.findall(r"`limits\.(\w+)", text)) <= set(Limits.model_fields)
