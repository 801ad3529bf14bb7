"""The day and the order that names of files tell."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import NoDataForDay
from integration_center.insights.drop_folders.drop_names import DropNames, check_pattern, name_format, propose_pattern
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource

DAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("pattern", "name", "day"),
    [
        (None, "2026-11-22.csv", DAY),
        (None, "2026-11-22 morning.CSV.GZ", DAY),
        (None, "2026-11-221.csv", None),
        (None, "2026-02-30.csv", None),
        (None, "logins_2026-11-22.csv", None),
        ("logins_{date:%Y%m%d}*.csv", "logins_20261122.csv", DAY),
        ("logins_{date:%Y%m%d}*.csv", "Logins_20261122-2.CSV", DAY),
        ("logins_{date:%Y%m%d}*.csv", "logins_202611221.csv", None),
        ("logins_{date:%Y%m%d}*.csv", "logins_20261322.csv", None),
        ("logins_{date:%Y%m%d}*.csv", "nps_20261122.csv", None),
        ("*{date}.xlsx", "report of 2026-11-22.xlsx", DAY),
        ("{date:%d-%b-%Y}.csv", "22-Nov-2026.csv", DAY),
        ("{date:%Y%m%dT%H%M%S}.csv", "20261122T070000.csv", DAY),
        ("a+b_{date:%y.%m.%d}?.csv", "a+b_26.11.22x.csv", DAY),
        ("a+b_{date:%y.%m.%d}?.csv", "aab_26x11x22x.csv", None),
        ("{date:%Y-%j}.csv", "2026-326.csv", DAY),
        ("{date}.csv", "٢٠٢٦-11-22.csv", None),
        ("**a**_{date}***.csv", "a_2026-11-22.csv", DAY),
        ("*a*a{date}*.csv", "a" * 250, None),  # answered at once
    ],
)
def test_the_day_of_a_name(pattern: str | None, name: str, day: date | None) -> None:
    assert DropNames(pattern).read_day(name) == day


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("logins.csv", "must have one {date}"),
        ("{date}_{date}.csv", "must have one {date}"),
        ("{date:%Y%m}.csv", "the date must tell a day"),
        ("{date:%x}.csv", "%x is not read in names"),
        ("*a*b*c*{date}.csv", "more than 3 places"),
    ],
)
def test_a_pattern_without_a_day_is_refused(pattern: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        check_pattern(pattern)


@given(
    st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    st.sampled_from(["%Y%m%d", "%d.%m.%y", "%b-%d-%Y", "%Y_%j", "%Y-%m-%d"]),
    st.sampled_from(["x_", "(a)", "", "[b] "]),
)
def test_what_a_pattern_writes_it_reads(day: date, form: str, before: str) -> None:
    pattern = check_pattern(f"{before}{{date:{form}}}.csv")
    name = f"{before}{datetime.combine(day, datetime.min.time()).strftime(form)}.csv"
    assert DropNames(pattern).read_day(name) == day


def test_the_format_of_a_name() -> None:
    assert [name_format(name) for name in ("a.csv.gz", "a.XLSX", "a.b.parquet", "a.zip", "a", "a.ndjson")] == [
        *("csv", "xlsx", "parquet", "csv", "csv", "jsonl")
    ]


def test_files_called_by_a_pattern_are_found_and_others_named(tmp_path: Path) -> None:
    folder = tmp_path / "logins"
    folder.mkdir()
    (folder / "report.yaml").write_text("name_pattern: 'logins_{date:%Y%m%d}*.csv'\nparts: concat\n")
    for name, key in (("logins_20261122_2.csv", "b"), ("logins_20261122_1.csv", "a"), ("2026-11-21.csv", "c")):
        (folder / name).write_text(f"User ID\n{key}\n")
    source = FilesSource(LocalDrops(tmp_path))
    info = source.find("Logins")
    assert source.newest_day(info) == DAY
    assert source.read(info, DAY).frame.rows() == [("a",), ("b",)]
    with pytest.raises(
        NoDataForDay, match=r"do not fit 'logins_.*', the name_pattern of report\.yaml: '2026-11-21\.csv'"
    ):
        source.read(info, date(2026, 11, 21))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (None, "2026-11-22.csv"),
        ("logins_{date:%Y%m%d}*.csv", "logins_20261122.csv"),
        ("*{date}.xlsx", "2026-11-22.xlsx"),
        ("a?{date:%d-%b-%Y}*", "a_22-Nov-2026.csv"),
    ],
)
def test_a_missing_day_names_a_file_that_would_be_taken(pattern: str | None, name: str, tmp_path: Path) -> None:
    assert DropNames(pattern).read_day(name) == DAY
    (tmp_path / "logins").mkdir()
    if pattern:
        (tmp_path / "logins" / "report.yaml").write_text(f"name_pattern: '{pattern}'\n")
    source = FilesSource(LocalDrops(tmp_path))
    with pytest.raises(NoDataForDay) as missing:
        source.read(source.find("logins"), DAY)
    assert f"Drop the file as {tmp_path / 'logins' / name}, then" in str(missing.value)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("logins_20261122_0700.csv", "logins_{date:%Y%m%d}*.csv"),
        ("Report 22.11.2026.xlsx", "Report {date:%d.%m.%Y}.xlsx"),
        ("2026_11_22 logins (2).csv.gz", "{date:%Y_%m_%d}*.csv.gz"),
        ("r7-2026-11-22.jsonl", "r*-{date:%Y-%m-%d}.jsonl"),
        ("export1764000000000.csv", None),
        ("x_20261399.csv", None),
        ("from2026-11-21to2026-11-22.csv", None),
        ("22-11-2026.csv", None),
        ("lo'gins_20261122.csv", None),
        ("logins_20261122.pdf", None),
        ("logins.csv", None),
    ],
)
def test_the_pattern_of_a_name_with_one_day_is_proposed(name: str, pattern: str | None) -> None:
    assert propose_pattern(name) == pattern
    if pattern:
        assert DropNames(pattern).read_day(name) == date(2026, 11, 22)


def test_a_day_without_a_file_of_the_usual_name_names_the_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "logins"
    folder.mkdir()
    (folder / "logins_20261122_0700.csv").write_text("User ID,N\na@x.example,1\n", encoding="utf-8")
    source = FilesSource(LocalDrops(tmp_path))
    line = "name_pattern: 'logins_{date:%Y%m%d}*.csv'"
    with pytest.raises(NoDataForDay, match=re.escape(f"if the day is in the name, say `{line}` in report.yaml")):
        source.read(source.find("Logins"), DAY)
    assert line in source.list_not_taken()[0].reason
    (folder / "2026-11-21.csv").touch()  # then the line would leave out this one
    with pytest.raises(NoDataForDay, match=r"'logins_20261122_0700\.csv'$"):
        source.read(source.find("Logins"), DAY)
    assert line not in source.list_not_taken()[0].reason
    (folder / "2026-11-21.csv").unlink()
    (folder / "report.yaml").write_text(f"{line}\n", encoding="utf-8")
    assert source.read(source.find("Logins"), DAY).frame.height == 1
