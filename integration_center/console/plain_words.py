"""Texts as pages show them: without commands, of a file its name alone, and options by their labels."""

import re
from collections.abc import Mapping

import yaml

from integration_center.console.report_form import COLUMN_OPTIONS, SECTIONS
from integration_center.errors import IntegrationCenterError
from integration_center.wording.remedies import Said
from integration_center.wording.sentences import capitalize_first

PATH = re.compile(r"(?<![\w:/.])(?:sqlite:/{2,3})?/(?:[\w.@+-]+/)+([\w.@+-]+)")
"""An absolute path, not one within an address. Texts about a file begin with its path, for the terminal's sake."""
PLACE = re.compile(r"(?P<place>[a-z_]+(?:\[\d+\])?(?:\.[^\s;:.\[\]]+(?:\[\d+\])?)*) in line (?P<line>\d+): ")
"""A place in a YAML file, as the terminal names it: `keys[0].column in line 11: `, which its author finds at once."""
TWICE = re.compile(r"\b(\w+): \1: ")
"""A place in a file whose reason names it once more."""
STEP = re.compile(r"(?P<name>[^\[\].]+)(?:\[(?P<number>\d+)\])?")
ITEMS = {"keys": "key pair", "fields": "field", "columns": "column", "channels": "channel"}
"""What one item of a list is called."""
LABELS: Mapping[str, str] = {option.name: option.label for options in SECTIONS.values() for option in options}
COLUMN_LABELS: Mapping[str, str] = {option.name: option.label for option in COLUMN_OPTIONS}
ABOUT = re.compile(r"\b(?:the )?report\.yaml\b(?!:)")
"""The file within a sentence. A fault of the file itself begins with its name and a colon, and keeps it."""
QUOTED = re.compile(r"`(?P<name>[a-z_]+):(?P<value>[^`]*)`")
BARE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
YES_NO = {"true": "yes", "false": "no"}
CHANGED = re.compile(r"\breport\.yaml of ('[^']*') was ")


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


def say_error_sentence(error: Exception) -> str:
    """Say the same as a whole sentence."""
    return f"{capitalize_first(say_error(error))}."


def say_on_page(said: Said | None) -> str:
    """Say what a line of the log says; empty where it says nothing."""
    return "" if said is None else make_plain(said.for_page)


def name_options(text: str) -> str:
    """Write a sentence that says what to set in `report.yaml` so that it says what to set on the report's page."""
    if not ABOUT.search(text):
        return text
    text = CHANGED.sub(r"the report \1 was ", text)
    text = BARE.sub(lambda found: f"“{LABELS[found[0]]}”" if found[0] in LABELS else found[0], _name_quoted(text))
    return ABOUT.sub("the report's page", re.sub(r"\bin report\.yaml\b(?!:)", "on the report's page", text))


def _name_quoted(text: str) -> str:
    return QUOTED.sub(lambda found: _say_option(found["name"], found["value"].strip()) or found[0], text)


def _say_option(name: str, value: str) -> str | None:
    """`“Between thousands” .`, or the same for a column; None where the page has no such option."""
    if name == "columns":
        return _say_columns(value)
    if name not in LABELS:
        return None
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    said = value[1:-1] if quoted else YES_NO.get(value, value)
    return f"“{LABELS[name]}” {said}".strip()


def _say_columns(value: str) -> str | None:
    try:
        columns = yaml.safe_load(value)
    except yaml.YAMLError:  # a sentence that shows only the form, such as `columns: {…: {dates: …}}`
        return None
    if not isinstance(columns, dict) or not all(isinstance(options, dict) for options in columns.values()):
        return None
    return "; ".join(
        f"“{COLUMN_LABELS.get(name, name)}” {_write(given)} for the column {column}"
        for column, options in columns.items()
        for name, given in options.items()
    )


def list_options(proposal: Mapping[str, object]) -> list[tuple[str, str]]:
    """List what is proposed for `report.yaml`: the label of each option on the report's page, and its value."""
    listed: list[tuple[str, str]] = []
    for name, given in proposal.items():
        if name != "columns" or not isinstance(given, Mapping):
            listed.append((LABELS.get(name, name), _write(given)))
            continue
        for column, options in given.items():
            own = options if isinstance(options, Mapping) else {"type": options}
            listed += [(f"{COLUMN_LABELS.get(each, each)}, {column}", _write(value)) for each, value in own.items()]
    return listed


def _write(given: object) -> str:
    if isinstance(given, list):
        return ", ".join(map(str, given))
    return ("yes" if given else "no") if isinstance(given, bool) else str(given)
