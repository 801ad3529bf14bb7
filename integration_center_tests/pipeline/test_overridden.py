"""A flow that rewrites what a push sent: ledger, log, check, commands and undo say so; a failed look costs little."""

import logging
from fnmatch import fnmatchcase
from typing import Any

import polars as pl
import pytest

from integration_center.pipeline.names import PARENT_RUN_TAG
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, Ran, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.test_materialized import DAY, PUSH, evaluations
from integration_center_tests.pipeline.test_reading_less import said
from integration_center_tests.pipeline.test_undo import undo_here, values
from salesforce_emulator.faults import HttpFault
from salesforce_emulator.org.org import Org

ALL, TOUCHED = len(PLAIN), PLAIN[:3]
WORTH_A_LOOK = "integration_center.pipeline.steps.look_back.WORTH_A_LOOK"
COMPOSITE = "/services/data/*/composite"
BEFORE_THE_LOOK = 2
"""Composite calls of a run before it reads back: one for the plan, one just before the push."""


@pytest.fixture
def org(center: Center, monkeypatch: pytest.MonkeyPatch) -> Org:
    """The sandbox, where pushes are looked back at from a few records on."""
    monkeypatch.setattr(WORTH_A_LOOK, ALL)
    center.integrate()
    center.drop(logins(PLAIN))
    return center.emulator.sandbox.org


def rewrite(center: Center, org: Org, people: tuple[int, ...] = PLAIN) -> None:
    """Let a flow add one to the count of some people, whenever it is written."""
    ids = [center.lead(number)["Id"] for number in people]
    org.flows.change_on_save("Lead", COUNT, lambda value: value + 1, record_ids=ids)


def lines(center: Center, ran: Ran) -> dict[str, int]:
    return dict(center.sync(ran).counts["lines"])


def materialization(center: Center) -> dict[str, Any]:
    event = center.instance.get_latest_materialization_event(PUSH)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_what_the_org_changed_again_is_reported_everywhere(center: Center, org: Org, command: Command) -> None:
    rewrite(center, org, TOUCHED)
    ran = center.run()
    assert ran.success
    assert center.sync(ran).counts == {side: {"updated": ALL - 3, "overridden": 3} for side in ("lines", "rows")}
    assert f"3 of {ALL} records written hold something else: the org changed them again" in said(center, ran.run_id)
    assert evaluations(center, ran) == {
        ("rows_failed", DAY): (False, "WARN"),
        ("ledger_adds_up", DAY): (True, "ERROR"),
    }
    shown = materialization(center)
    assert shown["outcomes"] == {"updated": ALL - 3, "overridden": 3}
    ledger = center.ledger(ran).filter(outcome="overridden")
    held = [center.lead(number)[COUNT] for number in TOUCHED]
    assert sorted(ledger[f"holds.{COUNT}"]) == sorted(held) == sorted(value + 1 for value in ledger[f"after.{COUNT}"])
    assert set(ledger["error_fields"]) == {COUNT}
    assert set(ledger["reason"]) == {f"written, and then changed by the org: {COUNT}"}
    calls = center.emulator.sandbox.calls.find(path="/services/data/*")
    assert center.sync(ran).api_calls == len(calls)

    printed = as_json(command("ledger", ran.run_id, "--outcome", "overridden", "--json"))
    assert [line[f"holds.{COUNT}"] for line in printed] == ledger[f"holds.{COUNT}"].to_list()
    code, text, _ = command("log")
    assert code == 0
    assert "3 changed again by the org" in text


@pytest.mark.proof
def test_an_overridden_value_is_sent_once_more_and_then_left(center: Center, org: Org) -> None:
    rewrite(center, org)
    outcomes = []
    for left in (3, 2, 1):
        center.drop(logins(PLAIN), day=days_before(left))
        outcomes.append(lines(center, center.run(day=days_before(left))))
        center.let_time_pass()
    first, second, third = outcomes
    assert first == second == {"overridden": ALL}
    assert third == {"unchanged": ALL}
    assert center.history()["logins_to_leads"].counts["lines"] == {"unchanged": ALL}


@pytest.mark.proof
def test_undo_restores_what_still_is_as_the_org_made_it(center: Center, org: Org) -> None:
    before = values(center)
    rewrite(center, org, TOUCHED)
    ran = center.run()
    org.flows.clear()
    center.change_lead(TOUCHED[0], COUNT, 99.0)
    undone = undo_here(center, ran.run_id)
    assert lines(center, undone) == {"updated": ALL - 1, "conflict": 1}
    after = values(center)
    assert {number: after[number] for number in PLAIN[1:]} == {number: before[number] for number in PLAIN[1:]}
    assert after[TOUCHED[0]][-1] == 99.0


@pytest.mark.proof
def test_an_undo_that_the_org_rewrites_says_so_too(center: Center, org: Org) -> None:
    center.change_lead(PLAIN[0], COUNT, 3.0)
    ran = center.run()
    rewrite(center, org, PLAIN[:1])
    undone = undo_here(center, ran.run_id)
    assert undone.success, undone.error
    assert lines(center, undone) == {"updated": ALL - 1, "overridden": 1}
    assert center.ledger(undone).filter(outcome="overridden")[f"holds.{COUNT}"].to_list() == [4.0]


@pytest.mark.parametrize(("people", "is_noted"), [(PLAIN, True), (PLAIN[7:], False)], ids=["all", "none of the sample"])
def test_the_sample_decides_whether_all_are_read(
    center: Center, org: Org, monkeypatch: pytest.MonkeyPatch, people: tuple[int, ...], is_noted: bool
) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.written_lines._draw", lambda places: places.head(4))
    rewrite(center, org, people)
    ran = center.run()
    assert lines(center, ran) == ({"overridden": ALL} if is_noted else {"updated": ALL})
    sentence = f"{ALL} of {ALL} records written hold something else"
    assert (sentence in said(center, ran.run_id)) is is_noted


def test_a_small_push_is_not_looked_at(center: Center, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WORTH_A_LOOK, ALL + 1)
    rewrite(center, org)
    assert lines(center, center.run()) == {"updated": ALL}
    assert len(center.emulator.sandbox.calls.find(path=COMPOSITE)) == BEFORE_THE_LOOK


@pytest.mark.proof
@pytest.mark.parametrize("fault", ["HTTP 500", "busy", "time-out"])
def test_a_look_that_fails_is_given_up_after_one_retry(
    center: Center, org: Org, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    faults = center.emulator.sandbox.faults
    arrived, take = list[str](), faults.take_http

    def note(method: str, path: str) -> list[HttpFault]:
        if fnmatchcase(path, COMPOSITE):
            arrived.append(path)
        return take(method, path)

    monkeypatch.setattr(faults, "take_http", note)
    match fault:
        case "HTTP 500":
            faults.respond(500, COMPOSITE, skip=BEFORE_THE_LOOK, times=None)
        case "busy":
            faults.respond(503, COMPOSITE, skip=BEFORE_THE_LOOK, times=None, retry_after=90)
        case _:
            monkeypatch.setattr("integration_center.salesforce.write.read_back.SAMPLE_SECONDS", 0.2)
            faults.add(HttpFault("delay", COMPOSITE, times=None, skip=BEFORE_THE_LOOK, seconds=3))
    ran = center.run()
    faults.clear()
    assert ran.success, ran.error
    assert lines(center, ran) == {"updated": ALL}
    assert len(arrived) == BEFORE_THE_LOOK + 2
    (warning,) = (
        entry for entry in center.instance.all_logs(ran.run_id) if "could not be read back" in entry.user_message
    )
    assert warning.level == logging.WARNING
    assert evaluations(center, ran)["rows_failed", DAY] == (True, "WARN")


@pytest.mark.proof
def test_where_not_all_can_be_read_the_push_counts(center: Center, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.written_lines.SAMPLE", 4)
    rewrite(center, org)
    center.emulator.sandbox.faults.respond(500, "*/query", times=None)
    ran = center.run()
    center.emulator.sandbox.faults.clear()
    assert ran.success, ran.error
    assert lines(center, ran) == {"updated": ALL}
    assert "they count as updated" in said(center, ran.run_id)


@pytest.mark.proof
def test_a_ledger_of_an_earlier_version_is_read(center: Center, org: Org) -> None:
    """It was stored when there was no outcome `overridden`."""
    planned = center.run(assets=["insights/logins", "logins_to_leads/update_set"])
    earlier = pl.Enum([outcome for outcome in OUTCOME.categories if outcome != Outcome.OVERRIDDEN])
    for path in (center.home / "storage").rglob("*.parquet"):
        frame, metadata = pl.read_parquet(path), pl.read_parquet_metadata(path)
        if "outcome" in frame.columns:
            kept = {key: value for key, value in metadata.items() if key != "ARROW:schema"}
            frame.with_columns(pl.col("outcome").cast(earlier)).write_parquet(path, metadata=kept)
    assert center.ledger(planned).schema["outcome"] == OUTCOME
    rewrite(center, org)
    pushed = center.run(assets=["logins_to_leads/push"], tags={PARENT_RUN_TAG: planned.run_id})
    assert pushed.success, pushed.error
    assert lines(center, pushed) == {"overridden": ALL}
