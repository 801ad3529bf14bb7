"""Inspect a report's file: how it is written, what its columns hold, and which `report.yaml` can read it.

If reading fails with an error that names a remedy, the remedy is tried at once. So the proposal is proven to work.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.cells import PLACEHOLDERS, CellRules, ReportCells, read_cells
from integration_center.insights.columns import infer_type, is_identifier
from integration_center.insights.delimited.form import Table
from integration_center.insights.drop_names import Format
from integration_center.insights.formats import read_file
from integration_center.insights.report_yaml import ReportFile
from integration_center.sync.values.moments import read_moment

MOST_REMEDIES = 8
SAMPLES = 3
TOTALS = re.compile(r"(?i)\W*(grand total|total|totals|sum|summe|gesamt|gesamtergebnis|average|mittelwert|count)\b")
"""The start of the first cell of a totals row."""
DAY_FORMS = ("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%Y%m%d")
TIME_FORMS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
DATE_FORMS = tuple(day + time for time in TIME_FORMS for day in DAY_FORMS)
LOOKS_LIKE_DATE = r"^\d{1,4}[./-]?\d{1,2}[./-]?\d{2,4}\b"
COMMA_NUMBER = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+\s?%?$"
COMMA_OR_WHOLE = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s?%?$"
POINT_NUMBER = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?\s?%?$"
POINT_OR_WHOLE = r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s?%?$"


@dataclass(frozen=True)
class ColumnLook:
    """What a column holds.

    Attributes:
        name: the name of the column.
        type: the type that all values look like when they are read as proposed; None for text, or without values.
        empty: the share of cells without a value, from 0 to 1.
        distinct: the number of different values.
        unique: the share of values that no other row has, from 0 to 1.
        samples: the first values.
    """

    name: str
    type: str | None
    empty: float
    distinct: int
    unique: float
    samples: Sequence[str]


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting a file.

    Attributes:
        source: the name of the file.
        format: the format of the file.
        size: the size of the unpacked file, in bytes.
        line_end: `LF`, `CRLF`, `CR` or `mixed`; None for formats other than text.
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
    line_end: str | None
    rows: int | None = None
    columns: Sequence[ColumnLook] = ()
    keys: Sequence[str] = ()
    notes: Sequence[str] = ()
    problem: str | None = None
    proposal: Mapping[str, Any] = field(default_factory=dict)


def inspect_file(data: bytes, source: str, named: Format, file: ReportFile, *, largest: int) -> Inspection:
    """Inspect a report's file.

    Args:
        data: the whole file, unpacked.
        source: the name of the file.
        named: the format in the file's name.
        file: the existing `report.yaml`.
        largest: the largest size of an unpacked workbook, in bytes.
    """
    kind = file.format or named
    seen = Inspection(source, kind, len(data), find_line_end(data) if kind == "csv" else None)
    proposal: dict[str, Any] = {}
    table, problem = None, None
    for _ in range(MOST_REMEDIES):
        try:
            table = read_file(data, source, named, file.model_copy(update=proposal), largest=largest)
            break
        except UnreadableReport as error:
            problem = str(error)
            remedy = {name: value for name, value in error.remedy.items() if proposal.get(name) != value}
            if not remedy:
                return replace(seen, problem=problem, proposal=proposal)
            proposal |= remedy
    if table is None:
        return replace(seen, problem=problem, proposal=proposal)
    if "footer" not in proposal and (totals := find_totals(table.frame)):
        proposal["footer"] = totals
        table = read_file(data, source, named, file.model_copy(update=proposal), largest=largest)
    proposal |= propose_cells(table.frame, file)
    read, doubts = read_cells(table.frame, file.model_copy(update=proposal).cells)
    columns = [look_at_column(text) for text in read]
    return replace(
        seen,
        rows=read.height,
        columns=columns,
        keys=find_keys(columns),
        notes=[*table.notes, *doubts, *find_ambiguous(table, proposal, file)],
        proposal=proposal,
    )


def find_line_end(data: bytes) -> str:
    """Find the line ends of a text: `LF`, `CRLF`, `CR` or `mixed`."""
    both, lines, returns = data.count(b"\r\n"), data.count(b"\n"), data.count(b"\r")
    if lines == returns == both and both:
        return "CRLF"
    if returns == 0:
        return "LF"
    return "CR" if lines == 0 else "mixed"


def find_totals(frame: pl.DataFrame) -> str | None:
    """Find a pattern for a last row with totals; None when the last row is like the others."""
    cells = [cell for cell in frame.tail(1).row(0) if cell] if frame.height else []
    found = TOTALS.match(cells[0]) if cells else None
    return rf"^\W*{re.escape(found[1])}" if found else None


def propose_cells(frame: pl.DataFrame, file: ReportFile) -> dict[str, Any]:
    """Propose what to declare about the cells: texts that mean no value, dates, and forms of numbers."""
    proposal: dict[str, Any] = {}
    held = sorted({value for text in frame for value in text.filter(text.is_in(PLACEHOLDERS)).unique()})
    if held and not file.empty:
        proposal["empty"] = held
    cleared, _ = read_cells(frame, ReportCells(CellRules(empty=held)))
    forms = {text.name: fitting for text in cleared if (fitting := find_date_forms(text))}
    sure = [fitting[0] for fitting in forms.values() if len(fitting) == 1]
    if sure and file.dates is None:
        proposal["dates"] = max(set(sure), key=sure.count)
    numbers = [text.drop_nulls() for text in cleared if not is_identifier(text.name)]
    if file.decimal is None and file.thousands is None:
        pointed = [text.name for text in numbers if _some_all(text, POINT_NUMBER, POINT_OR_WHOLE)]
        if any(_some_all(text, COMMA_NUMBER, COMMA_OR_WHOLE) for text in numbers if text.name not in pointed):
            proposal |= {"decimal": ",", "thousands": "."}
        elif pointed:
            proposal["thousands"] = ","
    return proposal


def _some_all(values: pl.Series, some: str, every: str) -> bool:
    return len(values) > 0 and values.str.contains(some).any() and values.str.contains(every).all()


def find_date_forms(text: pl.Series) -> list[str]:
    """Find the forms in which all values of a column are dates; none if they can be read without a declaration."""
    values = text.drop_nulls().str.strip_chars()
    if not len(values) or not values.str.contains(LOOKS_LIKE_DATE).all() or is_identifier(text.name):
        return []
    if _are_read(values):
        return []
    return [form for form in DATE_FORMS if _reads(values, form)]


def _are_read(values: pl.Series) -> bool:
    """Return whether all values are dates, times or numbers that can be read without a declaration."""
    moments = pl.select(read_moment(pl.lit(values), pl.String())).to_series()
    return moments.null_count() == 0 or infer_type(values) is not None


def _reads(values: pl.Series, form: str) -> bool:
    """Return whether all values have a form, and are in a plausible year for people's records (1950 to 2100)."""
    moments = values.str.to_datetime(form, strict=False) if ":" in form else values.str.to_date(form, strict=False)
    return moments.null_count() == 0 and bool(moments.dt.year().is_between(1950, 2100).all())


def find_ambiguous(table: Table, proposal: Mapping[str, Any], file: ReportFile) -> Iterator[str]:
    """Find the columns with ambiguous dates or numbers, one sentence each."""
    for text in table.frame:
        values = text.drop_nulls().str.strip_chars()
        if proposal.get("thousands") == "," and _some_all(values, POINT_NUMBER, r"^[+-]?\d{1,3}(,\d{3})?$"):
            yield f"column {text.name!r} holds numbers such as 1,234; if they are decimals, say `decimal: ','` instead"
        forms = find_date_forms(text.filter(~text.is_in(PLACEHOLDERS)))
        if len(forms) > 1 and file.dates is None and proposal.get("dates") not in forms:
            shown = " or ".join(repr(form) for form in forms)
            yield f"column {text.name!r} holds dates that can mean two things; say in report.yaml `dates:` {shown}"
        if not forms and len(values) and values.str.contains(LOOKS_LIKE_DATE).all() and not _are_read(values):
            yield (
                f"column {text.name!r} holds dates in several forms, and some can mean two things; let the export"
                " write one form"
            )


def look_at_column(text: pl.Series) -> ColumnLook:
    """Describe what a column holds."""
    values = text.drop_nulls()
    return ColumnLook(
        name=text.name,
        type=infer_type(text),
        empty=text.null_count() / len(text) if len(text) else 0.0,
        distinct=values.n_unique(),
        unique=int(values.is_unique().sum()) / len(values) if len(values) else 0.0,
        samples=values.unique(maintain_order=True).head(SAMPLES).to_list(),
    )


def find_keys(columns: Sequence[ColumnLook]) -> list[str]:
    """Find columns that may be the key: few cells are empty, and nearly all values differ. Identifiers come first."""
    fit = [column for column in columns if column.empty < 0.05 and column.unique > 0.9 and column.distinct]
    return [column.name for column in sorted(fit, key=lambda each: (not is_identifier(each.name), -each.unique))]
