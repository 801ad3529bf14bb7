"""The options of a report's file in the words of the page where they can be set."""

import re
from collections.abc import Mapping

import yaml

from integration_center.console.report_form import COLUMN_OPTIONS, SECTIONS

LABELS: Mapping[str, str] = {option.name: option.label for options in SECTIONS.values() for option in options}
COLUMN_LABELS: Mapping[str, str] = {option.name: option.label for option in COLUMN_OPTIONS}
ABOUT = re.compile(r"\b(?:the )?report\.yaml\b(?!:)")
"""The file within a sentence. A fault of the file itself begins with its name and a colon, and keeps it."""
QUOTED = re.compile(r"`(?P<name>[a-z_]+):(?P<value>[^`]*)`")
BARE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
CHANGED = re.compile(r"\breport\.yaml of ('[^']*') was ")


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
    return f"“{LABELS[name]}” {value[1:-1] if quoted else value}".strip()


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


def _write(given: object) -> str:
    if isinstance(given, list):
        return ", ".join(map(str, given))
    return ("yes" if given else "no") if isinstance(given, bool) else str(given)
