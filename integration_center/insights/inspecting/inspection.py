"""Inspect a report's file: how it is written, what its columns hold, and which `report.yaml` can read it.

If reading fails with an error that names a remedy, the remedy is tried at once. So the proposal is proven to work.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size
from integration_center.insights.declared.declaring import DeclaredReader, check_columns, declare_cells
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.decoding import find_odd_line_end, find_unicode, name_character
from integration_center.insights.delimited.form import DELIMITERS, Form, Rows, Table
from integration_center.insights.delimited.header import find_fuller_row, list_names
from integration_center.insights.drop_folders.drop_names import FILE_NAME, Format
from integration_center.insights.files import Fetched
from integration_center.insights.formats.file_kinds import APPLY, read_file
from integration_center.insights.inspecting.date_proposals import merge_options, needs_nothing
from integration_center.insights.inspecting.proposals import (
    find_footer,
    find_rule,
    find_total,
    propose_cells,
)
from integration_center.insights.likely_types import find_types, is_identifier
from integration_center.insights.many_columns import find_columns, find_columns_of_all, keep_columns, split_columns
from integration_center.insights.sizes import SizeLimit
from integration_center.wording.sentences import count

MOST_REMEDIES = 8
SAMPLES = 3
GUESSED = (
    "`encoding: {}` is a guess; if letters such as ä or é look wrong, name another encoding: mac_roman, cp850, cp1250"
    " (Central Europe), cp1251 (Cyrillic), cp1253 (Greek), cp1254 (Turkish), shift_jis or gb18030"
)
PLACED = re.compile(r"column \d+")
ALIGNED = (
    "the table has one column, whose cells hold blanks like aligned columns; export it separated by commas or tabs"
)
ONE_LINE = "the file has one line, and that looks like no header; it may be an error message instead of a report"
NO_HEADER = "the header holds {}, so the file may have none; export it with the names of its columns in the first row"
NUMBER = re.compile(r"[\d.,:/-]+")
SENTENCE = re.compile(r"\w{2,}[.!]$|\w\. \w")
NOT_KEYS = frozenset({"number", "boolean", "date", "datetime"})
ADDRESS = r"^[^@\s]+@[^@\s]+$"


@dataclass(frozen=True)
class ColumnLook:
    """What a column holds.

    Attributes:
        name: the name of the column.
        type: the type that all values look like when they are read as proposed; None for text, or without values.
        empty: the share of cells without a value, from 0 to 1.
        distinct: the number of different values.
        unique: the share of values that no other row has, from 0 to 1.
        dates: the form of its dates, if it has to be declared and is certain.
        addresses: whether most values are e-mail addresses.
        samples: the first values, as they are read.
        written: the same values, as the file has them.
    """

    name: str
    type: str | None
    empty: float
    distinct: int
    unique: float
    dates: str | None
    addresses: bool
    samples: Sequence[str]
    written: Sequence[str] = ()


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting a file.

    Attributes:
        source: the name of the file.
        format: the format of the file.
        size: the size of the unpacked file, in bytes.
        packing: how the file is packed; None for one that is not.
        line_end: `LF`, `CRLF`, `CR`, `mixed`, or a character such as `U+0085`; None for formats other than text.
        encoding: the encoding; None for formats other than text.
        delimiter: the name of the delimiter; None for formats other than text.
        quote: the character around cells; None where there is none.
        header_row: which row is the header, counted from 1, with the lines that are skipped.
        rows: the number of rows; None when they cannot be read.
        columns: the columns, in the file's order.
        keys: the columns that may be the key, the likeliest first; see `find_keys`.
        notes: unusual findings, one sentence each.
        problem: why the file cannot be read even with the proposal; None when it can.
        proposal: what to add to `report.yaml`.
    """

    source: str
    format: Format
    size: int
    packing: str | None = None
    line_end: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_row: int | None = None
    rows: int | None = None
    columns: Sequence[ColumnLook] = ()
    keys: Sequence[str] = ()
    notes: Sequence[str] = ()
    problem: str | None = None
    proposal: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> list[str]:
        """How the file is written, in words."""
        facts = [
            self.format,
            self.packing and f"packed by {self.packing}",
            show_size(self.size),
            self.encoding,
            self.delimiter and f"separated by {self.delimiter}",
            self.delimiter and (f"quotes {self.quote}" if self.quote else "no quotes"),
            self.line_end and f"{self.line_end} line ends",
            self.header_row and f"header in row {self.header_row}",
            None if self.rows is None else count(self.rows, "row"),
        ]
        return [str(fact) for fact in facts if fact]


def inspect_fetched(fetched: Fetched, file: ReportFile | None = None) -> Inspection:
    """Inspect a file as its `report.yaml`, or `file` in its place, says."""
    file = fetched.file if file is None else file
    limit = file.limit or SizeLimit()
    return inspect_file(fetched.data, fetched.label, fetched.named, file, limit=limit, packing=fetched.packing)


def inspect_file(
    data: bytes, source: str, named: Format, file: ReportFile, *, limit: SizeLimit, packing: str | None = None
) -> Inspection:
    """Inspect a report's file.

    Args:
        data: the whole file, unpacked.
        source: the name of the file.
        named: the format in the file's name.
        file: the existing `report.yaml`.
        limit: how large the unpacked file may be.
        packing: how the file was packed.
    """
    table, proposal, problem = read_with_remedies(data, source, named, file, limit)
    kind: Format = proposal.get("format") or file.format or named
    seen = Inspection(source, kind, len(data), packing, proposal=proposal, problem=problem)
    if table is None:
        text = data.decode(find_unicode(data) or "utf-8", errors="replace").encode()
        return replace(seen, line_end=find_line_end(text) if kind == "csv" else None)
    found = propose_cells(table.frame, file, table.locate)
    proposal = merge_options(proposal, found.options)
    declared = file.add(proposal)
    read, doubts, clashes = declare_cells(table.frame, declared, table.locate)
    has_value = (
        read.select(~pl.all_horizontal(pl.all().is_null())).to_series()
        if read.width
        else pl.Series([], dtype=pl.Boolean)
    )
    filled, renamed = read.filter(has_value), declared.renamed
    # By place, because names in report.yaml are compared without regard to case.
    written = DeclaredReader(table.frame.columns, declared).rename(Rows(table.frame)).frame.filter(has_value)
    dates = {renamed.get(name, name): form for name, form in found.dates.items()}
    columns = look_at_columns(filled, written, dates)
    notes = [*table.notes, *doubts, *found.notes]
    if not proposal.get("encoding", "utf-8").startswith("utf-"):  # which no other text is by chance
        notes.append(GUESSED.format(proposal["encoding"]))
    if table.frame.width == 1 and find_runs(table.frame):
        notes.append(ALIGNED)
    if blank := read.height - filled.height:
        notes.append(f"{count(blank, 'row has', 'rows have')} no value in any column")
    odd = [name for name in table.frame.columns if re.match(ADDRESS, name)]
    if "header_row" in APPLY[kind] and (odd or all(map(NUMBER.fullmatch, table.frame.columns))):
        notes.append(NO_HEADER.format(list_names(odd or table.frame.columns)))
    if read.height == 0 and (read.width == 1 or any(map(SENTENCE.search, table.frame.columns))):
        notes.append(ONE_LINE)
    seen = replace(seen, problem=f"{source}: {clashes[0]}") if clashes else seen
    seen = replace(seen, **describe_form(table.form, data)) if table.form else seen
    return replace(seen, rows=read.height, columns=columns, keys=find_keys(columns), notes=notes, proposal=proposal)


def describe_form(form: Form, data: bytes) -> dict[str, Any]:
    """Return the attributes of an `Inspection` that say how a text is written."""
    delimiter, encoding = form.delimiter or ",", form.encoding or "utf-8"
    plain = data if encoding == "utf-8" else data.decode(encoding, errors="replace").encode()
    return {
        "line_end": find_line_end(plain),
        "encoding": form.encoding,
        "delimiter": DELIMITERS.get(delimiter, repr(delimiter)),
        "quote": form.quote,
        "header_row": form.skip_lines + form.header_row,
    }


def read_with_remedies(
    data: bytes, source: str, named: Format, file: ReportFile, limit: SizeLimit
) -> tuple[Table | None, dict[str, Any], str | None]:
    """Read a file, adding to `report.yaml` what each refusal names as its remedy.

    Returns:
        The table, or None if nothing helps; what was added; and why the file cannot be read, or None if it can.
    """
    proposal: dict[str, Any] = {}
    problem = None
    for _ in range(MOST_REMEDIES):
        try:
            declared = file.add(proposal)
            table = read_file(data, source, named, declared, limit=limit)
            check_columns(table.frame.columns, declared, source, FILE_NAME)
        except UnreadableReport as error:
            problem, remedy = str(error), error.remedy
        else:
            remedy = find_improvement(table, named, declared, proposal)
            if not remedy:
                return table, proposal, None
        following = merge_options(proposal, remedy)
        if following == proposal:
            return None, proposal, problem
        proposal = following
    return None, proposal, problem


def find_improvement(table: Table, named: Format, declared: ReportFile, proposal: Mapping[str, Any]) -> dict[str, Any]:
    """Find what makes a better table of one that could be read: another sheet, delimiter or header, or a footer."""
    if table.fuller_sheet and "sheet" not in proposal:
        return {"sheet": table.fuller_sheet}
    if table.form and table.form.separator and "delimiter" not in proposal:
        return {"delimiter": table.form.separator}
    kind = declared.format or named
    nameless = "header_row" in APPLY[kind] and any(map(PLACED.fullmatch, table.frame.columns))
    if nameless and "header_row" not in proposal and (below := find_fuller_row(table.frame)):
        return {"header_row": declared.header_row + below}
    if "skip_after_header" in APPLY[kind] and not declared.skip_after_header and find_rule(table.frame):
        return {"skip_after_header": 1}
    if "footer" in APPLY[kind] and declared.footer is None and (footer := find_footer(table.frame)):
        return {"footer": footer}
    notes = proposal.get("footer")  # that a refusal named, which knows no totals above them
    return {"footer": notes + 1} if isinstance(notes, int) and find_total(table.frame) else {}


def find_runs(frame: pl.DataFrame) -> bool:
    """Return whether most cells of the first column hold two blanks in a row, as columns of a fixed width do.

    Lines that are drawn between rows, as consoles show them, do not count.
    """
    cells = frame.to_series().drop_nulls()
    cells = cells.filter(cells.str.contains(r"\w"))
    return len(cells) > 0 and cells.str.contains(r"\S {2,}\S").sum() > len(cells) / 2


def find_line_end(data: bytes) -> str:
    """Find the line ends of a text: `LF`, `CRLF`, `CR`, `mixed`, or a character such as `U+0085`."""
    if end := find_odd_line_end(data):
        return name_character(end)
    both, lines, returns = data.count(b"\r\n"), data.count(b"\n"), data.count(b"\r")
    if lines == returns == both and both:
        return "CRLF"
    if returns == 0:
        return "LF"
    return "CR" if lines == 0 else "mixed"


def look_at_columns(read: pl.DataFrame, written: pl.DataFrame, dates: Mapping[str, str]) -> list[ColumnLook]:
    """Describe what each column holds.

    Args:
        read: its cells, as they are read.
        written: its cells, as the file has them.
        dates: the form of its dates by column, if that has to be declared.
    """
    return [look for part in split_columns(read) for look in _look_at_columns(part, written, dates)]


def _look_at_columns(read: pl.DataFrame, written: pl.DataFrame, dates: Mapping[str, str]) -> Iterator[ColumnLook]:
    places = list(map(str, range(read.width)))  # Polars would read some names as patterns
    cells = pl.all()
    text = read[:]
    text.columns = places
    text = text.select(pl.when(cells.str.strip_chars() != "").then(cells))  # blanks are no value
    types = find_types(text)
    untyped = keep_columns(text, [place for place in places if types[place] is None])
    dated = find_columns_of_all(untyped, needs_nothing) - find_columns(untyped, pl.all().is_null().all())
    types |= dict.fromkeys(dated, "datetime")
    once = (cells.is_unique() & cells.is_not_null()).sum()
    first = (cells.is_first_distinct() & cells.is_not_null()).arg_true().head(SAMPLES).implode()
    addresses = cells.str.strip_chars().str.contains(ADDRESS).sum()
    counts = (
        text.select(each).row(0) for each in (cells.count(), cells.drop_nulls().n_unique(), once, addresses, first)
    )
    for name, place, filled, distinct, unique, found, rows in zip(read.columns, places, *counts, strict=True):
        yield ColumnLook(
            name=name,
            type=types[place],
            empty=(text.height - filled) / text.height if text.height else 0.0,
            distinct=distinct,
            unique=unique / filled if filled else 0.0,
            dates=dates.get(name),
            addresses=found > filled / 2,
            samples=[read[name][row] for row in rows],
            written=[written[name][row] or "" for row in rows],
        )


def find_keys(columns: Sequence[ColumnLook]) -> list[str]:
    """Find columns that may be the key: few cells are empty, and nearly all values differ or are e-mail addresses.

    Identifiers come first. Dates, decimals and truth values are no keys.
    """
    fit = [
        column
        for column in columns
        if column.empty < 0.05 and column.distinct and (column.unique > 0.9 or column.addresses)
        if column.type not in NOT_KEYS or is_identifier(column.name)
    ]
    return [
        column.name
        for column in sorted(fit, key=lambda each: (not each.addresses, not is_identifier(each.name), -each.unique))
    ]
