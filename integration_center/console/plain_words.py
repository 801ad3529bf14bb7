"""Texts as pages show them: without commands and names of settings, of a file its name alone, and its line first."""

import re

from integration_center.console.option_words import name_options
from integration_center.errors import IntegrationCenterError
from integration_center.wording.remedies import Said

PATH = re.compile(r"(?<![\w:/.])(?:sqlite:/{2,3})?/(?:[\w.@+-]+/)+([\w.@+-]+)")
"""An absolute path, not one within an address. Texts about a file begin with its path, for the terminal's sake."""


PLACE = re.compile(r"(?P<place>[a-z_]+(?:\[\d+\])?(?:\.[^\s;:.\[\]]+(?:\[\d+\])?)*) in line (?P<line>\d+): ")
"""A place in a YAML file, as the terminal names it: `keys[0].column in line 11: `, which its author finds at once."""
TWICE = re.compile(r"\b(\w+): \1: ")
"""A place in a file whose reason names it once more."""
STEP = re.compile(r"(?P<name>[^\[\].]+)(?:\[(?P<number>\d+)\])?")
ITEMS = {"keys": "key pair", "fields": "field", "columns": "column", "channels": "channel"}
"""What one item of a list is called."""


def make_plain(text: str) -> str:
    """Write a text as pages show it.

    Folders of files are left out: `defs.yaml` says as much to somebody at a page. A place in a file begins with its
    line, and goes on in words: `line 11, column of key pair 1: `. Options of a report are called as on its page.
    """
    text = PLACE.sub(lambda found: f"line {found['line']}, {_say_place(found['place'])}: ", PATH.sub(r"\1", text))
    return name_options(TWICE.sub(r"\1: ", text))


def _say_place(place: str) -> str:
    steps = [_say_step(found["name"], found["number"]) for found in STEP.finditer(place)]
    return " of ".join(reversed(steps))


def _say_step(name: str, number: str | None) -> str:
    if number is None:
        return name.replace("_", " ")
    return f"{ITEMS.get(name, f'entry of {name}')} {int(number) + 1}"


def say_error(error: Exception) -> str:
    """Say what an error says, and whom to ask where only the server admin can help."""
    return make_plain(error.said.for_page if isinstance(error, IntegrationCenterError) else str(error))


def say_on_page(said: Said | None) -> str:
    """Say what a line of the log says; empty where it says nothing."""
    return "" if said is None else make_plain(said.for_page)
