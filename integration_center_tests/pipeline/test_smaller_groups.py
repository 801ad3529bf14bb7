"""How a push sends its records: the size of groups that the org takes, and duplicate rules, from run to run."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.test_undo import undo_here
from salesforce_emulator.refusals import RowError

CPU = RowError("CANNOT_EXECUTE_FLOW_TRIGGER", "Apex CPU time limit exceeded")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.resending.RESEND_PAUSE", 0.0)


def run(center: Center, count: int) -> Mapping[str, int]:
    """Push a new version of the example's report; the lines by outcome."""
    center.drop(logins(PLAIN, count))
    center.let_time_pass()
    sync = center.sync(center.run())
    assert sync.status is not SyncStatus.RUNNING
    lines: Mapping[str, int] = sync.counts["lines"]
    return lines


def refused(center: Center) -> Sequence[int]:
    """The row counts of the collections that the org refused for their size."""
    return center.emulator.sandbox.faults.refused_groups


@pytest.mark.proof
def test_the_size_that_worked_is_remembered_for_the_object(center: Center) -> None:
    center.integrate()
    center.emulator.sandbox.faults.limit_groups(4, CPU)
    assert run(center, 30)["updated"] == len(PLAIN)
    first = len(refused(center))
    assert first >= 1
    assert run(center, 60)["updated"] == len(PLAIN)
    assert len(refused(center)) == first, "the second run began with the size that worked"
    with open_installation() as installation:
        org_id = center.emulator.sandbox.org.profile.org_id
        assert installation.group_sizes.find(org_id, "LEAD") == 3
        assert installation.group_sizes.find("00D000000000009EAA", "Lead") is None


@pytest.mark.proof
def test_a_batch_size_and_the_passing_of_duplicate_rules_are_options_of_the_integration(center: Center) -> None:
    center.integrate()
    center.emulator.sandbox.faults.alert_duplicates([center.lead(PLAIN[0])["Id"]])
    center.drop(logins(PLAIN, 120))
    ran = center.run()
    (failed,) = center.ledger(ran).filter(pl.col("outcome") == "failed").iter_rows(named=True)
    assert failed["code"] == "DUPLICATES_DETECTED"
    assert "`duplicate_rules: allow`" in failed["reason"]
    center.integrate(duplicate_rules="allow", batch_size=4)
    center.emulator.sandbox.faults.limit_groups(4, CPU)
    center.drop(logins(PLAIN, 150))
    center.let_time_pass()
    ran = center.run()
    assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN)}
    center.let_time_pass()
    undone = undo_here(center, ran.run_id)
    assert center.sync(undone).counts["lines"] == {"updated": len(PLAIN)}, "an undo is sent as the integration says"
    assert list(refused(center)) == []
