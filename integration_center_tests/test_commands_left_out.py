"""What pages say of errors whose texts name a terminal command."""

import pytest

from integration_center.wording.commands import drop_commands, make_plain


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("no Sandbox account is connected; run: integration-center connect sandbox", "no Sandbox account is connected"),
        ("tokens (expired); reconnect: integration-center connect a", "tokens (expired)"),
        (
            "Held. Nothing runs until an admin resumes: integration-center resume",
            "Held. Nothing runs until an admin resumes",
        ),
        ("waiting for approval: integration-center release 1a.2", "waiting for approval"),
        (
            "nothing is sent before somebody approves: integration-center release 1a",
            "nothing is sent before somebody approves",
        ),
        ("Start it: integration-center up, or the services of your own.", ""),
        ("Try it again. Try it: integration-center alerts test. Then look.", "Try it again. Then look."),
        ("the run is not known; `integration-center plan a` finds it out, then undo it", "the run is not known"),
        ("no ledger of 'a'; see `integration-center log a`", "no ledger of 'a'"),
        ("All is well; look at logins.csv.", "All is well; look at logins.csv."),
    ],
)
def test_a_command_is_left_out_with_what_leads_to_it(given: str, left: str) -> None:
    assert drop_commands(given) == left


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("broken: /srv/center/defs/a/defs.yaml: line 3", "broken: defs.yaml: line 3"),
        ("a file in /srv/home/storage was read", "a file in storage was read"),
        (
            "https://login.example/services/oauth2 does not answer",
            "https://login.example/services/oauth2 does not answer",
        ),
        ("either/or, 2026/11/22, 5 km/h", "either/or, 2026/11/22, 5 km/h"),
    ],
)
def test_of_a_path_the_name_is_left(given: str, left: str) -> None:
    assert make_plain(given) == left
