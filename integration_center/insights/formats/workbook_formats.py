"""Find the cells of a workbook that show something else than they hold.

A cell holds a number, and its format makes `62.5%` of 0.625 and `00123` of 123. The library that reads workbooks gives
the number alone.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

BUILT_IN = {9: "0%", 10: "0.00%", 46: "[h]:mm:ss"}
"""The formats that every workbook has (ECMA-376, part 1, 18.8.30), as far as they are among the `Odd` ones."""
TAG = rb"<(?:\w+:)?"
FORMAT = re.compile(TAG + rb"numFmt\s[^<>]*>")
STYLES = re.compile(rb"(?s)" + TAG + rb"cellXfs\b.*?</(?:\w+:)?cellXfs>")
STYLE = re.compile(TAG + rb"xf\s[^<>]*>")
PLACE = rb"(?:[^<>]*?\s)?r=[\"']([A-Z]{1,3})\d{1,10}[\"'][^<>]*"
"""The attributes of a cell from its column on. No tag may reach over the next one, or hostile text would take hours."""
FORMULA = rb"(?:" + TAG + rb"f[^<]*</(?:\w+:)?f>)?"
VALUE = TAG + rb"v>-?(?:\d{16,}|\d(?:\.\d+)?[Ee]\+?(?:1[5-9]|[2-9]\d))</"
LONG_VALUE = re.compile(VALUE)
LONG_NUMBER = re.compile(TAG + rb"c\s(?![^<>]*\bt=[\"'](?!n[\"']))" + PLACE + rb">" + FORMULA + VALUE)


class Odd(StrEnum):
    """Why a cell shows something else than it holds; the value is the sentence about its column."""

    PERCENT = (
        "the numbers in column {} are shown as per cent, and read as the workbook holds them: 62.5% is 0.625; say"
        " `factor: 100` for their fields in the integration"
    )
    ZEROS = (
        "the numbers in column {} are shown with zeros in front, and read as the workbook holds them: 00123 is 123;"
        " format the column as text where the workbook is made"
    )
    DURATION = (
        "the durations in column {} are read as moments in the year 1900, as the workbook holds them; write them as"
        " numbers where the workbook is made"
    )
    LONG = (
        "column {} holds numbers of more than 15 digits, of which a workbook keeps only 15; format the column as text"
        " where the workbook is made"
    )


@dataclass
class OddCells:
    """The columns of a workbook, as letters, with cells that show something else than they hold.

    Attributes:
        styles: the patterns that find such cells by their format.
        columns: the columns by reason.
    """

    styles: Mapping[Odd, re.Pattern[bytes]] = field(default_factory=dict)
    columns: dict[Odd, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def look_at(self, text: bytes, end: int) -> None:
        """Look at a part of a sheet's XML."""
        for odd, pattern in self.styles.items():
            self.columns[odd].update(pattern.findall(text, 0, end))
        if LONG_VALUE.search(text, 0, end):  # hardly any sheet has one, and a value alone is found much faster
            self.columns[Odd.LONG].update(LONG_NUMBER.findall(text, 0, end))

    @property
    def notes(self) -> list[str]:
        """The findings, one sentence for each reason."""
        return [
            odd.format(
                ", ".join(letters.decode() for letters in sorted(self.columns[odd], key=lambda each: (len(each), each)))
            )
            for odd in Odd
            if self.columns[odd]
        ]


def find_styles(styles: bytes) -> dict[Odd, re.Pattern[bytes]]:
    """Build the patterns that find cells of odd formats.

    Args:
        styles: the `styles.xml` of the workbook.

    Returns:
        By reason, a pattern whose group is the column of a cell that holds a number.
    """
    codes = BUILT_IN | {_read_number(tag, "numFmtId"): _read(tag, "formatCode") for tag in FORMAT.findall(styles)}
    section = STYLES.search(styles)
    used = [codes.get(_read_number(tag, "numFmtId"), "") for tag in STYLE.findall(section[0])] if section else []
    numbers: dict[Odd, list[int]] = defaultdict(list)
    for number, code in enumerate(used):
        if odd := _find_odd(code):
            numbers[odd].append(number)
    return {odd: _build_pattern(found) for odd, found in numbers.items()}


def _find_odd(code: str) -> Odd | None:
    if re.search(r"\[(h+|m+|s+)\]", code.lower()):
        return Odd.DURATION
    if "%" in code:
        return Odd.PERCENT
    return Odd.ZEROS if re.fullmatch(r"0{2,}(-0+)*", code) else None


def _build_pattern(styles: Sequence[int]) -> re.Pattern[bytes]:
    """Build the pattern of cells of these styles that hold a number, not a text."""
    listed = "|".join(map(str, styles)).encode()
    style = rb"(?=[^<>]*\ss=[\"'](?:" + listed + rb")[\"'])"
    return re.compile(TAG + rb"c(?=\s)(?![^<>]*\st=[\"'](?!n))" + style + rb"\s" + PLACE + rb"(?<!/)>")


def _read(tag: bytes, name: str) -> str:
    found = re.search(rb"\s" + name.encode() + rb"=(?:\"([^\"]*)\"|'([^']*)')", tag)
    return (found[1] or found[2] or b"").decode(errors="replace") if found else ""


def _read_number(tag: bytes, name: str) -> int:
    text = _read(tag, name)
    return int(text) if text.isdecimal() else -1
