"""Read the names of files: the day of a file, its format, and the order of several files of one day."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from integration_center.insights.drop_folders.drops import Drop
from integration_center.wording.plain_text import is_text

FILE_NAME = "report.yaml"
"""The file beside the drops that describes them."""
SCHEMA_NAME = "report.schema.json"
"""The JSON schema of `report.yaml`, which editors read."""
OURS = frozenset({FILE_NAME, SCHEMA_NAME})
Format = Literal["csv", "xlsx", "parquet", "jsonl"]
ENDINGS: Mapping[str, Format] = {
    "csv": "csv",
    "tsv": "csv",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
    "parquet": "parquet",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
}
"""The format by the ending of a file's name, unless `report.yaml` declares one."""
PACKED = r"(?:gz|zst|zip)"
USUAL = re.compile(
    rf"(\d{{4}}-\d{{2}}-\d{{2}})(?!\d)(.*?)(?:\.({'|'.join(ENDINGS)})(?:\.{PACKED})?|\.zip)", re.IGNORECASE
)
NAMES_SHOWN = 3
MOST_STARS = 3
"""Each star multiplies the time that a long name takes which does not match."""
AS_TEXT, PACK_AGAIN = "save it as xlsx or CSV", "pack it by gzip, zstd or zip"
OTHER_KINDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("xls", "xlt"), ("Excel workbooks of the old kind", AS_TEXT)),
    "xlsb": ("Excel workbooks in binary form", AS_TEXT),
    **dict.fromkeys(("ods", "fods"), ("OpenDocument files", AS_TEXT)),
    "numbers": ("Numbers documents", AS_TEXT),
    **dict.fromkeys(("docx", "doc", "pdf", "html", "htm", "xml"), ("documents", AS_TEXT)),
    **dict.fromkeys(
        ("bz2", "xz", "7z", "rar", "lz4", "tar", "tgz", "tar.gz", "tar.zst"), ("such archives", PACK_AGAIN)
    ),
}
"""Kinds of files that are not read, by the endings of their names, and what to do instead."""
LOCKS = ("~$", ".~lock.")
"""How the files begin that office programs keep beside a file that is open in them."""
UNFINISHED = re.compile(r"^[.~]|~$|\.(part|partial|filepart|tmp|temp|swp|crdownload)$", re.IGNORECASE)
"""Files of editors, and files of unfinished transfers."""
DATE_PART = re.compile(r"\{date(?::([^{}]+))?\}")
DIGITS = {"Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "j": r"\d{3}", "b": r"[A-Za-z]{3}"}
DIGITS |= {"H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"}
"""The forms of the parts of a date in names, by their letters in `strftime`."""
DAYS_WITHIN: Mapping[str, str] = {
    r"\d{4}-\d{2}-\d{2}": "%Y-%m-%d",
    r"\d{4}_\d{2}_\d{2}": "%Y_%m_%d",
    r"\d{4}\.\d{2}\.\d{2}": "%Y.%m.%d",
    r"\d{2}\.\d{2}\.\d{4}": "%d.%m.%Y",
    r"(?:19|20)\d{6}": "%Y%m%d",
}
"""How days are written within names without a doubt, and their forms in a pattern."""
ENDING = re.compile(rf"\.(?:{'|'.join(ENDINGS)})(?:\.{PACKED})?$", re.IGNORECASE)
WHOLE_DATES = ({"Y", "m", "d"}, {"y", "m", "d"}, {"Y", "b", "d"}, {"Y", "j"})


@dataclass(frozen=True)
class DropNames:
    """The rule for the names of a report's files.

    Attributes:
        pattern: a pattern such as `logins_{date:%Y%m%d}*.csv`, where `*` is anything; None for names that begin with
            the day.
    """

    pattern: str | None = None

    def say_passed_over(self, names: Sequence[str]) -> str:
        """Say why some names are not accepted, worded to follow "the names"; a few of them are listed."""
        rule = f"do not fit {self.pattern!r}, the name_pattern of {FILE_NAME}"
        if self.pattern is None:
            rule = "do not begin with the day as in '2026-11-22.csv' or end otherwise"
        others = f" and {more:,} more" if (more := len(names) - NAMES_SHOWN) > 0 else ""
        return f"{rule}: {', '.join(map(repr, names[:NAMES_SHOWN]))}{others}"

    @property
    def expected(self) -> str:
        """The names that are accepted, worded to follow "the name does not fit:"."""
        if self.pattern is None:
            return "names begin with the day and end in the format, as 2026-11-22.csv does"
        return f"`name_pattern: {self.pattern}` in {FILE_NAME}"

    def advise(self, names: Iterable[str]) -> str:
        """Say which pattern the newest of some names would fit that are not accepted; empty where that is not clear."""
        if self.pattern is not None:
            return ""
        found = next((pattern for name in sorted(names, reverse=True) if (pattern := propose_pattern(name))), None)
        return f"; if the day is in the name, say `name_pattern: '{found}'` in {FILE_NAME}" if found else ""

    def read_day(self, name: str) -> date | None:
        """Read the day from the name of a file; None when the name has no day."""
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

    def write_name(self, day: date) -> str:
        """Write a name that is accepted for a day."""
        if self.pattern is None:
            return f"{day}.csv"
        name = DATE_PART.sub(lambda _: day.strftime(self._form), self.pattern).replace("*", "").replace("?", "_")
        return f"{name}.csv" if self.pattern.endswith("*") else name

    @property
    def _form(self) -> str:
        found = DATE_PART.search(self.pattern or "")
        return (found[1] if found else None) or "%Y-%m-%d"

    def _compile(self) -> re.Pattern[str]:
        before, _, after = DATE_PART.sub("\0", self.pattern or "").partition("\0")
        day = "".join(
            DIGITS[part[1]] if part.startswith("%") else re.escape(part) for part in re.findall(r"%.|[^%]", self._form)
        )
        # A digit before or after it would make it another date.
        return re.compile(f"{_translate(before)}(?<!\\d)({day})(?!\\d){_translate(after)}", re.IGNORECASE | re.ASCII)


def propose_pattern(name: str) -> str | None:
    """Propose the pattern of a name that has one day in it, wherever that is; None for any other name."""
    ending = ENDING.search(name)
    found = [
        (match, form)
        for day, form in DAYS_WITHIN.items()
        for match in re.finditer(rf"(?<!\d){day}(?!\d)", name, re.ASCII)
    ]
    if not ending or len(found) != 1 or not is_text(name) or re.search(r"[*?{}'\\]", name):
        return None
    (match, form), *_ = found
    before, behind = re.sub(r"\d+", "*", name[: match.start()]), "*" if match.end() < ending.start() else ""
    pattern = f"{before}{{date:{form}}}{behind}{ending[0]}"
    try:
        fits = DropNames(check_pattern(pattern)).read_day(name) is not None
    except ValueError:
        return None
    return pattern if fits else None


def check_pattern(pattern: str) -> str:
    """Check a pattern, and return it.

    Raises:
        ValueError: the pattern has no date, a date without a day, or too many stars.
    """
    if len(re.findall(r"\*+", pattern)) > MOST_STARS:
        raise ValueError(f"{pattern!r} has more than {MOST_STARS} places with *; write more of the name out")
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
    once = re.sub(r"\*+", "*", text)
    return "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in once)


def group_by_day(files: Iterable[Drop], names: DropNames) -> dict[date, list[Drop]]:
    """Group the drops by day, sorted by name. A file is no drop if its name has no date or is not valid text."""
    drops: dict[date, list[Drop]] = defaultdict(list)
    for drop in sorted(files, key=natural_order):
        if (day := names.read_day(drop.name)) and not UNFINISHED.search(drop.name):
            drops[day].append(drop)
    return dict(drops)


def find_passed_over(files: Sequence[Drop], days: Mapping[date, Sequence[Drop]]) -> list[str]:
    """Find the names of files that are no drops. Files of editors and unfinished transfers are left out."""
    taken = {drop.name for drops in days.values() for drop in drops}
    return [
        file.name
        for file in files
        if file.name not in taken and file.name not in OURS and not UNFINISHED.search(file.name)
    ]


@dataclass(frozen=True)
class NotTaken:
    """A file that somebody dropped, but that no run reads.

    Attributes:
        folder: the report's folder; empty for the root.
        name: the name of the file.
        reason: why, worded to follow the name.
    """

    folder: str
    name: str
    reason: str


def find_not_taken(
    folder: str, files: Iterable[Drop], days: Mapping[date, Sequence[Drop]], names: DropNames, *, in_parts: bool
) -> list[NotTaken]:
    """Find the files of a report that no run reads. Hidden files and files of editors are left out.

    Args:
        folder: the report's folder.
        files: all its files.
        days: its drops by day.
        names: the rule for its names.
        in_parts: whether `report.yaml` says what several files of one day are.
    """
    day_of = {drop.name: day for day, drops in days.items() for drop in drops}
    found = []
    for file in files:
        day = day_of.get(file.name)
        if file.name in OURS or file.name.startswith((".", *LOCKS)) or file.name.endswith("~"):
            continue
        if UNFINISHED.search(file.name):
            found.append(NotTaken(folder, file.name, "its transfer is not finished; rename it when it is"))
        elif kind := find_other_kind(file.name):
            found.append(NotTaken(folder, file.name, "{} are not read; {}".format(*kind)))
        elif day is None:
            advice = "" if days else names.advise([file.name])
            found.append(NotTaken(folder, file.name, f"the name does not fit: {names.expected}{advice}"))
        elif len(days[day]) > 1 and not in_parts:
            found.append(NotTaken(folder, file.name, f"{day} has several files; say `parts:` in {FILE_NAME}"))
    return found


def find_other_kind(name: str) -> tuple[str, str] | None:
    """Find the kind of a file that is not read, and what to do instead; None for any other name."""
    parts = name.lower().split(".")[1:]
    endings = (".".join(parts[-2:]), *parts[-1:])
    return next((OTHER_KINDS[ending] for ending in endings if ending in OTHER_KINDS), None)


def name_format(name: str) -> Format:
    """Return the format from the name of a file, packed or not; `csv` when the name shows none."""
    return find_ending(name) or "csv"


def find_ending(name: str) -> Format | None:
    """Find the format in the ending of a name, packed or not; None for any other name."""
    endings = [ending.lower() for ending in name.split(".")[1:] if ending.lower() in ENDINGS]
    return ENDINGS[endings[-1]] if endings else None


def natural_order(drop: Drop) -> list[str | int]:
    """Return the sort key of a drop: unlike plain text, part 9 comes before 10, and the day before the day and `-2`."""
    match = USUAL.fullmatch(drop.name)
    stem = match[1] + match[2] if match else drop.name
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", stem)]
