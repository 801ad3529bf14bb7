"""A date field gets the day that the file shows, and a second run of the same file writes nothing."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from integration_center.integration.source import AssetSource
from integration_center.pipeline.assets.source_asset import run_query
from integration_center_tests.pipeline.center import FIRST, Center, email
from salesforce_emulator.org.custom_fields import add_custom_field

SINCE = "Active_Since__c"
DAY = "2026-05-22"


@pytest.fixture
def since(center: Center) -> str:
    """A date field of the sandbox's Leads."""
    add_custom_field(center.emulator.sandbox.org, f"Lead.{SINCE}", {"label": "Active Since", "type": "Date"})
    center.emulator.sandbox.org.schema.show("Lead", SINCE)
    return SINCE


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("cell", "about"),
    [
        (f"{DAY} 00:30", {"zone": "Asia/Tokyo"}),
        ("22.05.2026 00:30", {"columns": {"Since": {"dates": "%d.%m.%Y %H:%M", "zone": "Asia/Tokyo"}}}),
        (f"{DAY} 00:30", {"columns": {"Since": {"type": "datetime", "zone": "Asia/Tokyo"}}}),
        (f"{DAY}T00:30:00+09:00", {}),
    ],
)
def test_the_day_of_the_file_is_written_once(center: Center, since: str, cell: str, about: dict[str, object]) -> None:
    fields = [{"column": "Since", "field": since}, {"column": "Since", "field": FIRST}]
    center.integrate(fields=fields)
    center.drop([(email(1), cell)], header=("User ID", "Since"), about=about)
    for outcome in ("updated", "unchanged"):
        ran = center.run()
        assert ran.success, ran.error
        assert center.ledger(ran)["outcome"].to_list() == [outcome]
        center.let_time_pass()
    lead = center.lead(1)
    assert (lead[since], lead[FIRST][:16]) == (DAY, "2026-05-21T15:30")


def test_moments_of_a_query_are_in_utc_wherever_it_runs(tmp_path: Path) -> None:
    database = tmp_path / "marts.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE usage AS SELECT 1 AS id, TIMESTAMPTZ '2026-05-22 00:30+09' AS seen")
    found = run_query(AssetSource(asset="usage", database=str(database), query="SELECT * FROM usage"))
    assert found.schema["seen"] == pl.Datetime("us", "UTC")
    assert found["seen"].to_list() == [datetime(2026, 5, 21, 15, 30, tzinfo=UTC)]
