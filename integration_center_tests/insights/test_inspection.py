"""A look at a file finds the report.yaml that reads it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from integration_center.cli.verbs import app
from integration_center.insights.declared.report_yaml import ReportFile, read_report_file
from integration_center.insights.inspecting.inspection import Inspection, inspect_file
from integration_center.insights.sizes import SizeLimit

PEOPLE = 12


def inspect(content: str | bytes, declared: str = "") -> Inspection:
    data = content.encode() if isinstance(content, str) else content
    file = read_report_file(declared.encode(), "report.yaml") if declared else ReportFile()
    return inspect_file(data, "x.csv", "csv", file, limit=SizeLimit(10_000_000))


def table(header: str, row: str) -> str:
    """Rows in which {n} is the person's number, {d} a day of two digits and {m} a month."""
    rows = (row.format(n=number, d=f"{number + 10:02}", m=f"{number % 9 + 1:02}") for number in range(PEOPLE))
    return "\n".join([header, *rows]) + "\n"


GERMAN = (
    "Auswertung für März\n"
    + table("User ID;Login;Punkte", "ann{n}@x.example;{d}.{m}.2026 07:05;1.2{d},5")
    + "Summe;;9\n"
)
AMERICAN = table('"User ID","Login","Points"', '"ann{n}@x.example","{m}/{d}/2026 7:05 PM","1,2{d}"')


def count_queries(monkeypatch: pytest.MonkeyPatch, columns: int) -> int:
    """Count the queries of Polars that a look at a file with so many columns takes."""
    kinds = ["Logins,{n}", "Name,ann", "Last,2026-{m}-{d} 08:00:00", "Since,2026-{m}-{d}", "Share,{n}.5", "Score,{n} %"]
    kinds += ["Day,{d}.{m}.2026", 'Sum,"1.2{d},5"', "Done,ja", "Note,N/A", "At,2026-{m}-{d}T08:00:00Z", "Sure,true"]
    several = [kinds[place % len(kinds)].partition(",") for place in range(columns)]
    content = table(
        ",".join(["User ID", *(f"{name} {place}" for place, (name, _, _) in enumerate(several))]),
        ",".join(["ann{n}@x.example", *(cell for _, _, cell in several)]),
    )
    count = 0
    for name in ("select", "select_seq", "with_columns", "filter"):
        original = getattr(pl.DataFrame, name)

        def counting(*given: Any, original: Any = original, **named: Any) -> Any:
            nonlocal count
            count += 1
            return original(*given, **named)

        monkeypatch.setattr(pl.DataFrame, name, counting)
    found = inspect(content)
    monkeypatch.undo()
    assert (found.problem, len(found.columns)) == (None, columns + 1)
    return count


def test_many_columns_take_few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = count_queries(monkeypatch, 24), count_queries(monkeypatch, 240)
    assert (many - few) / (240 - 24) < 20, (few, many)  # it took 100 for each column


@pytest.mark.parametrize(
    ("content", "proposal"),
    [
        (table("User ID,N", "ann{n}@x.example,{n}"), {}),
        (
            GERMAN.encode("cp1252"),
            {"encoding": "cp1252", "header_row": 2, "footer": r"^\W*Summe", "dates": "%d.%m.%Y %H:%M", "decimal": ",",
             "thousands": "."},
        ),
        (AMERICAN, {"dates": "%m/%d/%Y %I:%M %p", "thousands": ","}),
        (table("User ID,Plan", "ann{n}@x.example,N/A"), {"empty": ["N/A"]}),
        (table("User ID,Comment", 'ann{n}@x.example,"says \\"hi\\", twice"'), {"escape": "\\"}),
        (table("User ID,N", "ann{n}@x.example,{n}") + "12 rows\nConfidential\n", {"footer": 2}),
        (table("User ID,Day", "ann{n}@x.example,2026/{m}/{d}"), {}),
    ],
)  # fmt: skip
def test_the_proposal_reads_the_file(content: str | bytes, proposal: Mapping[str, Any]) -> None:
    found = inspect(content)
    assert found.problem is None
    assert dict(found.proposal) == proposal
    assert found.rows == PEOPLE
    assert found.keys[0] == "User ID"
    again = inspect(content, yaml.safe_dump(dict(proposal), allow_unicode=True) if proposal else "")
    assert (again.proposal, again.problem, again.rows) == ({}, None, PEOPLE)


@pytest.mark.parametrize(
    ("columns", "proposal", "notes"),
    [
        (["22.11.2026", "11/22/2026"], {"A": {"dates": "%d.%m.%Y"}, "B": {"dates": "%m/%d/%Y"}}, []),
        (["22.11.2026", "22.11.2026 07:05"], {"A": {"dates": "%d.%m.%Y"}, "B": {"dates": "%d.%m.%Y %H:%M"}}, []),
        (
            ["22/11/2026", "03/04/2026"],
            {"dates": "%d/%m/%Y"},
            ["dates that can mean two things; they are read"],
        ),
        (["1.234,5", "1,234.5"], {"A": {"decimal": ",", "thousands": "."}, "B": {"thousands": ","}}, []),
        (
            ["1.234,5", "1.234"],
            {"decimal": ",", "thousands": "."},
            ["1.234 in 'B' are read as thousands"],
        ),
        (["7,5", "1,234"], {"decimal": ",", "thousands": "."}, []),
        (["1'234.5", "7"], {"thousands": "'"}, []),
        (["1 234,5", "62,5 %"], {"decimal": ",", "thousands": " "}, []),
        (["$1,200.00", "7"], {"thousands": ","}, []),
        (["1764000000", "1764000000000"], {}, ["{dates: epoch}", "{dates: epoch_ms}"]),
        (["22. lipiec 2026", "x"], {}, ["1 are dates in no known form (first in row 2)"]),
    ],
)
def test_each_column_gets_the_form_that_reads_it(
    columns: list[str], proposal: Mapping[str, Any], notes: list[str]
) -> None:
    a, b = columns
    found = inspect(f"User ID\tA\tB\nann@x.example\t{a}\t{b}\nbo@x.example\t{a}\t{b}\n")
    own = {"columns": proposal} if proposal.keys() & {"A", "B"} else dict(proposal)
    assert found.proposal == own
    assert [note for note in notes if not any(note in each for each in found.notes)] == []


def test_the_likeliest_keys_are_addresses_even_if_they_repeat() -> None:
    found = inspect(
        "When,Code,End User\n2026-11-20,7,a@x.example\n2026-11-21,8,a@x.example\n2026-11-22,9,b@x.example\n"
    )
    assert found.keys == ["End User", "Code"]


def test_a_first_row_with_units_and_rows_without_values_are_said() -> None:
    units = inspect(table("User ID,N", "ann{n}@x.example,{n}").replace("\n", "\n,logins\n", 1) + ",\n,\n")
    assert any("`skip_after_header: 1`" in note for note in units.notes)
    assert "2 rows have no value in any column" in units.notes


def test_how_the_file_is_written_is_said() -> None:
    found = inspect(GERMAN.replace("\n", "\r\n").encode("utf-16"))
    assert (found.encoding, found.delimiter, found.line_end, found.header_row) == ("utf-16-le", "semicolons", "CRLF", 2)
    guessed = inspect(GERMAN.encode("cp1252"))
    assert any("`encoding: cp1252` is a guess" in note for note in guessed.notes)
    assert any("it may be an error message" in note for note in inspect("Access denied").notes)


def test_the_encoding_of_a_file_that_is_now_in_utf_8_is_no_guess() -> None:
    found = inspect("User ID,Ort\nann@x.example,Köln\n", "encoding: cp1252")
    assert (dict(found.proposal), found.problem) == ({"encoding": "utf-8"}, None)
    assert not any("guess" in note for note in found.notes)


def test_dates_that_can_mean_two_things_are_not_proposed() -> None:
    found = inspect("User ID,Day\na@x.example,01/02/2026\nb@x.example,03/04/2026\n")
    assert found.proposal == {}
    assert any(
        "can mean two things; say in report.yaml `dates:` '%d/%m/%Y' or '%m/%d/%Y'" in each for each in found.notes
    )
    mixed = inspect("User ID,Day\na@x.example,22/11/2026\nb@x.example,11/22/2026\n")
    assert any("holds dates that contradict each other" in each for each in mixed.notes)


@pytest.mark.parametrize("declared", ["dates: '%d.%m.%Y'", "columns: {Day: {dates: '%d.%m.%Y'}}"])
def test_a_form_of_dates_that_is_new_today_is_proposed_beside_that_of_yesterday(declared: str) -> None:
    yesterday, today = (f"User ID,Day\na@x.example,{day}\n" for day in ("21.11.2026", "11/22/2026"))
    found = inspect(today, declared)
    assert found.proposal == {"columns": {"Day": {"dates": ["%d.%m.%Y", "%m/%d/%Y"]}}}
    both = yaml.safe_dump({**yaml.safe_load(declared), **found.proposal})
    assert [inspect(each, both).columns[1].type for each in (yesterday, today)] == ["date", "date"]
    alike = inspect(today, declared.replace(".", "/"))  # some dates of one form are dates of the other
    assert alike.proposal == {"columns": {"Day": {"dates": "%m/%d/%Y"}}}


def test_what_cannot_be_read_is_said() -> None:
    found = inspect("<html>Sign in</html>")
    assert found.problem
    assert "a web page" in found.problem
    assert found.rows is None


def test_the_command_saves_what_it_proposes_and_hides_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTEGRATION_CENTER_PREVIEWS", raising=False)
    file = tmp_path / "2026-11-22.csv"
    file.write_bytes(GERMAN.encode("cp1252"))
    done = CliRunner().invoke(app, ["inspect", str(file), "--save"])
    assert done.exit_code == 0, done.output
    assert "ann1@x.example" not in done.output
    saved = read_report_file((tmp_path / "report.yaml").read_bytes(), "report.yaml")
    assert (saved.encoding, saved.header_row, saved.dates) == ("cp1252", 2, "%d.%m.%Y %H:%M")
    (tmp_path / "report.yaml").write_text("# ours\ntags: [x]  # tagged\n", encoding="utf-8")
    assert CliRunner().invoke(app, ["inspect", str(file), "--save"]).exit_code == 0
    kept = (tmp_path / "report.yaml").read_text(encoding="utf-8")
    assert kept.startswith("# ours\ntags: [x]  # tagged\n")
    assert read_report_file(kept.encode(), "report.yaml") == saved.model_copy(update={"tags": ["x"]})
    monkeypatch.setenv("INTEGRATION_CENTER_PREVIEWS", "true")
    shown = json.loads(CliRunner().invoke(app, ["inspect", str(file), "--json"]).stdout)
    assert shown["columns"][0]["samples"][0] == "ann0@x.example"
    assert shown["proposal"] == {}


def test_the_size_of_a_small_file_is_not_zero() -> None:
    assert "9 bytes" in inspect("User ID\na").facts


def test_a_file_without_a_header_is_named() -> None:
    found = inspect("ann@x.example,1\nbo@x.example,2\ncy@x.example,3\n")
    assert "row 1, which is read as the header, has an e-mail address, so the file" in str(found.problem)
    assert not any("the header holds" in note for note in inspect("User ID,N\nann@x.example,1\n").notes)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("cells", "proposal"),
    [
        (["22/11/2026 10:00", "3/4/2026 7:00", "2026-11-22 05:00", "1764000000000"],
         {"columns": {"Seen": {"dates": ["%d/%m/%Y %H:%M", "epoch_ms"]}}}),
        (["22.11.2026", "23/11/2026", "1.2.2026"], {"columns": {"Seen": {"dates": ["%d.%m.%Y", "%d/%m/%Y"]}}}),
        (["22.11.2026", "01/02/2026"], {}),
        (["WAHR", "FALSCH", "FALSCH"], {"true_values": ["WAHR"], "false_values": ["FALSCH"]}),
        (["Ja", "nein", "ja"], {"true_values": ["Ja", "ja"], "false_values": ["nein"]}),
        (["ja", "nein", "vielleicht"], {}),
    ],
)  # fmt: skip
def test_several_forms_and_words_for_yes_are_proposed(cells: list[str], proposal: Mapping[str, Any]) -> None:
    found = inspect("User ID,Seen\n" + "".join(f"ann{n}@x.example,{cell}\n" for n, cell in enumerate(cells)))
    assert found.proposal == proposal
    again = inspect(
        "User ID,Seen\n" + "".join(f"ann{n}@x.example,{cell}\n" for n, cell in enumerate(cells)),
        yaml.safe_dump(proposal),
    )
    assert (again.proposal, again.problem) == ({}, None)


def test_forms_that_contradict_each_other_are_said() -> None:
    found = inspect("User ID,Seen\na,03/04/2026\n", "dates: ['%d/%m/%Y', '%m/%d/%Y']\n")
    assert found.problem == (
        "x.csv: column 'Seen': 1 value (first in row 2) can be two dates by the forms of `dates:` in"
        " report.yaml; keep the form in which they are written"
    )
