"""`dg scaffold defs`: what it asks for at a terminal, and what it refuses."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from integration_center.errors import ConfigurationError
from integration_center.pipeline.location.scaffolding import EXAMPLE, fill_in


class Terminal(io.StringIO):
    """Answers that somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "typed", "expected"),
    [
        ({}, ["", "", "", "", "", ""], EXAMPLE),
        (
            {"object": "Contact"},
            ["production", "marts/usage", "email=Email", "a=A__c, b=B__c"],
            {"object": "Contact", "environment": "production", "asset": "marts/usage", "keys": ["email=Email"],
             "fields": ["a=A__c", " b=B__c"]},
        ),
        (
            {**EXAMPLE, "account": "emea-prod", "environment": None, "report": None},
            ["", "NPS"],
            {**EXAMPLE, "account": "emea-prod", "report": "NPS"},
        ),
    ],
    ids=["the example", "an asset", "a report"],
)  # fmt: skip
def test_a_terminal_is_asked_for_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, given: Mapping[str, Any], typed: list[str], expected: Mapping[str, Any]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n".join([*typed, ""])))
    if expected.get("account"):
        expected = {name: value for name, value in expected.items() if name != "environment"}
    assert fill_in({name: value for name, value in given.items() if value is not None}) == expected


def test_without_a_terminal_a_part_is_refused_and_nothing_is_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert fill_in({"name": "Logins"}) == {**EXAMPLE, "name": "Logins", "enabled": False}
    with pytest.raises(ConfigurationError, match="give these options, too: --report or --asset, --object, --fields"):
        fill_in({"account": "emea-prod", "keys": ["a=B"]})
    with pytest.raises(ConfigurationError, match="give --report or --asset, not both"):
        fill_in({"report": "NPS", "asset": "marts/usage"})
