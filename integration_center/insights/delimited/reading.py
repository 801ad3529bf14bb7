"""Read delimited bytes as a table of text: look at the file, read it fast, and strictly where that is needed."""

from itertools import islice

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.delimited.decoding import decode, refuse_other_kinds
from integration_center.insights.delimited.form import Dialect, Form, Table
from integration_center.insights.delimited.header import name_columns
from integration_center.insights.delimited.looking import (
    BYTES_LOOKED_AT,
    SEPARATOR_LINE,
    find_delimiter,
    find_footer,
    skip_lines,
)
from integration_center.insights.delimited.strict import RowCount, StrictReader
from integration_center.insights.delimited.verified import read_verified

ANY = Form()


def read_table(data: bytes, source: str, form: Form = ANY) -> Table:
    """Read the rows of a delimited file as text.

    Empty lines are not rows. A header without rows is a table without rows.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        form: how the file is written, as far as that is declared.

    Raises:
        UnreadableReport: the file is not a table, has another encoding, or has a row that does not fit. The message has
            `source`, the line, and what to do.
    """
    refuse_other_kinds(data, source)
    text, encoding = decode(data, form.encoding, source)
    notes = [f"the text is {encoding}"] if encoding else []
    begin = skip_lines(text, form.skip_lines)
    delimiter = form.delimiter
    if said := SEPARATOR_LINE.match(text, begin):
        begin, delimiter = said.end(), delimiter or said[1].decode(errors="replace")
        notes.append(f"a line says sep={said[1].decode(errors='replace')}")
    if delimiter is None:
        delimiter, found = find_delimiter(text[begin : begin + BYTES_LOOKED_AT], form)
        notes += [found] if found else []
    dialect = Dialect(delimiter, form.quote, form.escape)
    text, first_line = text[begin:], text.count(b"\n", 0, begin) + 1
    text = text[: find_footer(text, form.footer, source)]
    reader = StrictReader(text, dialect, source, first_line)
    rows = reader.read_rows()
    head = list(islice(rows, form.header_row + form.skip_after_header))
    if len(head) < form.header_row:
        lacks = "it lacks even a header" if not head else f"it has {len(head)} rows, and no row {form.header_row}"
        raise UnreadableReport(f"{source} is empty, {lacks}; send the file again")
    header = head[form.header_row - 1][0]
    names, found_names = name_columns(header)
    notes += found_names
    place = skip_lines(text, head[-1][1] - first_line + 1)
    count = RowCount()
    # The reader also counts single carriage returns as line ends.
    whole_lines = text.count(b"\r", 0, place) == text.count(b"\r\n", 0, place)
    frame = read_verified(text, len(header), dialect, start=place) if whole_lines else None
    if frame is None:
        frame = reader.read(rows, header, count)
    notes += count.notes
    return Table(drop_nameless(frame, names, source), notes)


def drop_nameless(frame: pl.DataFrame, names: list[str | None], source: str) -> pl.DataFrame:
    """Name the columns of the table, and drop columns with neither name nor value.

    Raises:
        UnreadableReport: a column without a name holds values.
    """
    nameless = [number for number, name in enumerate(names) if name is None]
    holding = [str(number + 1) for number in nameless if frame[str(number)].null_count() < frame.height]
    if holding or len(nameless) == len(names):
        listed = ", ".join(holding or [str(number + 1) for number in nameless])
        raise UnreadableReport(
            f"{source}: the header has no name for column {listed}; name every column that holds values, or set in"
            " report.yaml which row is the header, such as `header_row: 2`"
        )
    kept = {str(number): name for number, name in enumerate(names) if name is not None}
    return frame[list(kept)].rename(kept)
