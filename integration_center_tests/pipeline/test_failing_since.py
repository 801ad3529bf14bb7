"""Records that Salesforce refuses run after run: since when, and when they are given up."""

import polars as pl
import pytest

from integration_center.console.ledger import first_lines
from integration_center.installation import open_installation
from integration_center.sync.failures import FAILING_SINCE, GIVEN_UP
from integration_center.sync.outcomes import Outcome
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError

RULE = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")


def refuse(center: Center, *people: int) -> None:
    center.emulator.sandbox.faults.clear()
    center.emulator.sandbox.faults.fail_rows([center.lead(person)["Id"] for person in people], RULE)


@pytest.mark.proof
def test_a_record_that_is_refused_is_tried_again_and_given_up_in_the_end(center: Center, command: Command) -> None:
    center.integrate(give_up_after=2, limits={"max_failed": "100 %"})
    first, second = PLAIN[:2]
    for ago in (3, 2):
        center.drop(logins(PLAIN), days_before(ago))
        refuse(center, first, second)
        ran = center.run(day=days_before(ago))
        assert ran.success, ran.error
        assert center.sync(ran).counts["lines"]["failed"] == 2
    failed = center.ledger(ran).filter(pl.col("outcome") == "failed")
    assert failed[FAILING_SINCE].to_list() == [days_before(3)] * 2
    assert as_json(command("ledger", ran.run_id, "--json"))[0][FAILING_SINCE] == days_before(3).isoformat()
    with open_installation() as installation:
        (shown, _) = first_lines(installation, center.sync(ran), Outcome.FAILED, most=5)
    assert shown.failing_since == days_before(3)

    center.let_time_pass()
    center.change_lead(second, "Title", "changed by somebody")
    center.drop(logins(PLAIN), days_before(1))
    refuse(center, first)
    center.emulator.sandbox.calls.clear()
    ran = center.run(day=days_before(1))
    counts = center.sync(ran).counts["lines"]
    assert (counts["rejected"], counts["updated"]) == (1, 1)  # the changed one is tried again, and works
    (line,) = center.ledger(ran).filter(pl.col("outcome") == "rejected").to_dicts()
    assert line["reason"].startswith(f"{GIVEN_UP}Salesforce has refused it since {days_before(3)}")
    assert line["code"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"

    center.drop(logins(PLAIN))
    ran = center.run()
    assert center.sync(ran).counts["lines"] == {"unchanged": len(PLAIN) - 1, "rejected": 1}  # and stays given up
    center.emulator.sandbox.faults.clear()
    center.drop(logins(PLAIN, 50))
    ran = center.run(allow_stale=True)
    assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN)}  # the report has another value
    assert center.lead(first)[COUNT] == 50 + first
    ran = center.run(allow_stale=True)
    assert FAILING_SINCE not in center.ledger(ran).columns
