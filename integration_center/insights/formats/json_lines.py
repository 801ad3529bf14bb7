"""Read a file with one JSON object per line as text.

Python's reader is used because it can keep numbers as they are written: `1.10` and numbers of twenty digits stay.
"""

import json
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, open_data
from integration_center.insights.column_names import find_column
from integration_center.insights.delimited.decoding import decode, say_encoding
from integration_center.insights.delimited.form import OpenTable
from integration_center.insights.delimited.header import check_width
from integration_center.insights.delimited.kinds import LOOKED_AT, PADDING, find_kind
from integration_center.insights.formats.kept_frames import KeptFrames, name_slices
from integration_center.insights.formats.service_errors import is_service_error
from integration_center.insights.formats.value_text import MIDNIGHT, refuse_nested
from integration_center.progress import advance
from integration_center.sync.row_numbers import RowNumbers

BATCH_ROWS = 50_000
"""The most rows that are Python objects at a time."""
BATCH_CELLS = 4_000_000
"""The most cells of a batch: its rows times the names that any of them has."""
BATCH_BYTES = 100_000_000
"""About the most bytes of the lines of a batch."""
WORDS = {True: "true", False: "false"}
JSON_BEGINS = (b"{", b"[")
"""How objects and lists begin."""
ADVICE = "export one object a line, or declare the file's `format:` in report.yaml"


class _Unusable(ValueError):
    """A line cannot be used. The text says what it is."""


def open_json_lines(data: Data, source: str, encoding: str | None, ignored: Collection[str]) -> OpenTable:
    """Open a file with one JSON object per line. Numbers stay as they are written; empty lines are not rows.

    A later line may have a value that none before has, so all lines are read first, into a temporary file of columns.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        encoding: the encoding that `report.yaml` declares.
        ignored: the columns that `report.yaml` leaves out; they may hold lists and objects.

    Raises:
        UnreadableReport: a line is not a JSON object, or a value is a list or an object.
    """
    text, _, notes = decode(data, encoding, source)
    if (kind := find_kind(text)) not in (None, "JSON"):
        raise UnreadableReport(f"{source} is {kind}, not a JSON object a line; export it again")
    if kind is None and (first := bytes(text[:LOOKED_AT]).strip(PADDING)) and first[:1] not in JSON_BEGINS:
        raise UnreadableReport(
            f"{source} is not a JSON object a line, but other text, from its first line on; say `format: csv` in"
            " report.yaml if it is delimited, or export it again",
            {"format": "csv"},
        )
    lines = Lines()
    kept, found = KeptFrames(), Objects()
    kept.keep(found.write_all(read_batches(text, source, lines), source), source)
    if not kept.columns and not found.nested:
        raise UnreadableReport(f"{source} is empty: it has no JSON object; export the report again")
    left_out = {find_column(name, found.nested) for name in ignored}
    if odd := [name for name in found.nested if name not in left_out]:
        if kept.height == 1 and len(odd) == 1 and found.nested[odd[0]]:
            raise UnreadableReport(
                f"{source} is one JSON object, whose rows seem to be within {odd[0]!r}; export one object a line"
            )
        if not set(kept.columns) - found.nested.keys():
            raise UnreadableReport(
                f"{source} holds lists and objects in all its columns, so each line is no row; export one object a"
                " line, as pandas does by `orient='records', lines=True`"
            )
        raise refuse_nested(odd, source)
    header = [*(name for name in kept.columns if name not in found.nested), *found.nested]
    slices = (found.build_rows(frame, header) for frame in kept.read())
    return name_slices(header, slices, source, notes, lines.name, lines.find_numbers)


@dataclass
class Objects:
    """What all objects of a file show.

    Attributes:
        nested: the columns that hold lists or objects, and whether one of them begins a list of objects.
        dated: the columns with values, and whether all of these end with midnight.
    """

    nested: dict[str, bool] = field(default_factory=dict)
    dated: dict[str, bool] = field(default_factory=dict)

    def write_all(
        self, batches: Iterable[Sequence[Mapping[str, Any]]], source: str
    ) -> Iterator[tuple[pl.DataFrame, list[str]]]:
        """Write successive objects as text; see `write`.

        Raises:
            UnreadableReport: they have more names than a report has columns.
        """
        names: set[str] = set()
        for batch in batches:
            frame, found = self.write(batch)
            names.update(found)
            check_width(len(names | self.nested.keys()), source)
            yield frame, found

    def write(self, batch: Sequence[Mapping[str, Any]]) -> tuple[pl.DataFrame, list[str]]:
        """Write the values of some objects as text; return them with the names of their columns."""
        columns = []
        for name in dict.fromkeys(name for row in batch for name in row):
            values = [row.get(name) for row in batch]
            kinds = set(map(type, values))
            if kinds & {list, dict}:
                self.nested[name] = any(
                    isinstance(each, list) and each[:1] and isinstance(each[0], dict) for each in values
                )
            elif name not in self.nested:
                written = (
                    [WORDS[each] if isinstance(each, bool) else each for each in values] if bool in kinds else values
                )
                column = pl.Series(name, written, dtype=pl.String).replace("", None)
                if column.null_count() < len(column):
                    midnight = column.str.ends_with(MIDNIGHT).all(ignore_nulls=True)
                    self.dated[name] = self.dated.get(name, True) and bool(midnight)
                columns.append(column)
        # By name, because a list of columns would not keep one without a name.
        named = {column.name: column for column in columns}
        return pl.DataFrame(named or {"": pl.Series([None] * len(batch), dtype=pl.String)}), list(named)

    def build_rows(self, frame: pl.DataFrame, header: Sequence[str]) -> pl.DataFrame:
        """Return the rows of a frame with all columns of the header, which are called by their places."""
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        columns = []
        for place, name in enumerate(header):
            text = frame[name] if name in frame.columns and name not in self.nested else nothing
            columns.append((text.str.strip_suffix(MIDNIGHT) if self.dated.get(name) else text).alias(str(place)))
        return pl.DataFrame(columns)


@dataclass
class Lines:
    """The numbers of the lines with rows."""

    _places: list[tuple[int, int]] = field(default_factory=list)
    """The rows below empty lines, and how many empty lines there are by then."""
    _empty: int = 0

    def note_empty(self, row: int) -> None:
        """Note an empty line; `row` is the row below it, counted from 0."""
        self._empty += 1
        self._places.append((row, self._empty))

    def name(self, row: int) -> str:
        """Name the line of a row."""
        found = bisect_right(self._places, (row, self._empty)) - 1
        return f"line {row + 1 + (self._places[found][1] if found >= 0 else 0):,}"

    def find_numbers(self) -> RowNumbers:
        """Return the lines of all rows."""
        lines = {0: 1} | {row: row + 1 + empty for row, empty in self._places}
        return RowNumbers.of_places(lines.items())


def read_batches(text: Data, source: str, lines: Lines) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows, some at a time.

    Raises:
        UnreadableReport: a line is not a JSON object. The message names the line.
    """
    decoder = json.JSONDecoder(
        parse_float=str, parse_int=str, parse_constant=_read_constant, object_pairs_hook=_build_object
    )
    batch: list[dict[str, Any]] = []
    rows, size = 0, 0
    names: set[str] = set()
    first: KeysView[str] = {}.keys()
    error_line: int | None = None
    for number, line in enumerate(open_data(text), 1):
        if not line.strip(b"\r\n\t \x1a\0"):
            lines.note_empty(rows)
            continue
        try:
            row = decoder.decode(line.decode().strip("\x1a\0 \r\n\t"))
            if not isinstance(row, dict):
                raise _Unusable("is a JSON array" if isinstance(row, list) else "is a single value")
            if b"\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeDecodeError:
            say_encoding(text, source, 1)
            raise
        except UnicodeEncodeError:
            raise _refuse(source, number, "holds half of a character (\\ud800 to \\udfff)") from None
        except _Unusable as error:
            raise _refuse(source, number, str(error)) from None
        except json.JSONDecodeError as error:
            goes_on = not error.doc[error.pos :].strip() and (number == 1 or error.doc in ("[", "{"))
            if rows and line.lstrip().startswith(b"<"):
                raise _refuse_end(source, number, "a web page or an XML error") from None
            said = f"is not JSON from character {error.colno} on"
            if not line.endswith(b"\n") and (number > 1 or goes_on):
                said = "is cut off, so the file is not whole"
            elif goes_on and error.doc[:1] in ("[", "{"):
                said = f"begins {'an array' if error.doc[0] == '[' else 'an object'} that goes on in the next lines"
            raise _refuse(source, number, said) from None
        except RecursionError:
            raise _refuse(source, number, "is nested too deeply") from None
        batch.append(row)
        rows, size = rows + 1, size + len(line)
        if not names.issuperset(row):
            names.update(row)
        first = first or row.keys()
        error_line = number if first.isdisjoint(row) and is_service_error(row) else None
        if len(batch) == BATCH_ROWS or size > BATCH_BYTES or len(batch) * len(names) > BATCH_CELLS:
            yield batch
            batch, size, names = [], 0, set()
            advance(rows)
    if error_line is not None:
        raise _refuse_end(source, error_line, "a JSON error")
    if batch:
        yield batch


def _refuse_end(source: str, line: int, kind: str) -> UnreadableReport:
    return UnreadableReport(
        f"{source}, line {line}: {kind} begins here, below the rows; the export was cut off, so export again"
    )


def _refuse(source: str, line: int, said: str) -> UnreadableReport:
    return UnreadableReport(f"{source} is not a JSON object a line: line {line} {said}; {ADVICE}")


def _read_constant(name: str) -> None:
    """Read `NaN`, which some programs write for a missing number, as no value."""
    if name != "NaN":
        raise _Unusable(f"holds {name}, which is not JSON")


def _build_object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _Unusable("names one value twice")
    return row
