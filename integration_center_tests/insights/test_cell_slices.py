"""Cells that are read slice by slice are read as all at once, and leave the same doubts."""

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integration_center.insights.declared import cell_reader
from integration_center.insights.declared.cell_reader import CellReader, read_cells
from integration_center.insights.declared.cells import CellRules, ReportCells

cells = st.none() | st.sampled_from(
    [
        "1.234",
        "12",
        "1.234.567",
        "1.5",
        "7,5",
        "1E+05",
        "NULL",
        "-",
        " n/a ",
        "never",
        "'007",
        "'x",
        '="00123"',
        '="1',
        "a",
        "-",
    ]
)
columns = st.lists(st.tuples(cells, cells), max_size=6)
rules = st.builds(
    CellRules, empty=st.sampled_from([(), ("-",), ("n/a", "NULL")]), strip=st.sampled_from([None, True, False])
)


@settings(max_examples=200)
@given(st.lists(columns, min_size=1, max_size=4), rules, st.none() | rules, st.integers(1, 4))
@example([[("1.234", None)], [("1.5", None)]], CellRules(), None, 1)
@example([[("12", None)], [("1.234", None)]], CellRules(), None, 1)
@example([[("12", None)], [("1.234", None)]], CellRules(), None, 2)
def test_slices_are_read_as_the_whole(
    slices: list[list[tuple[str | None, str | None]]], everywhere: CellRules, own: CellRules | None, first: int
) -> None:
    schema = {"A": pl.String(), "^.*$": pl.String()}
    frames = [pl.DataFrame(rows, schema=schema, orient="row") for rows in slices]
    declared = ReportCells(everywhere, {"A": own} if own else {})
    reader = CellReader(declared)
    usual, cell_reader.LOOKED_AT = cell_reader.LOOKED_AT, first
    try:
        read = pl.concat([reader.read(frame) for frame in frames])
        whole, notes = read_cells(pl.concat(frames), declared)
    finally:
        cell_reader.LOOKED_AT = usual
    assert read.equals(whole, null_equal=True)
    assert reader.notes == notes
