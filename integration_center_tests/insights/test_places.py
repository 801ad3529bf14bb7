"""What is in doubt about a report names its row: as a spreadsheet counts the rows of the file."""

from datetime import date
from pathlib import Path

import pytest

from integration_center.errors import UnreadableReport
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center_tests.insights.conftest import DAY, Read


@pytest.mark.parametrize(
    ("content", "declared", "place"),
    [
        ("User ID,N\na,1\nb,N/A\nc,N/A\n", "", "row 3"),
        ("User ID,N\r\na,1\r\n\r\n\r\nb,N/A\r\n", "", "row 5"),
        ("\nUser ID,N\n\na,1\n   \nb,N/A\n", "", "row 6"),
        ("Title\nof a report\nUser ID,N\nunit,unit\na,N/A\n", "skip_lines: 2\nskip_after_header: 1\n", "row 5"),
        ("Title,\nUser ID,N\na,N/A\n", "header_row: 2\n", "row 3"),
        ('User ID,N\n"a\n\nb",1\n\nb,N/A\n', "", "row 4"),
        ("User ID,N\ra,1\r\rb,N/A\r", "", "row 4"),
        ("User ID,N,\na,1,\n\nb,N/A,\n", "", "row 4"),
    ],
)
def test_the_first_row_of_a_doubt_is_named(read: Read, content: str, declared: str, place: str) -> None:
    (note,) = [note for note in read(content, declared).notes if "holds 'N/A'" in note]
    assert f" (first in {place}); if that means" in note


def test_of_several_parts_the_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "logins"
    folder.mkdir()
    (folder / "report.yaml").write_text("parts: concat\n")
    (folder / f"{DAY}_1.csv").write_text("User ID,N\na,1\nb,2\n")
    (folder / f"{DAY}_2.csv").write_text("User ID,N\n\nc,N/A\n")
    source = FilesSource(LocalDrops(tmp_path))
    (note,) = source.read(source.find("logins"), DAY).notes
    assert f"holds 'N/A' in 1 cell (first in row 3 of logins/{DAY}_2.csv)" in note


@pytest.mark.parametrize(
    ("cells", "dates", "read_as"),
    [
        (["22/11/2026 05:00", "1764000000000"], "['%d/%m/%Y %H:%M', epoch_ms]",
         ["2026-11-22T05:00:00Z", "2025-11-24T16:00:00Z"]),
        (["22.11.2026", "22-11-2026", "2026-11-22"], "['%d.%m.%Y', '%d-%m-%Y']", ["2026-11-22"] * 3),
        (["1764000000", "1764000000000"], "[epoch_ms, epoch]", ["2025-11-24T16:00:00Z"] * 2),
        (["46348", "20261122"], "[excel, '%Y%m%d']", ["2026-11-22T00:00:00Z", "2026-11-22"]),
        (["1 Jul 2026 10:00 EDT", "22 Nov 2026 10:00 EST"],
         "['%d %b %Y %H:%M EST', '%d %b %Y %H:%M EDT'], zone: America/New_York",
         ["2026-07-01T10:00:00-04:00", "2026-11-22T10:00:00-05:00"]),
    ],
)  # fmt: skip
def test_a_column_may_have_several_forms_of_dates(read: Read, cells: list[str], dates: str, read_as: list[str]) -> None:
    report = read(
        "User ID,Seen\n" + "".join(f"a,{cell}\n" for cell in cells), f"columns: {{Seen: {{dates: {dates}}}}}\n"
    )
    assert report.frame["Seen"].to_list() == read_as
    assert report.notes == []


def test_forms_that_contradict_each_other_are_refused(read: Read) -> None:
    content = "User ID,Seen\na,22/11/2026\n\nb,03/03/2026\nc,03/04/2026\n"
    with pytest.raises(UnreadableReport, match=r"column 'Seen': 1 value \(first in row 5\) can be two dates"):
        read(content, "dates: ['%d/%m/%Y', '%m/%d/%Y']\n")
    report = read(content.replace("03/04", "04/04"), "dates: ['%d/%m/%Y', '%m/%d/%Y']\n")
    assert report.frame["Seen"].to_list()[-1] == "2026-04-04"
    assert report.day == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("[]", "the list has no form"),
        ("['%d.%m.%Y', '%d.%m.%Y']", "'%d.%m.%Y' is there twice"),
        ("['%d.%m.%Y', epoch]", "'epoch' must be said for a column"),
        ("'%d %b %Y %H:%M %Z'", "the letters of a time zone may mean several zones; write them as they are"),
        ("['%d.%m.%Y', 'dd.mm.yyyy']", "'dd.mm.yyyy' is not a form in the notation of strftime, such as '%d.%m.%Y'"),
    ],
)
def test_forms_that_cannot_be_read_are_refused(read: Read, dates: str, said: str) -> None:
    with pytest.raises(UnreadableReport) as refused:
        read("User ID\na\n", f"dates: {dates}\n")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "declared", "read_as"),
    [
        (["WAHR", "falsch", " wahr ", "yes"], "true_values: [WAHR]\nfalse_values: [FALSCH]\n",
         ["true", "false", "true", "true"]),
        (["ja", "vielleicht"], "true_values: [ja]\nfalse_values: [nein]\n", ["ja", "vielleicht"]),
        (["ja", "vielleicht"], "columns: {Active: {true_values: [ja]}}\n", ["true", "vielleicht"]),
        (["yes", "0"], "true_values: [ja]\n", ["yes", "0"]),
    ],
)  # fmt: skip
def test_words_for_yes_and_no_can_be_declared(read: Read, cells: list[str], declared: str, read_as: list[str]) -> None:
    report = read("User ID,Active\n" + "".join(f"a,{cell}\n" for cell in cells), declared)
    assert report.frame["Active"].to_list() == read_as
    assert bool(report.notes) is ("vielleicht" in read_as and "columns" in declared)


def test_a_word_for_both_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableReport, match="true_values and false_values both have 'ja'; keep it in one"):
        read("User ID\na\n", "true_values: [Ja]\nfalse_values: [' ja']\n")


@pytest.mark.parametrize("declared", ["", "decimal: ','\n", "strip: true\n", "dates: '%d.%m.%Y'\n", "empty: ['N/A']\n"])
def test_a_column_whose_name_could_be_a_pattern_is_read_as_any_other(read: Read, declared: str) -> None:
    header, odd, cells = "User ID,{}\n", "^b.*$", ('="00123"', "N/A", "'7", "1.234", "22.11.2026", "1.2E+17", "")
    rows = "".join(f'a,"{cell.replace(chr(34), chr(34) * 2)}"\n' for cell in cells)
    plain, named = (read(header.format(name) + rows, declared) for name in ("Odd", odd))
    assert named.frame[odd].to_list() == plain.frame["Odd"].to_list()
    assert list(named.notes) == [note.replace("Odd", odd) for note in plain.notes]
