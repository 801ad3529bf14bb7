"""Cells that are read slice by slice are read as all at once, and leave the same doubts."""

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.insights.declared import cell_reader
from integration_center.insights.declared.cell_reader import CellReader
from integration_center.insights.declared.cells import CellRules, ReportCells
from integration_center.insights.delimited.form import name_row
from integration_center.insights.delimited.whole_numbers import WHOLE_FORM
from integration_center_tests.proofs import examples

cells = st.none() | st.sampled_from(
    [
        "1.234",
        "12",
        "-3",
        "1.234.567",
        "1.5",
        "7,5",
        "1,234",
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
        "22.11.2026",
        "03/04/2026",
        "31/12/2026",
        "2026-11-22 10:00",
        "22 Nov 2026",
        "1764000000000",
    ]
)
columns = st.lists(st.tuples(cells, cells), max_size=6)
dates = st.sampled_from([(), ("%d.%m.%Y",), ("%d/%m/%Y", "%m/%d/%Y"), ("%d.%m.%Y", "epoch_ms"), ("epoch",)])
rules = st.builds(
    CellRules,
    empty=st.sampled_from([(), ("-",), ("n/a", "NULL")]),
    strip=st.sampled_from([None, True, False]),
    dates=dates,
    zone=st.sampled_from([None, "Europe/Berlin"]),
    decimal=st.sampled_from([None, ",", "."]),
    thousands=st.sampled_from([None, "'", "."]),
)


def find_plain(frame: pl.DataFrame) -> list[str]:
    """Find the columns that hold only plain numbers."""
    return [
        name
        for name, text in frame.to_dict().items()
        if text.drop_nulls().len() and text.str.contains(WHOLE_FORM).all()
    ]


def read_slices(
    frames: list[pl.DataFrame], declared: ReportCells, *, knows_plain: bool = False
) -> tuple[pl.DataFrame, CellReader]:
    """Read slices as a run does: once more where the rows below have shown another reading."""
    reader = CellReader(declared)
    known = [find_plain(frame) if knows_plain else () for frame in frames]
    read = list(map(reader.read, frames, known))
    if (settled := reader.settle()) is not None:
        reader = CellReader(declared, settled)
        read = list(map(reader.read, frames, known))
        assert reader.settle() is None
    return pl.concat(read), reader


@examples(300)
@given(st.lists(columns, min_size=1, max_size=4), rules, st.none() | rules, st.integers(1, 4), st.booleans())
@example([[("1.234", None)], [("1.5", None)]], CellRules(), None, 1, True)
@example([[("12", None)], [("1.234", None)]], CellRules(), None, 1, True)
@example([[("12", None)], [("1.234", None)]], CellRules(), None, 2, True)
@example([[("22.11.2026", "7,5")], [("a", "7,5")]], CellRules(dates=("%d.%m.%Y",), decimal=","), None, 2, True)
@example(
    [[("2026-11-22 10:00", None)], [("22.11.2026", None)]],
    CellRules(dates=("%d.%m.%Y",), zone="Asia/Tokyo"),
    None,
    2,
    True,
)
@example([[("-", None)], [("1.234", None)]], CellRules(thousands="."), None, 2, True)
@example([[("1.234", None)], [("12", None)], [("a", None)]], CellRules(thousands="."), None, 2, True)
@example([[("2026-11-22 10:00", None)], [("a", None)]], CellRules(zone="Asia/Tokyo"), None, 2, True)
def test_slices_are_read_as_the_whole(
    slices: list[list[tuple[str | None, str | None]]],
    everywhere: CellRules,
    own: CellRules | None,
    first: int,
    knows_plain: bool,
) -> None:
    schema = {"A": pl.String(), "^.*$": pl.String()}
    frames = [pl.DataFrame(rows, schema=schema, orient="row") for rows in slices]
    declared = ReportCells(everywhere, {"A": own} if own else {})
    usual, cell_reader.LOOKED_AT = cell_reader.LOOKED_AT, first
    try:
        read, reader = read_slices(frames, declared, knows_plain=knows_plain)
        (whole, single) = read_slices([pl.concat(frames)], declared)
    finally:
        cell_reader.LOOKED_AT = usual
    assert read.equals(whole, null_equal=True)
    assert reader.list_notes(name_row) == single.list_notes(name_row)
    assert reader.find_doubts(name_row) == single.find_doubts(name_row)
    assert reader.list_clashes(name_row) == single.list_clashes(name_row)
