"""Text for terminals and logs: nothing in it is obeyed, and nothing ordinary is changed."""

import json
import logging
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import integration_center
from integration_center.errors import ConfigurationError, PermissionMissing, RateLimited
from integration_center.wording.plain_text import (
    escape_json,
    join_lines,
    keep_log_printable,
    make_lines_printable,
    make_printable,
)
from integration_center.wording.sentences import count

TEMPLATES = Path(integration_center.__file__).parent / "console" / "templates"
ANY_TEXT = st.text(st.characters(), max_size=60)
"""Lone halves of surrogate pairs included."""
BIDIRECTIONAL = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def is_obeyed(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} or character in BIDIRECTIONAL


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jmei", r"\x1b[2Jmei"),
        ("\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07"),
        ("mei\nINFO all is well", r"mei\nINFO all is well"),
        ("a\r\tb\x00\x7f", r"a\r\tb\x00\x7f"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202egpj.exe\u2066", r"\u202egpj.exe\u2066"),
        ("\ud800", r"\ud800"),
        ("# Logins Last 30 Days → Lead [bold] José 陳 👩‍🔬 שלום :smile:", None),
    ],
)
def test_control_characters_are_shown(text: str, shown: str | None) -> None:
    assert make_printable(text) == (text if shown is None else shown)


@given(ANY_TEXT)
def test_no_text_is_obeyed_and_the_rest_stays(text: str) -> None:
    shown = make_printable(text)
    assert not any(map(is_obeyed, shown))
    assert make_printable(shown) == shown
    shown.encode()
    if not any(map(is_obeyed, text)):
        assert shown == text
    assert make_lines_printable(text).count("\n") == text.count("\n")
    assert not any(map(is_obeyed, join_lines(text)))


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5))
def test_json_keeps_its_values_and_is_not_obeyed(value: object) -> None:
    text = escape_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert not any(map(is_obeyed, text.replace("\n", "")))


def test_an_error_is_one_printable_line() -> None:
    assert str(ConfigurationError("folder \x1b[31m:\n  found\n\n  [")) == r"folder \x1b[31m: found ["
    assert str(RateLimited("busy\r\nINFO fine", retry_after=1.0)) == "busy INFO fine"
    assert str(PermissionMissing("\x9bann lacks it", username="\x9bann", missing=[])) == r"\x9bann lacks it"


def test_a_line_of_our_log_is_printable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keep_log_printable()
    keep_log_printable()
    logging.getLogger("integration_center.somewhere").warning("label %s\nand %r", "\x1b[2J", "\x1b")
    logging.getLogger("other").warning("two\nlines")
    ours, others = caplog.records
    assert ours.getMessage() == r"label \x1b[2J\nand '\x1b'"
    assert others.getMessage() == "two\nlines"
    assert r"label \x1b[2J\nand" in caplog.text


def test_things_are_counted_in_one_and_in_many() -> None:
    assert [count(number, "run") for number in (0, 1, 2, 1_200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]
    assert [count(number, "person is", "people are") for number in (1, 1_200)] == ["1 person is", "1,200 people are"]


def test_no_page_writes_a_plural_after_a_number_itself() -> None:
    plural = re.compile(r"\| ?(?:count|length) ?\}\} (?:[a-z]+s|people)\b|else \"s\"|\(s\)")
    written = {
        f"{path.name}: {found[0]}" for path in TEMPLATES.rglob("*.html") for found in plural.finditer(path.read_text())
    }
    assert written == set()
