"""A date field gets the day that the file shows, and a second run of the same file writes nothing."""

import pytest

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
