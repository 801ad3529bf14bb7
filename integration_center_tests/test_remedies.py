"""What an error says for everybody, and what it says at a terminal alone."""

import pytest

from integration_center.console.plain_words import make_plain, say_error
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.wording.remedies import Said, read_said

RUN = "run: integration-center connect sandbox"


@pytest.mark.parametrize(
    ("error", "terminal", "page"),
    [
        (IntegrationCenterError("it broke"), "it broke", "it broke"),
        (IntegrationCenterError("no account", command=RUN), f"no account; {RUN}", "no account"),
        (
            ConfigurationError("reports have no place", setting="Set WALKME_FILES_ROOT"),
            "reports have no place. Set WALKME_FILES_ROOT",
            "reports have no place. Ask the server admin",
        ),
    ],
)
def test_a_terminal_reads_the_remedy_and_a_page_whom_to_ask(
    error: IntegrationCenterError, terminal: str, page: str
) -> None:
    assert (str(error), say_error(error)) == (terminal, page)


@pytest.mark.parametrize("said", [Said("a"), Said("a", RUN), Said("a", "Set X", by_admin=True)])
def test_a_table_keeps_the_remedy_apart(said: Said) -> None:
    assert read_said(said.store()) == said


def test_a_text_of_several_lines_is_one_sentence() -> None:
    assert read_said(Said("first\nsecond", "run:\nthis").store()) == Said("first second", "run: this")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("broken: /srv/center/defs/a/defs.yaml: line 3", "broken: defs.yaml: line 3"),
        ("a file in /srv/home/storage was read", "a file in storage was read"),
        ("sqlite:////srv/home/center.db is locked", "center.db is locked"),
        (
            "https://login.example/services/oauth2 does not answer",
            "https://login.example/services/oauth2 does not answer",
        ),
        ("keys[0].colunm in line 11: there is no such name", "line 11, colunm of key pair 1: there is no such name"),
        (
            "object in line 5: it is missing; limits.max_changed in line 9: it is empty",
            "line 5, object: it is missing; line 9, max changed of limits: it is empty",
        ),
        ("either/or, 2026/11/22, 5 km/h", "either/or, 2026/11/22, 5 km/h"),
    ],
)
def test_a_page_says_the_name_of_a_file_and_its_line_first(given: str, left: str) -> None:
    assert make_plain(given) == left
