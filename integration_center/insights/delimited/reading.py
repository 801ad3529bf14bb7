"""Read delimited bytes as a table of text: look at the file, read it fast, and strictly where that is needed."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, cut
from integration_center.insights.column_names import clean_name
from integration_center.insights.delimited.decoding import decode, end_lines
from integration_center.insights.delimited.footer_pattern import is_row, refuse_counted
from integration_center.insights.delimited.form import (
    DELIMITERS,
    ONE_COLUMN,
    Dialect,
    Form,
    OpenTable,
    RowCount,
    Rows,
    Table,
    open_frame,
)
from integration_center.insights.delimited.header import ROWS_LOOKED_AT, check_width, name_table, refuse_person
from integration_center.insights.delimited.kinds import (
    LOOKED_AT,
    PADDING,
    refuse_binary,
    refuse_drawn,
    refuse_other_kinds,
)
from integration_center.insights.delimited.looking import (
    BYTES_LOOKED_AT,
    SEPARATOR_LINE,
    find_delimiter,
    find_footer,
    find_quote,
    find_separator,
    read_rows,
    skip_lines,
)
from integration_center.insights.delimited.odd_rows import (
    CELLS_WRAPPED,
    LINES_WRAPPED,
    NO_DELIMITER,
    count_odd_rows,
    find_lines,
    is_wrapped,
    unwrap_cells,
)
from integration_center.insights.delimited.row_places import RowPlaces, find_places
from integration_center.insights.delimited.strict import StrictReader
from integration_center.insights.delimited.text_lines import count_line_ends
from integration_center.insights.delimited.verified import read_verified
from integration_center.progress import advance
from integration_center.wording.sentences import count

ANY = Form()
LONE_RETURN = re.compile(rb"\r(?!\n)")


def read_table(data: Data, source: str, form: Form = ANY) -> Table:
    """Read all rows of a delimited file as text; see `open_table`."""
    return open_table(data, source, form).read_all()


def open_table(data: Data, source: str, form: Form = ANY) -> OpenTable:
    """Open a delimited file, to read its rows as text.

    Empty lines are not rows. A header without rows is a table without rows.

    Args:
        data: the whole file, unpacked.
        source: the name of the file in errors.
        form: how the file is written, as far as that is declared.

    Raises:
        UnreadableReport: the file is not a table, has another encoding, or has a row that does not fit. The message has
            `source`, the line, and what to do. For a row it is raised where the rows are read.
    """
    text, encoding, notes = decode(data, form.encoding, source)
    text, ends = end_lines(text, source)
    notes += ends
    refuse_other_kinds(text, source)
    if (form.footer is not None or form.skip_lines) and text.count(b"\r") - text.count(b"\r\n") > text.count(b"\n"):
        text = LONE_RETURN.sub(b"\n", bytes(text))  # the line ends of old Macs, whose cells may hold other ones
    begin = skip_lines(text, form.skip_lines)
    if form.delimiter is None:
        refuse_drawn(text[begin : begin + LOOKED_AT], source, form.skip_lines)
    dialect, begin, found = find_dialect(text, begin, form)
    notes += found
    refuse_binary(text[begin : begin + LOOKED_AT], source)
    is_empty = not has_content(text)
    text, first_line = cut(text, begin), count_line_ends(text, begin) + 1
    footer = find_footer(text, form.footer, source, first_line)
    if isinstance(form.footer, int):
        check_counted_footer(text, footer, dialect, form.footer, source, first_line)
    text = cut(text, 0, footer)
    reader = StrictReader(text, dialect, source, first_line)
    rows = reader.read_rows()
    head = list(islice(rows, form.header_row + form.skip_after_header)) if has_content(text) else []
    if len(head) < form.header_row:
        raise refuse_empty(head, ANY if is_empty else form, source)
    header = head[form.header_row - 1][0]
    check_width(len(header), source)
    places = find_places(head, first_line)
    below = Below(reader, header, rows, skip_lines(text, head[-1][1] - first_line + 1), places)
    found_form = replace(form, encoding=encoding, delimiter=dialect.delimiter, quote=dialect.quote)
    if is_unusual(header):
        return read_unusual(below, notes, found_form)
    if len(header) == 1 and form.delimiter is None:
        above = head[form.header_row - 2][1] - first_line + 1 if form.header_row > 1 else 0
        begin = skip_lines(text, above)
        if separator := find_separator(text[begin : begin + BYTES_LOOKED_AT]):
            found_form = replace(found_form, separator=separator)
            notes.append(ONE_COLUMN.format(json.dumps(separator)))
    shown = pl.DataFrame(schema=below.schema)
    if not all(map(clean_name, header)):
        shown, below = show_columns(below), below.again(len(head))
    named, found_names = name_table(shown, header, source, row=form.header_row)
    refuse_person(header, [cells for cells, _ in head[: form.header_row - 1]], source)
    kept = find_kept(shown, header)
    names = dict(zip(named.columns, kept, strict=True))
    slices = (rows.rename(names) for rows in below.read())
    said, places = [*notes, *found_names], below.places
    return OpenTable(
        named.columns, slices, found_form, said, below.count, places.name, find_numbers=places.find_numbers
    )


@dataclass
class Below:
    """The rows below a header.

    Attributes:
        reader: reads the text strictly.
        header: the cells of the header.
        rows: the rest of the rows that the reader reads.
        begin: where they begin, in bytes.
        places: the places of the rows.
        count: counts the unusual rows that are accepted.
    """

    reader: StrictReader
    header: Sequence[str]
    rows: Iterator[tuple[list[str], int]]
    begin: int
    places: RowPlaces
    count: RowCount = field(default_factory=RowCount)

    def again(self, above: int) -> "Below":
        """Return the same rows, to read them once more; `above` is the number of rows above them."""
        rows = self.reader.read_rows()
        list(islice(rows, above))
        return replace(self, rows=rows, places=RowPlaces(self.places.first), count=RowCount())

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The schema of the rows: columns `0`, `1` and so on."""
        return {str(number): pl.String() for number in range(len(self.header))}

    def read(self) -> Iterator[Rows]:
        """Read the rows, and count those that are odd.

        Raises:
            UnreadableReport: a row does not fit the table.
        """
        for rows, has_breaks in self._read():
            count_odd_rows(rows.frame, self.header, self.reader.dialect.delimiter, self.count, has_breaks=has_breaks)
            yield rows

    def _read(self) -> Iterator[tuple[Rows, bool]]:
        """Read the rows: fast as long as they can be proven, strictly from there on.

        Yields:
            The next rows, and whether a cell of them may hold a line end.
        """
        text, end, read = self.reader.text, self.begin, 0
        # The strict reader also counts single carriage returns as line ends.
        if text.count(b"\r", 0, end) == text.count(b"\r\n", 0, end):
            for rows, end, has_breaks in read_verified(text, len(self.header), self.reader.dialect, start=self.begin):
                read += rows.frame.height
                advance(read, share=end / len(text))
                yield rows, has_breaks
        if not read or end < len(text):
            left = self.reader.read_rows(end) if read else self.rows
            self.places.line = self.reader.count_lines(end)
            for frame in self.reader.read(left, self.header, self.count, self.places, rows_read=read):
                yield Rows(frame), True


def show_columns(below: Below) -> pl.DataFrame:
    """Read all rows, and return the first ones, and below them a value of each column that holds any."""
    head = pl.DataFrame(schema=below.schema)
    values: dict[str, str] = {}
    for frame, _ in below.read():
        if head.height < ROWS_LOOKED_AT:
            head = pl.concat([head, frame.head(ROWS_LOOKED_AT - head.height)])
        for text in frame[[name for name in frame.columns if name not in values]]:
            if text.null_count() < len(text):
                values[text.name] = text.drop_nulls()[0]
    held = pl.DataFrame({name: [values.get(name)] for name in head.columns}, schema=below.schema)
    return pl.concat([head, held]) if head.height == ROWS_LOOKED_AT else head


def find_kept(shown: pl.DataFrame, header: Sequence[str]) -> list[str]:
    """Find the columns of a table that have a name or hold values."""
    return [text.name for text, cell in zip(shown, header, strict=True) if clean_name(cell) or text.drop_nulls().len()]


def is_unusual(header: Sequence[str]) -> bool:
    """Return whether only all rows show what a header means, because it may be quoted twice."""
    one = len(header) == 1 and (not clean_name(header[0]) or any(each in header[0] for each in DELIMITERS))
    return one or is_wrapped(header)


def read_unusual(below: Below, notes: list[str], form: Form) -> OpenTable:
    """Read all rows below an unusual header; see `open_table`."""
    header, source = below.header, below.reader.source
    frame = pl.concat([pl.DataFrame(schema=below.schema), *(rows.frame for rows in below.read())])
    if lines := find_lines(frame, header):
        found, _ = find_delimiter(lines[:BYTES_LOOKED_AT], ANY)
        # Each reading has to take something off the header, a delimiter or a pair of quotes, or there would be no end.
        inner = ANY if found in header[0] else Form(next(each for each in DELIMITERS if each in header[0]))
        within = read_table(lines, source, inner)
        said = LINES_WRAPPED if below.reader.text.find(b'"') >= 0 else NO_DELIMITER.format(below.reader.dialect.name)
        return open_frame(replace(within, notes=[*notes, said, *within.notes]))
    if (bare := unwrap_cells(frame, header)) is not None:
        frame = bare
        notes.append(CELLS_WRAPPED)
    table, found_names = name_table(frame, header, source, row=form.header_row)
    places = below.places
    notes = [*notes, *found_names, *below.count.list_notes(places.name)]
    return open_frame(Table(table, notes, form, places.name, find_numbers=places.find_numbers))


def find_dialect(text: Data, begin: int, form: Form) -> tuple[Dialect, int, list[str]]:
    """Find how the cells of a text are separated and quoted.

    Args:
        text: the text, in UTF-8.
        begin: where its first line begins, in bytes.
        form: how the file is written, as far as that is declared.

    Returns:
        The dialect, where the rows begin, and what was found without a declaration.
    """
    delimiter, quote, notes = form.delimiter, form.quote, []
    if said := SEPARATOR_LINE.match(text[begin : begin + BYTES_LOOKED_AT]):
        begin, delimiter = begin + said.end(), delimiter or said[1].decode(errors="replace")
        notes.append(f"a line says sep={said[1].decode(errors='replace')}")
    sample = text[begin : begin + BYTES_LOOKED_AT]
    if quote == Form.quote and (quote := find_quote(sample, delimiter)) != Form.quote:
        notes.append(f"cells are quoted by {quote}")
    if delimiter is None:
        delimiter, found = find_delimiter(sample, replace(form, quote=quote))
        notes += [found] if found else []
    return Dialect(delimiter, quote, form.escape, form.skip_blanks), begin, notes


def check_counted_footer(text: Data, begin: int, dialect: Dialect, footer: int, source: str, first_line: int) -> None:
    """Check that the lines of a footer, of which only the number is declared, are not rows.

    Args:
        text: the rows and the footer, in UTF-8.
        begin: where the footer begins, in bytes.
        dialect: the dialect of the text.
        footer: the declared number of lines.
        source: the name of the file in errors.
        first_line: the number of the text's first line.

    Raises:
        UnreadableReport: one of them looks like a row.
    """
    end = len(text[max(begin - BYTES_LOOKED_AT, 0) : begin].rstrip(b"\r\n \x1a")) + max(begin - BYTES_LOOKED_AT, 0)
    above = text[text.rfind(b"\n", 0, end) + 1 : end].decode(errors="replace")
    try:
        (last,) = list(read_rows(above, dialect)) or [[]]
        lines = text[begin:].decode(errors="replace").splitlines()
        odd = [
            number for number, line in enumerate(lines) if any(is_row(row, last) for row in read_rows(line, dialect))
        ]
    except (csv.Error, ValueError):  # a row of several lines, or no rows at all
        return
    if odd:
        line = first_line + text.count(b"\n", 0, begin)
        raise UnreadableReport(refuse_counted(source, footer, f"line {line + odd[0]:,}"))


def has_content(text: Data) -> bool:
    """Return whether a text has more than padding. Mostly its beginning shows that, without a copy of the text."""
    pieces = (text[begin : begin + BYTES_LOOKED_AT] for begin in range(0, len(text), BYTES_LOOKED_AT))
    return any(piece.strip(PADDING) for piece in pieces)


def refuse_empty(head: Sequence[object], form: Form, source: str) -> UnreadableReport:
    """Build the error for a file that ends before its header."""
    lacks = "it lacks even a header" if not head else f"it has {count(len(head), 'row')}, and no row {form.header_row}"
    if form.header_row > 1 or form.skip_lines or form.footer is not None:
        said = ", ".join(
            f"`{name}: {getattr(form, name)}`"
            for name in ("skip_lines", "header_row", "footer")
            if getattr(form, name) != getattr(ANY, name) or name == "header_row"
        )
        return UnreadableReport(
            f"{source} is empty, {lacks}; correct {said} in report.yaml, or export the report again"
        )
    return UnreadableReport(f"{source} is empty, {lacks}; export the report again")
