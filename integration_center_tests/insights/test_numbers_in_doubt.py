"""Numbers that may mean something else than they say are named, and never changed without a word."""

import pytest

from integration_center_tests.insights.conftest import Read

THOUSANDS = "holds numbers such as 1.234 (first in row "


def write(cells: list[str]) -> str:
    return "User ID;N\n" + "".join(f"a;{cell}\n" for cell in cells)


@pytest.mark.parametrize(
    ("cells", "doubted"),
    [
        (["1.234", "17"], True),
        (["1.234", "2.500,5", "17"], True),  # rejecting one cell must not let the other be 1
        (["1.234", "-", "17"], True),
        (["17"] * 300 + ["1.234"], True),
        (["a"] * 50 + ["17"] * 300 + ["1.234"], True),
        (["-1.234%", "5%"], True),
        (["1.234", "1.5"], False),
        (["1.234", "0.125"], False),
        (["1.234", "1234.567"], False),
        (["1,234", "17"], False),
        (["text"] * 100 + ["1.234"], False),  # a column of text
    ],
)
def test_groups_of_three_digits_are_doubted(read: Read, cells: list[str], doubted: bool) -> None:
    assert any(THOUSANDS in note for note in read(write(cells)).notes) is doubted
    assert not any(THOUSANDS in note for note in read(write(cells), "decimal: '.'\n").notes)


@pytest.mark.parametrize(
    ("cells", "declared", "count"),
    [
        (["7,5", "8"], "", 1),
        (["1,234", "1.234,5", "-3,5%", "9"], "", 3),
        (["7,5", "8"], "decimal: ','\n", 0),
        (["7,5", "soon"], "thousands: ','\n", 0),
        (["a,b", "8,", ",9", "7"], "", 0),
    ],
)
def test_commas_in_numbers_are_named(read: Read, cells: list[str], declared: str, count: int) -> None:
    notes = [note for note in read(write(cells), declared).notes if "with a comma" in note]
    held = "1 number" if count == 1 else f"{count} numbers"
    assert [f"holds {held} with a comma" in note for note in notes] == [True] * bool(count)


def test_long_numbers_that_a_spreadsheet_has_shortened_are_named(read: Read) -> None:
    report = read(write(["1.23457E+17", "1E+05", "12", "C+E+F"]))
    assert report.frame["N"].to_list() == ["1.23457E+17", "1E+05", "12", "C+E+F"]
    assert "column 'N' holds 2 numbers such as 1.23457E+17 (first in row 2), as spreadsheets shorten" in "; ".join(
        report.notes
    )


@pytest.mark.parametrize(
    ("cells", "declared", "numbers"),
    [
        (["12-", "1.234,50-", "7", "8- €"], "decimal: ','\nthousands: .", ["-12", "-1234.50", "7", "-8"]),
        (["3%-", "1.234%"], "thousands: .", ["-3%", "1234%"]),
        (["5\u2212", "1,200"], "thousands: ','", ["-5", "1200"]),
        (["-5-"], "columns: {N: {decimal: '.'}}", ["-5-"]),
        (["(5", "5)", "(-5)"], "columns: {N: {decimal: '.'}}", ["(5", "5)", "(-5)"]),
        (["0,250", "1,234"], "columns: {N: {thousands: ','}}", ["0,250", "1234"]),  # a group never begins with zero
    ],
)
def test_signs_are_where_programs_write_them(read: Read, cells: list[str], declared: str, numbers: list[str]) -> None:
    assert read(write(cells), f"{declared}\n").frame["N"].to_list() == numbers


@pytest.mark.parametrize(
    ("cells", "declared", "said"),
    [
        (["1234,5", "soon"], "decimal: ','", "1 of 2 values (first in row 3) do not have the form of `decimal: ','` in"
         " report.yaml, so the column is read as it is; to read the others, say it for this column:"
         " `columns: {N: {decimal: ','}}`"),
        (["1.234", "soon"], "thousands: .", "`columns: {N: {thousands: .}}`"),
        (["12", "soon"], "thousands: .", ""),
        (["1.234,5", "7"], "decimal: ','\nthousands: .", ""),
    ],
)  # fmt: skip
def test_a_column_that_one_cell_keeps_from_being_read_is_named(
    read: Read, cells: list[str], declared: str, said: str
) -> None:
    doubts = [note for note in read(write(cells), f"{declared}\n").notes if "do not have the form" in note]
    assert said in "; ".join(doubts)
    assert bool(doubts) is bool(said)


def test_the_line_of_a_message_is_yaml_whatever_the_column_is_called(read: Read) -> None:
    (note,) = read("User ID;# Logins: all\na;1234,5\na;soon\n", "decimal: ','").notes[1:]
    line = note.split("`")[-2]
    assert line == "columns: {'# Logins: all': {decimal: ','}}"
    assert read("User ID;# Logins: all\na;1234,5\na;soon\n", line).frame["# Logins: all"].to_list() == [
        "1234.5",
        "soon",
    ]
