"""Numbers and times that a day's file may mean otherwise than they would be read."""

import pytest

from integration_center_tests.insights.conftest import Read


def write(cells: list[str]) -> str:
    return "User ID;N\n" + "".join(f"a;{cell}\n" for cell in cells)


@pytest.mark.parametrize("placeholder", ["-", "k.A.", "n/a", "NULL", "Never", "#NV"])
@pytest.mark.parametrize(
    ("cell", "declared", "meant"),
    [
        ("1.234", "thousands: .", "1234"),
        ("1.234,5", "thousands: .\ndecimal: ','", "1234.5"),
        ("22.11.2026", "dates: '%d.%m.%Y'", "2026-11-22"),
        ("2026-11-22 10:00:00", "zone: Europe/Berlin", "2026-11-22T10:00:00+01:00"),
        ("ja", "true_values: [ja]", "true"),
    ],
)
def test_a_text_that_often_means_no_value_changes_nothing_about_the_others(
    read: Read, cell: str, declared: str, meant: str, placeholder: str
) -> None:
    for cells in ([cell, placeholder], [placeholder, cell], [cell] * 3 + [f" {placeholder} "]):
        report = read(write(cells), f"{declared}\n")
        assert set(report.frame["N"].str.strip_chars()) == {meant, placeholder}
        assert not report.doubts


@pytest.mark.parametrize(
    ("cells", "declared", "kind"),
    [
        (["1.234", "siehe unten"], "thousands: .", "numbers"),
        (["siehe unten", "12", "1.234"], "thousands: .", "numbers"),
        (["1.234", "siehe unten"], "columns: {N: {thousands: .}}", None),
        (["1,5", "siehe unten"], "decimal: ','", None),  # refused, cell by cell
        (["12", "siehe unten"], "thousands: .", None),
        (["1.234", "siehe unten"], "columns: {N: {type: string}}\nthousands: .", "numbers"),
        (["1,5", "1.234"], "decimal: ','", "numbers"),
        (["17", "1.234"], "decimal: ','", "numbers"),
        (["1,5", "1.234"], "columns: {N: {decimal: ','}}", "numbers"),
        (["1,5", "1.234"], "decimal: ','\nthousands: .", None),
        (["1.5", "1.234"], "decimal: ','", None),
        (["1.234", "17"], "", "fractions"),
        (["1.234", "17"], "decimal: .", None),
        (["1,234", "17"], "thousands: .", "fractions"),
        (["1,234", "1.234"], "thousands: .", "fractions"),  # as where one part of a day is written otherwise
        (["1,234", "1.234,567"], "thousands: .", None),
        (["1,234", "0,5"], "thousands: .", None),
        (["1,234", "17"], "thousands: .\ndecimal: ','", None),
        (["1.234", "17"], "thousands: ','", "fractions"),
        (["1.234", "17"], 'thousands: "\'"', "fractions"),
        (["1.234", "1'234.5"], 'thousands: "\'"', None),
        (["2026-11-22 10:00:00", "bald"], "zone: Europe/Berlin", "times"),
        (["2026-11-22 10:00:00", "bald"], "zone: Europe/Berlin\ndates: '%Y-%m-%d %H:%M:%S'", "times"),
        (["2026-11-22 10:00:00", "bald"], "zone: UTC", None),
        (["2026-11-22", "bald"], "zone: Europe/Berlin", None),
        (["22.11.2026", "bald"], "dates: '%d.%m.%Y'", None),
        (["Note: a", "b"], "zone: Europe/Berlin", None),
    ],
)
def test_what_would_be_read_as_another_value_is_in_doubt(
    read: Read, cells: list[str], declared: str, kind: str | None
) -> None:
    report = read(write(cells), f"{declared}\n")
    found = report.doubts.get("N")
    assert (found.kind if found else None) == kind
    if found:
        assert found.said.startswith("logins/2026-11-22.csv: column 'N'")
        assert found.said in report.notes


def test_the_line_that_is_named_removes_the_doubt(read: Read) -> None:
    report = read(write(["1.234", "siehe unten"]), "thousands: .\n")
    line = report.doubts["N"].said.split("`")[-2]
    report = read(write(["1.234", "siehe unten"]), f"thousands: .\n{line}\n")
    assert not report.doubts
    assert report.frame["N"].to_list() == ["1234", "siehe unten"]


def test_a_doubt_is_about_the_column_as_it_is_called(read: Read) -> None:
    report = read(write(["1.234", "siehe unten"]), "thousands: .\ncolumns: {N: {name: Anzahl}}\n")
    assert list(report.doubts) == ["Anzahl"]
