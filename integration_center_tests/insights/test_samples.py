"""Drops as real exports look."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import UnknownReport
from integration_center.insights.columns import show_dtypes
from integration_center.insights.delimited.reading import read_table
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import Report

SAMPLES = Path(__file__).parent.parent / "samples"
SHIPPED = Path(__file__).parent.parent.parent / "salesforce_emulator" / "drops"
UTC_DATETIME = pl.Datetime("us", "UTC")


def dtypes(report: Report) -> dict[str, pl.DataType]:
    """What the columns look like."""
    return show_dtypes(report.frame.schema, report.likely_types)


def read(name: str) -> Report:
    source = FilesSource(LocalDrops(SAMPLES))
    return source.read(source.find(name), date(2026, 11, 22))


def test_logins() -> None:
    report = read("Logins Review")
    assert set(report.frame.dtypes) == {pl.String}
    assert dtypes(report) == {
        "User ID": pl.String,
        "First Login": UTC_DATETIME,
        "Last Login": UTC_DATETIME,
        "# Logins Last 30 Days": pl.Int64,
    }
    assert report.frame.height == 402
    assert report.frame.null_count().row(0) == (7, 0, 0, 0)
    assert report.frame["First Login"][0] == "2025-02-28 09:28:02"
    assert report.info.key_column == "User ID"


def test_logins_keys_are_untouched() -> None:
    keys = read("logins").frame["User ID"].drop_nulls()
    assert " fatima.rossi31@customer31.example\t" in keys
    assert (keys != keys.str.strip_chars()).sum() == 12
    assert (keys != keys.str.to_lowercase()).any()


def test_nps() -> None:
    report = read("nps")
    frame = report.frame
    assert frame.shape == (420, 16)
    types = {name: dtype for name, dtype in dtypes(report).items() if dtype != pl.String}
    assert types == {
        "Date (UTC)": pl.Date,
        "Question Date & Time (UTC)": UTC_DATETIME,
        "Answer": pl.Int64,
        "Number of Survey Submittals": pl.Int64,
        "Number of Survey Plays": pl.Int64,
    }
    assert frame["Question Date & Time (UTC)"][0] == "2026-10-11 14:24:47.570317"
    assert frame["Survey ID"].unique().to_list() == ["90210"]
    assert (report.info.key_column, report.info.latest_by) == ("End User ID", "Question Date & Time (UTC)")


def test_nps_free_text_keeps_breaks_quotes_formulas_and_other_scripts() -> None:
    free = read("nps").frame["Answer Freetext"]
    for text in ('He said "fine"', "=1+1", "Too many pop-ups;\nplease fewer", "価格が高い", "Très utile – merci 🙏"):
        assert text in free
    assert free.null_count() == 137


def test_onboarding_percentages_are_numbers() -> None:
    report = read("Onboarding Completion Rate")
    frame = report.frame
    assert frame.height == 300
    assert dtypes(report)["Onboarding Completion Rate"] == pl.Float64
    assert frame["Onboarding Completion Rate"][:2].to_list() == ["37.5%", "62.5%"]
    assert frame["Last Task Completed"].null_count() == 23


def test_teachme_has_yes_no_scores_and_its_newest_row_by_start() -> None:
    report = read("TeachMe")
    frame = report.frame
    assert frame.height == 227
    assert set(frame["Quiz Passed"].drop_nulls()) == {"Yes", "No"}
    assert dtypes(report)["Quiz Score"] == pl.Int64
    assert frame["Quiz Score"].null_count() == frame["Completed At"].null_count() == 162
    assert report.info.latest_by == "Started At"
    assert frame["Started At"].null_count() == 79


def test_feature_champions_by_the_second_spelling_of_the_tag() -> None:
    report = read("Feature champions")
    assert report.frame.schema == pl.Schema(
        {"Salesforce ID": pl.String, "Champion Score": pl.Float64, "Top Feature": pl.String, "Since": pl.Date}
    )
    assert report.frame["Salesforce ID"].str.len_chars().unique().to_list() == [15]
    assert report.info.key_column == "Salesforce ID"


def test_internal_usage_stays_invisible() -> None:
    source = FilesSource(LocalDrops(SAMPLES))
    assert [info.slug for info in source.list_reports()] == [
        "feature_champions",
        "logins",
        "nps",
        "onboarding_completion_rate",
        "teachme",
    ]
    with pytest.raises(UnknownReport):
        source.find("Internal usage")


def test_the_demo_ships_the_same_drops_with_all_cells_quoted() -> None:
    files = sorted(path.relative_to(SAMPLES) for path in SAMPLES.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(SHIPPED) for path in SHIPPED.rglob("*") if path.is_file())
    for path in files:
        plain, shipped = (SAMPLES / path).read_bytes(), (SHIPPED / path).read_bytes()
        if path.suffix == ".csv":
            assert read_table(shipped, str(path)).frame.equals(read_table(plain, str(path)).frame, null_equal=True)
            assert shipped.removeprefix(b"\xef\xbb\xbf").startswith(b'"')
        else:
            assert plain == shipped
