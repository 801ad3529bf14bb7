"""What the names of files say: the day that a file holds, its format, and the order of several of one day."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from integration_center.insights.drops import Drop
from integration_center.wording.plain_text import is_text

FILE_NAME = "report.yaml"
"""The file beside the drops that describes them."""
Format = Literal["csv", "xlsx", "parquet", "jsonl"]
ENDINGS: Mapping[str, Format] = {
    "csv": "csv",
    "tsv": "csv",
    "xlsx": "xlsx",
    "parquet": "parquet",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
}
"""What a file's name says of its format, unless `report.yaml` declares one."""
PACKED = r"(?:gz|zst|zip)"
USUAL = re.compile(
    rf"(\d{{4}}-\d{{2}}-\d{{2}})(?!\d)(.*?)(?:\.({'|'.join(ENDINGS)})(?:\.{PACKED})?|\.zip)", re.IGNORECASE
)
UNFINISHED = re.compile(r"^[.~]|~$|\.(part|partial|filepart|tmp|temp|swp|crdownload)$", re.IGNORECASE)
"""Files of editors and of transfers that are under way."""
DATE_PART = re.compile(r"\{date(?::([^{}]+))?\}")
DIGITS = {"Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "j": r"\d{3}", "b": r"[A-Za-z]{3}"}
DIGITS |= {"H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"}
"""How the parts of a date are written in names, by their letters in `strftime`."""
WHOLE_DATES = ({"Y", "m", "d"}, {"y", "m", "d"}, {"Y", "b", "d"}, {"Y", "j"})


@dataclass(frozen=True)
class DropNames:
    """Which names files of a report have.

    Attributes:
        pattern: such as `logins_{date:%Y%m%d}*.csv`, where `*` is anything; None for names that begin with the day.
    """

    pattern: str | None = None

    @property
    def rule(self) -> str:
        """Why other names are not taken, to go on after "the names"."""
        if self.pattern is None:
            return "do not begin with the day as in '2026-11-22.csv' or end otherwise"
        return f"do not fit {self.pattern!r}, the name_pattern of report.yaml"

    def read_day(self, name: str) -> date | None:
        """The day that a file of this name holds; None where the name tells none."""
        if not is_text(name):
            return None
        try:
            if self.pattern is None:
                match = USUAL.fullmatch(name)
                return date.fromisoformat(match[1]) if match else None
            match = self._compile().fullmatch(name)
            return datetime.strptime(match[1], self._form).date() if match else None  # noqa: DTZ007 - a day alone
        except ValueError:  # such as 30 February
            return None

    @property
    def _form(self) -> str:
        found = DATE_PART.search(self.pattern or "")
        return (found[1] if found else None) or "%Y-%m-%d"

    def _compile(self) -> re.Pattern[str]:
        before, _, after = DATE_PART.sub("\0", self.pattern or "").partition("\0")
        day = "".join(
            DIGITS[part[1]] if part.startswith("%") else re.escape(part) for part in re.findall(r"%.|[^%]", self._form)
        )
        # A digit before or behind would make another date of it.
        return re.compile(f"{_translate(before)}(?<!\\d)({day})(?!\\d){_translate(after)}", re.IGNORECASE | re.ASCII)


def check_pattern(pattern: str) -> str:
    """The pattern itself.

    Raises:
        ValueError: it has no date, or one that does not tell a day.
    """
    found = DATE_PART.findall(pattern)
    if len(found) != 1:
        raise ValueError(f"{pattern!r} must have one {{date}}, such as 'logins_{{date:%Y%m%d}}*.csv'")
    letters = re.findall(r"%(.)", found[0] or "%Y-%m-%d")
    if unknown := [letter for letter in letters if letter not in DIGITS]:
        raise ValueError(f"{pattern!r}: %{unknown[0]} is not read in names; there are %{', %'.join(DIGITS)}")
    if not any(whole <= set(letters) for whole in WHOLE_DATES):
        raise ValueError(f"{pattern!r}: the date must tell a day, such as {{date:%Y%m%d}}")
    return pattern


def _translate(text: str) -> str:
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)


def group_by_day(files: Iterable[Drop], names: DropNames) -> dict[date, list[Drop]]:
    """The drops among the files by day, by name within a day; a name without a date, or that is no text, is none."""
    drops: dict[date, list[Drop]] = defaultdict(list)
    for drop in sorted(files, key=natural_order):
        if (day := names.read_day(drop.name)) and not UNFINISHED.search(drop.name):
            drops[day].append(drop)
    return dict(drops)


def find_passed_over(files: Sequence[Drop], days: Mapping[date, Sequence[Drop]]) -> list[str]:
    """The names of files that are no drops; those of editors and of transfers under way are left out."""
    taken = {drop.name for drops in days.values() for drop in drops}
    return [
        file.name
        for file in files
        if file.name not in taken and file.name != FILE_NAME and not UNFINISHED.search(file.name)
    ]


def name_format(name: str) -> Format:
    """The format that the name of a file tells, packed or not; text where it tells none."""
    endings = [ending.lower() for ending in name.split(".")[1:] if ending.lower() in ENDINGS]
    return ENDINGS[endings[-1]] if endings else "csv"


def natural_order(drop: Drop) -> list[str | int]:
    """Part 9 before part 10, and `2026-11-22` before `2026-11-22-2`, unlike plain text."""
    match = USUAL.fullmatch(drop.name)
    stem = match[1] + match[2] if match else drop.name
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", stem)]
