"""Text of a report arrives in text fields as it is, whatever it looks like."""

import dagster as dg
import polars as pl
import pytest

from integration_center.installation import open_installation
from integration_center.sync.outcomes import Outcome
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email

HEADER = ("User ID", "Rate", "Version", "Price", "Flag", "When", "Logins")
FIELDS = {
    "Rate": "Title",
    "Version": "Jigsaw",
    "Price": "Fax",
    "Flag": "MobilePhone",
    "When": "WalkMe_NPS_Comment__c",
    "Logins": COUNT,
}
FIRST = ("50%", "1.10", "7.00", "TRUE", "2026-11-22 07:00:00", "12")
OTHERS = ("87.5%", "1.20", "8.50", "False", "2026-11-23 08:30:00", "7.00")


def drop(center: Center, first: tuple[str, ...]) -> None:
    """Drop a report in which everybody but the first person has the same values."""
    people = PLAIN[:4]
    center.drop([(email(n), *(OTHERS if place else first)) for place, n in enumerate(people)], header=HEADER)


def held_by(center: Center, number: int) -> dict[str, object]:
    """What the mapped text fields of a person's Lead hold."""
    lead = center.lead(number)
    return {column: lead[field] for column, field in FIELDS.items() if field != COUNT}


def describe_report(center: Center) -> dict[str, tuple[str, str | None]]:
    """Type and description of each column of the report, as the Dagster UI shows them."""
    event = center.instance.get_latest_materialization_event(dg.AssetKey(["insights", "logins"]))
    assert event is not None
    assert event.asset_materialization is not None
    schema = event.asset_materialization.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    return {column.name: (column.type, column.description) for column in schema.columns}


def test_text_arrives_as_it_is_and_an_odd_cell_changes_one_line(center: Center) -> None:
    center.integrate(fields=[{"column": column, "field": field} for column, field in FIELDS.items()])
    drop(center, FIRST)
    assert center.run().success
    assert tuple(held_by(center, PLAIN[0]).values()) == FIRST[:-1]
    assert tuple(held_by(center, PLAIN[1]).values()) == OTHERS[:-1]
    assert (center.lead(PLAIN[0])[COUNT], center.lead(PLAIN[1])[COUNT]) == (12, 7)
    assert describe_report(center) == {
        "User ID": ("String", None),
        "Rate": ("String", "text, all of which looks like number"),
        "Version": ("String", "text, all of which looks like number"),
        "Price": ("String", "text, all of which looks like number"),
        "Flag": ("String", "text, all of which looks like boolean"),
        "When": ("String", "text, all of which looks like datetime"),
        "Logins": ("String", None),
    }

    drop(center, ("n/a",) * 5 + ("12",))
    odd = center.ledger(center.run())
    assert odd["outcome"].to_list() == [Outcome.UPDATED, *[Outcome.UNCHANGED] * 3]

    drop(center, ("n/a",) * 6)
    rejected = center.ledger(center.run())
    assert rejected["outcome"].to_list() == [Outcome.REJECTED, *[Outcome.UNCHANGED] * 3]
    assert rejected["reason"][0].startswith(f"Logins → {COUNT}: 'n/a' is not a number; ")


@pytest.mark.proof
def test_a_frame_that_an_earlier_version_stored_is_not_used(center: Center) -> None:
    center.integrate(fields=[{"column": "Rate", "field": "Title"}])
    drop(center, FIRST)
    assert center.run().success
    path = center.home / "storage" / "insights" / "logins" / f"{YESTERDAY}.parquet"
    metadata = {"kind": "snapshot", "identity": "of an earlier version"}
    pl.DataFrame({"User ID": [email(PLAIN[0])], "Rate": [50.0]}).write_parquet(path, metadata=metadata)
    with open_installation() as installation:
        assert installation.reports.forget("logins", YESTERDAY)
        assert installation.index_earlier_files() == 1

    alone = center.run(assets=["logins_to_leads/update_set"])
    assert "is not stored as this version needs it; materialize the report with this" in alone.error
    center.change_lead(PLAIN[0], "Title", "50")
    assert center.run().success
    assert center.lead(PLAIN[0])["Title"] == "50%"
