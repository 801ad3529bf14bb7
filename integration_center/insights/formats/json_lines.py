"""Read a file with one JSON object per line as text.

Python's reader is used because it can keep numbers as they are written: `1.10` and numbers of twenty digits stay.
"""

import io
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.column_names import find_column
from integration_center.insights.delimited.decoding import decode, say_encoding
from integration_center.insights.delimited.form import Table
from integration_center.insights.delimited.header import name_table
from integration_center.insights.delimited.kinds import find_kind
from integration_center.insights.formats.value_text import clear_text, refuse_nested

BATCH_ROWS = 50_000
"""The number of rows that are Python objects at a time."""
WORDS = {True: "true", False: "false"}
ADVICE = "export one object a line, or declare the file's `format:` in report.yaml"


class _Unusable(ValueError):
    """A line cannot be used. The text says what it is."""


def read_json_lines(data: bytes, source: str, encoding: str | None, ignored: Collection[str]) -> Table:
    """Read a file with one JSON object per line. Numbers stay as they are written; empty lines are not rows.

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
    columns: dict[str, list[pl.Series]] = {}
    height = 0
    nested: dict[str, bool] = {}
    """The columns that hold lists or objects, and whether one of them begins a list of objects."""
    for batch in read_batches(bytes(text), source):
        for name in dict.fromkeys(name for row in batch for name in row):
            values = [row.get(name) for row in batch]
            kinds = set(map(type, values))
            if kinds & {list, dict}:
                nested[name] = any(isinstance(each, list) and each[:1] and isinstance(each[0], dict) for each in values)
            elif name not in nested:
                written = (
                    [WORDS[each] if isinstance(each, bool) else each for each in values] if bool in kinds else values
                )
                parts = columns.setdefault(name, [pl.Series([None] * height, dtype=pl.String)] if height else [])
                parts.append(pl.Series(written, dtype=pl.String))
        height += len(batch)
        for parts in columns.values():
            if lacking := height - sum(map(len, parts)):
                parts.append(pl.Series([None] * lacking, dtype=pl.String))
    if not columns and not nested:
        raise UnreadableReport(f"{source} is empty: it has no JSON object; export the report again")
    left_out = {find_column(name, nested) for name in ignored}
    if odd := [name for name in nested if name not in left_out]:
        if height == 1 and len(odd) == 1 and nested[odd[0]]:
            raise UnreadableReport(
                f"{source} is one JSON object, whose rows seem to be within {odd[0]!r}; export one object a line"
            )
        raise refuse_nested(odd, source)
    columns |= {name: [pl.Series([None] * height, dtype=pl.String)] for name in nested}
    frame = pl.DataFrame({str(number): pl.concat(parts) for number, parts in enumerate(columns.values())})
    table, found = name_table(clear_text(frame), list(columns), source)
    return Table(table, [*notes, *found])


def read_batches(text: bytes, source: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows, some at a time.

    Raises:
        UnreadableReport: a line is not a JSON object. The message names the line.
    """
    decoder = json.JSONDecoder(
        parse_float=str, parse_int=str, parse_constant=_read_constant, object_pairs_hook=_build_object
    )
    batch: list[dict[str, Any]] = []
    for number, line in enumerate(io.BytesIO(text), 1):
        if not line.strip(b"\r\n\t \x1a\0"):
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
            cut = not line.endswith(b"\n") and number > 1
            said = "is cut off, so the file is not whole" if cut else f"is not JSON from character {error.colno} on"
            if line.strip() in (b"[", b"{"):
                said = f"begins {'an array' if line.strip() == b'[' else 'an object'} that goes on in the next lines"
            raise _refuse(source, number, said) from None
        except RecursionError:
            raise _refuse(source, number, "is nested too deeply") from None
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


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
