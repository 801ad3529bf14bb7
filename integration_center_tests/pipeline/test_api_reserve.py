"""The API calls of a push: forecast before its first write, kept within the reserve, and counted in its metadata."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.pipeline.names import push_key
from integration_center_tests.pipeline.center import PLAIN, Center, Ran, logins
from salesforce_emulator.org.calls import Allowance


@pytest.fixture
def allowance(center: Center) -> Iterator[Allowance]:
    """The org's allowance of calls, nothing of it used, for the example with a report."""
    center.integrate()
    center.drop(logins(PLAIN))
    org = center.emulator.sandbox.org
    before, org.allowance = org.allowance, Allowance()
    yield org.allowance
    org.allowance = before


def metadata(center: Center, ran: Ran) -> dict[str, Any]:
    """What the Dagster UI shows of the push."""
    records = center.instance.get_records_for_run(ran.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    (event,) = [
        event
        for record in records
        if (event := record.asset_materialization) is not None and event.asset_key == push_key("logins_to_leads")
    ]
    return {name: value.value for name, value in event.metadata.items()}


@pytest.mark.sampled
@pytest.mark.parametrize(("quota", "whose"), [("maximum", "org"), ("app_maximum", "connected app")])
def test_a_push_that_would_use_up_the_reserve_is_held(
    center: Center, allowance: Allowance, quota: str, whose: str
) -> None:
    setattr(allowance, quota, 8)
    ran = center.run()
    assert not ran.success
    assert center.sync(ran).status is SyncStatus.FAILED
    assert center.sync(ran).counts["lines"] == {"held": len(PLAIN)}
    (reason,) = center.ledger(ran)["reason"].unique()
    assert f"the {whose} has 5 API calls left today, this push needs about 1 and up to 4 more" in reason
    assert "(5 %) are kept for others" in reason
    assert center.writes() == []


@pytest.mark.proof
def test_an_org_whose_answers_do_not_tell_is_asked(center: Center, allowance: Allowance) -> None:
    allowance.shown, allowance.maximum = False, 8
    ran = center.run()
    assert center.sync(ran).counts["lines"] == {"held": len(PLAIN)}
    assert [call.path for call in center.emulator.sandbox.calls.find("GET", "*/limits")]


def test_forecast_use_and_waits_are_in_the_metadata(center: Center, allowance: Allowance) -> None:
    allowance.app_maximum = 500
    center.emulator.sandbox.faults.respond(503, "*/composite/sobjects", retry_after=0.01)
    ran = center.run()
    assert ran.success, ran.error
    shown = metadata(center, ran)
    assert shown["api_calls_forecast"] == 1
    # The last look, the write, a look after the busy answer, and the write again.
    assert shown["api_calls_forecast"] < shown["api_calls"] == 4 <= shown["api_calls_forecast_at_most"]
    assert (shown["waits"], shown["waits_for_jobs"]) == (1, 0)
    counted = shown["api_calls_of_the_sync"] - 1  # the org does not count a call that it is too busy to take
    assert shown["api_calls_left_today"] == 100_000 - counted
    assert shown["api_calls_left_to_the_app"] == 500 - counted
    assert shown["api_calls_of_the_sync"] == len(center.emulator.sandbox.calls.find(path="/services/data/*"))


@pytest.mark.proof
def test_looks_at_a_bulk_job_are_counted(center: Center, allowance: Allowance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 0)
    ran = center.run()
    shown = metadata(center, ran)
    assert shown["waits_for_jobs"] >= 1
    assert shown["waited_for_jobs_seconds"] >= 0.1
    assert shown["waits"] == 0
