"""Runs that read less of the org: records narrowed by a condition, and only the changes since the run before."""

import errno
import os
from typing import Any

import pytest

from integration_center.cli.checking import check_live
from integration_center.installation import open_installation
from integration_center.pipeline.location.loader import load_integrations
from integration_center.store.stored_files import FileKind
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command

COMPANIES = [{"column": "User ID", "field": "Company"}]
"""A key without an index, so that a run cannot ask for a list of keys."""


def asked(center: Center) -> list[str]:
    """What the org was asked since its log was cleared: method and resource."""
    calls = [call for call in center.emulator.sandbox.calls.find(path="/services/data/*") if call.status == 200]
    return [f"{call.method} {call.path.split('/v66.0/')[1]}" for call in calls]


def said(center: Center, run_id: str) -> str:
    """The log of a run."""
    return "\n".join(entry.user_message for entry in center.instance.all_logs(run_id))


@pytest.mark.proof
def test_a_second_day_reads_what_changed_and_writes_it_back(center: Center) -> None:
    for number in PLAIN:
        center.change_lead(number, "Company", logins([number])[0][0])
    center.integrate(keys=COMPANIES)
    center.drop(logins(PLAIN))
    first = center.run()
    assert center.sync(first).counts["lines"] == {"updated": len(PLAIN)}
    (snapshot,) = (center.home / "storage" / "snapshots").rglob("*.parquet")
    assert snapshot.stat().st_mode & 0o777 == 0o600
    assert (snapshot.parent.name, snapshot.name.partition(".")[0]) == ("lead", "logins_to_leads")

    center.emulator.sandbox.clock.advance(86_400)
    center.emulator.sandbox.calls.clear()
    second = center.run()
    assert center.sync(second).counts["lines"] == {"unchanged": len(PLAIN)}
    assert asked(center) == ["GET sobjects/Lead/describe", "POST composite"]
    assert "reading Lead by the changes since the last read (1 API call" in said(center, second.run_id)

    center.emulator.sandbox.clock.advance(86_400)
    center.change_lead(PLAIN[0], COUNT, 1.0)
    center.change_lead(PLAIN[1], "Company", "No longer matched")
    third = center.run()
    assert center.sync(third).counts["lines"] == {"unchanged": len(PLAIN) - 2, "updated": 1, "unmatched": 1}
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]


@pytest.mark.proof
@pytest.mark.parametrize("flow", [False, True])
def test_a_large_push_is_looked_at_and_the_log_says_what_the_org_holds(
    center: Center, monkeypatch: pytest.MonkeyPatch, flow: bool
) -> None:
    monkeypatch.setattr("integration_center.pipeline.steps.look_back.WORTH_LEAVING_OUT", len(PLAIN))
    monkeypatch.setattr("integration_center.pipeline.steps.look_back.WORTH_A_LOOK", len(PLAIN))
    for number in PLAIN:
        center.change_lead(number, "Company", logins([number])[0][0])
    center.emulator.sandbox.clock.advance(3_600)
    if flow:
        center.emulator.sandbox.org.flows.change_on_save("Lead", COUNT, lambda value: value + 1)
    center.integrate(keys=COMPANIES)
    center.drop(logins(PLAIN))
    first = center.run()
    assert center.sync(first).counts["lines"] == {"overridden" if flow else "updated": len(PLAIN)}
    with open_installation() as installation:
        noted = [*installation.frames.index.list(FileKind.WRITES, "logins_to_leads")]
    if flow:
        assert f"{len(PLAIN)} of {len(PLAIN)} records read back do not hold what was written" in said(
            center, first.run_id
        )
        assert noted == []
    else:
        assert f"{len(PLAIN)} records read back hold what was written" in said(center, first.run_id)
        assert [note.rows for note in noted] == [len(PLAIN)]
    calls = len(center.emulator.sandbox.calls.find(path="/services/data/*"))
    assert center.sync(first).api_calls == calls

    center.emulator.sandbox.org.flows.clear()
    center.emulator.sandbox.clock.advance(86_400)
    second = center.run()
    assert center.sync(second).counts["lines"] == {"updated" if flow else "unchanged": len(PLAIN)}


def fill_disk(patch: pytest.MonkeyPatch, part: str) -> None:
    """No file in this part of the storage comes to the disk whole."""
    open_file, sync_file = os.open, os.fsync
    opened: dict[int, str] = {}

    def watch(path: Any, *how: Any, **more: Any) -> int:
        fd = open_file(path, *how, **more)
        opened[fd] = str(path)
        return fd

    def fsync(fd: int) -> None:
        if f"/storage/{part}/" in opened.get(fd, ""):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync_file(fd)

    patch.setattr(os, "open", watch)
    patch.setattr(os, "fsync", fsync)


def stored(center: Center, part: str) -> list[str]:
    """The files of this part of the storage, drafts included, locks not."""
    files = (path for path in (center.home / "storage" / part).rglob("*") if path.is_file())
    return sorted(path.name for path in files if path.suffix != ".lock")


@pytest.mark.proof
def test_a_snapshot_for_which_the_disk_has_no_room_is_left_out(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in PLAIN:
        center.change_lead(number, "Company", logins([number])[0][0])
    center.integrate(keys=COMPANIES)
    center.drop(logins(PLAIN))
    with monkeypatch.context() as patch:
        fill_disk(patch, "snapshots")
        first = center.run()
    assert first.success, first.error
    assert center.sync(first).counts["lines"] == {"updated": len(PLAIN)}
    assert "the snapshot is not kept, so the next sync reads more of the org" in said(center, first.run_id)
    assert "the disk is full" in said(center, first.run_id)
    assert stored(center, "snapshots") == []

    center.emulator.sandbox.clock.advance(86_400)
    assert center.sync(center.run()).counts["lines"] == {"unchanged": len(PLAIN)}
    (kept,) = stored(center, "snapshots")
    center.emulator.sandbox.clock.advance(86_400)
    center.change_lead(PLAIN[0], COUNT, 1.0)
    with monkeypatch.context() as patch:
        fill_disk(patch, "snapshots")
        third = center.run()
    assert center.sync(third).counts["lines"] == {"unchanged": len(PLAIN) - 1, "updated": 1}
    assert stored(center, "snapshots") == [kept]

    center.emulator.sandbox.clock.advance(86_400)
    fourth = center.run()
    assert center.sync(fourth).counts["lines"] == {"unchanged": len(PLAIN)}
    assert "by the changes since the last read" in said(center, fourth.run_id), "the older snapshot still holds"


def test_a_report_for_which_the_disk_has_no_room_ends_the_run_and_the_next_one_stores_it(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    with monkeypatch.context() as patch:
        fill_disk(patch, "insights")
        first = center.run()
    assert not first.success
    assert "could not be written: the disk is full; free some space" in first.error
    assert "Traceback" not in first.error
    assert stored(center, "insights") == []
    assert center.writes() == []
    second = center.run()
    assert second.success, second.error
    assert center.sync(second).counts["lines"] == {"updated": len(PLAIN)}


def test_a_condition_narrows_the_records(center: Center) -> None:
    chosen, *others = PLAIN
    center.change_lead(chosen, "Company", "O'Hara (East)")
    center.integrate(where="Company = 'O\\'Hara (East)' AND\n  IsConverted = false")
    center.drop(logins(PLAIN))
    run = center.run()
    assert center.sync(run).counts["lines"] == {"unmatched": len(others), "updated": 1}
    assert center.lead(chosen)[COUNT] == 7 + chosen


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("Companyy = 'x'", "where: Lead has no field Companyy, or the connected user may not see it"),
        ("Company = 5", "where: Salesforce does not accept the condition on Lead (INVALID_FIELD)"),
        ("Company = 'x' AND", "where: Salesforce does not accept the condition on Lead (MALFORMED_QUERY)"),
    ],
)
def test_a_condition_that_the_org_refuses_is_reported_by_check_and_run(
    center: Center, where: str, sentence: str
) -> None:
    center.integrate(where=where)
    center.drop(logins(PLAIN))
    run = center.run()
    assert not run.success
    assert sentence in run.error
    with open_installation() as installation:
        spec = load_integrations(center.defs).specs["logins_to_leads"]
        verdict, _, _ = check_live(installation, spec, key_columns=frozenset({"User ID"}))
    assert [problem for problem in verdict.problems if sentence in problem] == verdict.problems != []
    assert center.writes() == []


def test_a_condition_that_is_none_breaks_its_own_integration_alone(center: Center) -> None:
    center.integrate(where="Company = 'x' LIMIT 1")
    center.integrate("other")
    loaded = load_integrations(center.defs)
    assert loaded.specs.keys() == {"other"}
    assert "where: LIMIT at character 15 does not belong there" in loaded.broken["logins_to_leads"]


@pytest.mark.proof
def test_writes_that_are_stamped_as_an_earlier_push_are_seen(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.pipeline.steps.look_back.WORTH_LEAVING_OUT", len(PLAIN))
    monkeypatch.setattr("integration_center.pipeline.steps.look_back.WORTH_A_LOOK", len(PLAIN))
    for number in PLAIN:
        center.change_lead(number, "Company", logins([number])[0][0])
    clock = center.emulator.sandbox.clock
    clock.advance(7_200)
    center.integrate(keys=COMPANIES)
    clock.freeze()  # as where the org's clock is moved back, each time by as much as has passed
    for count in (7, 8, 7):
        center.drop(logins(PLAIN, count))
        ran = center.run()
        assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN)}
        assert {center.lead(number)[COUNT] - number for number in PLAIN} == {count}
    assert command("undo", ran.run_id, "--yes")[0] == 0
    assert center.sync(center.run()).counts["lines"] == {"updated": len(PLAIN)}
    clock.resume()
