"""The page of a report: what its file is, and all that its report.yaml can say, in a form."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from integration_center.access.audit import Action
from integration_center.console.report_form import COLUMN_OPTIONS, SECTIONS, build_file, show_file
from integration_center.console.report_trial import say_file
from integration_center.insights.declared.report_yaml import ColumnFile, ReportFile, read_report_file
from integration_center.insights.inspecting.inspection import inspect_file
from integration_center.insights.sizes import SizeLimit
from integration_center.installation import Installation
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.wizard_user import Inputs
from integration_center_tests.pipeline.center import Center

GERMAN = (
    'Auswertung\nUser ID;Tag;"# Logins Last 30 Days"\n'
    "ann@x.example;22.11.2026;1.234,5\nbo@x.example;3.11.2026;7\nSumme;;9\n"
)


@pytest.fixture
def folder(center: Center) -> Path:
    folder = center.home / "drops" / "logins"
    folder.mkdir(parents=True)
    (folder / f"{YESTERDAY}.csv").write_text(GERMAN, encoding="utf-8")
    return folder


def send(browser: Browser, seen: Seen, go: str, **changes: str) -> Seen:
    """Press a button of the form, with some inputs changed."""
    inputs = Inputs("report-form")
    inputs.feed(seen.html)
    fields: dict[str, list[str]] = {"go": [go]}
    for name, value in inputs.sent:
        fields.setdefault(name, []).append(value)
    fields |= {name: [value] for name, value in changes.items()}
    return Seen(browser.client.post("/reports/logins", data=fields))


EVERYTHING: Mapping[str, object] = {
    "name": "Logins", "kind": "events", "tags": ["a", "b"], "key_column": "User ID", "latest_by": "Tag",
    "name_pattern": "l_{date:%Y%m%d}.csv", "parts": "last", "format": "csv", "sheet": "A", "encoding": "cp1252",
    "delimiter": "tab", "quote": "none", "escape": "\\", "skip_lines": 1, "header_row": 2, "skip_after_header": 1,
    "footer": 3, "skip_blanks": True, "empty": ["NULL", "a, b"], "dates": "%d.%m.%Y", "zone": "Europe/Berlin",
    "decimal": ",", "thousands": " ", "strip": True, "max_size": "500 MB",
    "true_values": ["ja"], "false_values": ["nein"],
    "columns": {
        "Tag": {"name": "Day", "type": "date", "dates": ["%d.%m.%Y", "excel"], "zone": "UTC", "empty": ["-"],
                "decimal": ".", "thousands": ",", "strip": False},
        "Rest": {"ignore": True},
    },
}  # fmt: skip


def test_everything_that_report_yaml_can_say_is_in_the_form() -> None:
    assert {option.name for options in SECTIONS.values() for option in options} == set(ReportFile.model_fields) - {
        "columns"
    }
    assert {option.name for option in COLUMN_OPTIONS} == set(ColumnFile.model_fields)
    file = read_report_file(yaml.safe_dump(dict(EVERYTHING)).encode(), "report.yaml")
    assert set(file.model_dump(exclude_defaults=True)) == set(ReportFile.model_fields)
    built, problems = build_file(show_file(file))
    assert problems == {}
    assert built == file


def test_what_a_file_is_is_taken_over_checked_and_saved(
    browser: Browser, folder: Path, installation: Installation
) -> None:
    seen = browser.open("/reports/logins")
    assert f"logins/{YESTERDAY}.csv" in seen.text
    assert "The header seems to be row 2" in seen.text
    assert "ann@x.example" not in seen.text
    assert r"Row of the header 2 Lines to skip at the end ^\W*Summe Forms of dates and times %d.%m.%Y" in seen.text
    assert "report.yaml" not in seen.text
    taken = send(browser, seen, "take")
    assert "2 rows" in taken.text
    assert "This installation hides values" in taken.text
    assert not (folder / "report.yaml").exists()
    saved = send(browser, taken, "save", name="Anmeldungen")
    assert "The options of the report are saved." in saved.text
    kept = yaml.safe_load((folder / "report.yaml").read_text())
    assert kept == {
        "name": "Anmeldungen", "header_row": 2, "footer": r"^\W*Summe", "dates": "%d.%m.%Y", "decimal": ",",
        "thousands": ".",
    }  # fmt: skip
    assert "Cells are separated by semicolons" in saved.text
    assert "This reads it" not in saved.text
    entry = installation.audit.list(limit=1)[0]
    assert entry.action is Action.CHANGED
    assert entry.detail == (
        "how Logins is read: Name, Row of the header, Lines to skip at the end, Forms of dates and times,"
        " Before decimals, Between thousands"
    )


@pytest.mark.proof
def test_a_file_keeps_its_comments_and_a_column_gets_options(browser: Browser, folder: Path) -> None:
    (folder / "report.yaml").write_text("# by Ann\nheader_row: 2  # a title\nfooter: 1\n", encoding="utf-8")
    seen = send(browser, browser.open("/reports/logins"), "column-Tag")
    saved = send(browser, seen, "save", **{"name-0": "Day", "dates-0": "%d.%m.%Y"})
    assert "The options of the report are saved." in saved.text
    assert (folder / "report.yaml").read_text() == (
        '# by Ann\nheader_row: 2  # a title\nfooter: 1\ncolumns: {Tag: {name: Day, dates: "%d.%m.%Y"}}\n'
    )
    assert "Nothing was changed." in send(browser, saved, "save").text


def test_what_cannot_be_is_marked_at_its_input(browser: Browser, folder: Path) -> None:
    seen = send(browser, browser.open("/reports/logins"), "column-Tag")
    refused = send(
        browser, seen, "save",
        footer="(", zone="Nowhere", header_row="two", **{"dates-0": "dd.mm.yyyy"},
    )  # fmt: skip
    assert refused.status == 422
    for said in ("This must be a whole number",):
        assert said in refused.text
    refused = send(browser, refused, "save", header_row="2")
    for said in ("is not a regular expression", "is not a time zone", "such as '%d.%m.%Y'"):
        assert said in refused.text
    assert 'value="Nowhere"' in refused.html
    assert not (folder / "report.yaml").exists()


def test_what_does_not_read_the_file_needs_a_second_word(browser: Browser, folder: Path) -> None:
    stopped = send(browser, browser.open("/reports/logins"), "save", header_row="2", footer="^Total")
    assert stopped.status == 422
    assert "the last one, does not match “Lines to skip at the end” ^Total of the report's page" in stopped.text
    assert not (folder / "report.yaml").exists()
    assert "The options of the report are saved." in send(browser, stopped, "save-anyway").text


@pytest.mark.proof
def test_who_edits_second_is_warned(browser: Browser, folder: Path) -> None:
    seen = browser.open("/reports/logins")
    (folder / "report.yaml").write_text("header_row: 2\nfooter: 1\n", encoding="utf-8")
    refused = send(browser, seen, "save-anyway", name="Other")
    assert "was changed while you edited it. Nothing was saved" in refused.text
    assert "name" not in (folder / "report.yaml").read_text()


@pytest.mark.proof
def test_a_broken_file_is_replaced(browser: Browser, folder: Path) -> None:
    (folder / "report.yaml").write_text("footer: [", encoding="utf-8")
    assert "Cannot be read" in browser.open("/reports").text
    seen = browser.open("/reports/logins")
    assert "report.yaml" in seen.text
    saved = send(browser, send(browser, seen, "take"), "save")
    assert "The options of the report are saved." in saved.text
    assert yaml.safe_load((folder / "report.yaml").read_text())["header_row"] == 2


def test_a_report_that_is_not_there_is_a_page(browser: Browser, folder: Path) -> None:
    browser.open("/reports/nonesuch", 404)
    assert "There is no file yet." in browser.open("/reports/nps").text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"User ID,N\r\nann@x.example,1\r\n", "Text with delimiters, 1 row, 2 columns, 28 bytes"),
        (
            "Bericht\nUser ID;Umsatz £\nann@x.example;1\nbo@x.example;2\n".encode("cp1252"),
            "Text with delimiters, 2 rows, 2 columns, 56 bytes, cells separated by semicolons, encoding cp1252,"
            " header in row 2",
        ),
    ],
)
def test_a_page_says_of_a_file_what_is_not_usual(text: bytes, said: str) -> None:
    assert say_file(inspect_file(text, "x.csv", "csv", ReportFile(), limit=SizeLimit())) == said
