"""Reading what changed while the org's clock is moved, or differs from the one that stamps records."""

from datetime import UTC, datetime, timedelta

import pytest

from integration_center.salesforce.client import usage
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.read import snapshot
from integration_center.salesforce.read.bulk import read_bulk
from integration_center.salesforce.read.snapshot import Basis, SnapshotInfo, find_doubt, find_watermark
from integration_center_tests.salesforce.daily import INCREMENTAL, ORG_ID, USER_ID, Integration, touch
from salesforce_emulator.clock import stamp


def test_an_org_that_stamps_by_another_clock_than_it_tells_is_read_by_its_stamps(integration: Integration) -> None:
    newest = max(lead["SystemModstamp"] for lead in integration.org.store.records("Lead"))
    assert datetime.fromisoformat(newest).replace(tzinfo=UTC) < integration.org.clock.now() - timedelta(days=7)
    minute_later = stamp(datetime.fromisoformat(newest).replace(tzinfo=UTC) + timedelta(minutes=1))
    touch(integration, integration.lead_ids()[0], minute_later)
    assert "Late" in integration.read()["Company"]
    assert integration.asked == INCREMENTAL


@pytest.fixture
def telling_no_time(integration: Integration, monkeypatch: pytest.MonkeyPatch) -> Integration:
    """The org's `Date` header stays at this moment, while the clock that stamps rows is moved."""
    still = integration.org.clock.now()
    monkeypatch.setattr(usage, "parse_date", lambda value: still)
    monkeypatch.setattr(snapshot, "WORTH_LEAVING_OUT", 100)
    return integration


def test_where_the_date_lags_behind_the_stamps_a_large_push_is_not_read_day_after_day(
    telling_no_time: Integration,
) -> None:
    integration = telling_no_time
    first, second, *_ = leads = integration.lead_ids()
    integration.save("update", *({"Id": lead, "WalkMe_Logins_Last_30_Days__c": 5} for lead in leads))
    sizes = []
    for lead in (first, second, first):
        integration.pass_time(hours=24)
        integration.save("update", {"Id": lead, "Company": "Other"})
        integration.read()
        assert integration.asked == INCREMENTAL
        sizes.append(sum(call.bytes_out for call in integration.calls))
    assert sizes[0] > 3 * max(sizes[1:])


def test_where_the_date_lags_a_clock_moved_back_loses_nothing(telling_no_time: Integration) -> None:
    integration = telling_no_time
    first, second, *_ = leads = integration.lead_ids()
    integration.save("update", *({"Id": lead, "WalkMe_Logins_Last_30_Days__c": 5} for lead in leads))
    integration.pass_time(days=3)
    integration.save("update", {"Id": first, "Company": "Ahead"})
    integration.read()
    integration.pass_time(days=-2)
    integration.save("update", {"Id": second, "Company": "Behind"})
    assert "Behind" in integration.read()["Company"]
    assert integration.asked == INCREMENTAL


def test_a_bulk_query_tells_the_time_of_the_clock_that_stamps_rows(integration: Integration) -> None:
    with integration.connect() as org:
        list(read_bulk(org.session, "SELECT Id FROM Lead", ["Id"], Polling(deadline=20.0, sleep=lambda s: None)))
        org_time = org.session.usage.stamp_time
    assert org_time is not None
    assert abs(org_time - integration.org.clock.now()) < timedelta(minutes=1)


def test_a_clock_moved_back_is_noticed(integration: Integration) -> None:
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Early"})
    integration.read()
    integration.pass_time(hours=-30)
    integration.save("update", {"Id": integration.lead_ids()[1], "Company": "Other"})
    assert "Other" in integration.read()["Company"]
    assert integration.was_full
    integration.save("update", {"Id": integration.lead_ids()[2], "Company": "Third"})
    assert "Third" in integration.read()["Company"]
    assert integration.asked == INCREMENTAL


def test_a_clock_moved_back_by_less_than_has_passed_loses_nothing(integration: Integration) -> None:
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Ahead"})
    integration.pass_time(hours=-5)
    integration.read()
    assert integration.asked == INCREMENTAL
    integration.save("update", {"Id": integration.lead_ids()[1], "Company": "Behind"})
    assert "Behind" in integration.read()["Company"]
    assert integration.asked == INCREMENTAL


def test_a_clock_moved_forward_and_back_again_loses_nothing(integration: Integration) -> None:
    integration.pass_time(days=3)
    integration.save("update", {"Id": integration.lead_ids()[0], "Company": "Ahead"})
    integration.read()
    assert integration.asked == INCREMENTAL
    integration.pass_time(days=-3)
    integration.save("update", {"Id": integration.lead_ids()[1], "Company": "Behind"})
    assert "Behind" in integration.read()["Company"]
    assert integration.was_full


def test_everything_is_read_once_a_week_of_the_orgs_own_time(integration: Integration) -> None:
    read = []
    for _ in range(8):
        integration.read()
        read.append(integration.was_full)
        integration.pass_time(hours=24)
    assert read == [False] * 6 + [True, False]


def test_the_mark_is_the_orgs_time_once_a_stamp_has_reached_it() -> None:
    monday = datetime(2026, 11, 23, 8, tzinfo=UTC)
    tuesday, hour = monday + timedelta(days=1), timedelta(hours=1)
    assert find_watermark(monday - 5 * hour, monday) == monday - 5 * hour
    assert find_watermark(monday - hour, monday) == monday
    assert find_watermark(monday + hour, monday) == monday, "stamped ahead of the org's own clock"
    info = SnapshotInfo(Basis(ORG_ID, USER_ID, "Lead", "hash", None, "v66.0"), monday, monday, monday, monday, 1)
    assert find_watermark(monday + hour, tuesday, info, monday - hour) == tuesday
    assert find_watermark(monday + hour, tuesday, info, monday - 3 * hour) == monday + hour, "stamped behind its clock"
    assert find_watermark(monday - hour, tuesday, info, None) == monday, "what was seen stays seen"
    assert find_watermark(monday - hour, monday - 2 * hour, info, None) == monday - 2 * hour, "its clock moved back"


@pytest.mark.parametrize(
    ("org_hours", "our_hours", "doubt"),
    [
        (24, 24, None),
        (24.4, 24, None),
        (23.6, 24, None),
        (22, 24, "advanced less than ours"),
        (24, 1, None),  # moved forward, as far as we can tell
        (-0.01, 0, None),
        (-1, -2, "moved back"),
        (24 * 7, 24 * 7, "the last full read is 7 days old"),
    ],
)
def test_a_clock_moved_back_is_noticed_by_the_time_that_passed_for_us(
    org_hours: float, our_hours: float, doubt: str | None
) -> None:
    org, ours = datetime(2026, 11, 23, 8, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC)
    basis = Basis(ORG_ID, USER_ID, "Lead", "hash", None, "/services/data/v66.0")
    info = SnapshotInfo(basis, org, org, ours, org, 1)
    found = find_doubt(info, basis, org + timedelta(hours=org_hours), ours + timedelta(hours=our_hours))
    assert (found is None) is (doubt is None)
    assert doubt is None or doubt in str(found)
    assert find_doubt(info, basis, None, ours) == "the org does not report its time"
