"""Undo: a run of its own writes back what a sync changed, where the org still holds it."""

import io
from typing import NoReturn

import pytest

from integration_center.access.audit import Action
from integration_center.database.journal import JobJournal
from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import UNDO
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, Ran, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError

SLUG = "logins_to_leads"
FIELDS = (FIRST, LAST, COUNT)


def values(center: Center) -> dict[int, tuple[object, ...]]:
    return {number: tuple(center.lead(number)[field] for field in FIELDS) for number in PLAIN}


@pytest.fixture
def before(center: Center) -> dict[int, tuple[object, ...]]:
    """The people's fields before any sync; some hold a value, one holds none."""
    center.change_lead(PLAIN[0], COUNT, 3.0)
    center.change_lead(PLAIN[1], COUNT, None)
    return values(center)


@pytest.fixture
def pushed(center: Center, before: dict[int, tuple[object, ...]]) -> Ran:
    """The example, synced once."""
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN)}
    center.let_time_pass()
    center.emulator.sandbox.calls.clear()
    return ran


def undo_here(center: Center, run_id: str, slug: str = SLUG) -> Ran:
    """The undo's job, as the Dagster UI launches it."""
    job, op = UNDO.job(Environment.SANDBOX), UNDO.op(Environment.SANDBOX)
    config = {"ops": {op: {"config": {"run_id": run_id, "slug": slug}}}}
    ran, success = run_here(RunRequest(job, None, {}, run_config=config), read_settings(), center.instance)
    return Ran(ran, success, center.failures(ran, center.instance))


def test_undo_restores_every_value_and_a_second_one_writes_nothing(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    assert values(center) != before
    undone = as_json(command("undo", pushed.run_id[:8], "--yes", "--json"))
    assert values(center) == before
    assert (undone["status"], undone["lines"]) == ("Completed", {"updated": len(PLAIN)})
    assert undone["partition"] == center.sync(pushed).partition_end.isoformat()

    run = center.instance.get_run_by_id(undone["run_id"])
    assert run is not None
    assert (run.job_name, run.tags[UNDO.tag], run.is_success) == ("undo_sandbox", pushed.run_id, True)
    newest, sync = as_json(command("log", "--json"))
    assert (newest["run_id"], newest["triggered_by"]) == (undone["run_id"], f"undo of {pushed.run_id}")
    assert sync["run_id"] == pushed.run_id
    assert f"(undo of {pushed.run_id[:8]})" in " ".join(command("log")[1].split())
    with open_installation() as installation:
        (entry, *_) = installation.audit.list()
    assert (entry.action, entry.slug, entry.detail) == (Action.UNDID, SLUG, f"run {pushed.run_id}")

    center.emulator.sandbox.calls.clear()
    again = as_json(command("undo", pushed.run_id, "--yes", "--json"))
    assert again["lines"] == {"unchanged": len(PLAIN)}
    assert undo_here(center, pushed.run_id).success
    assert center.writes() == []


@pytest.mark.proof
def test_an_undo_can_be_undone(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    synced = values(center)
    undone = as_json(command("undo", pushed.run_id, "--yes", "--json"))
    center.let_time_pass()
    assert as_json(command("undo", undone["run_id"], "--yes", "--json"))["lines"] == {"updated": len(PLAIN)}
    assert values(center) == synced


@pytest.mark.proof
def test_the_next_sync_writes_its_values_again(center: Center, command: Command, pushed: Ran) -> None:
    synced = values(center)
    for _ in range(2):
        command("undo", center.history()[SLUG].run_id, "--yes")
        center.let_time_pass()
        assert center.sync(center.run()).counts["lines"] == {"updated": len(PLAIN)}
        assert values(center) == synced
        center.let_time_pass()


def test_what_somebody_changed_since_is_left_alone(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    changed, restored, gone = PLAIN[2], PLAIN[3], PLAIN[4]
    center.change_lead(changed, COUNT, 99.0)
    center.change_lead(restored, COUNT, before[restored][2])
    with center.emulator.sandbox.store.writing() as connection:
        connection.execute('UPDATE "Lead" SET IsDeleted = 1 WHERE Email = ?', (email(gone),))
    undone = as_json(command("undo", pushed.run_id, "--yes", "--json"))
    assert undone["lines"] == {"updated": len(PLAIN) - 2, "conflict": 2}
    kept = center.lead(changed)
    assert (kept[COUNT], kept[FIRST]) == (99.0, values(center)[changed][0])
    assert kept[FIRST] != before[changed][0], "a record in conflict keeps all its fields"
    assert values(center)[restored] == before[restored]
    lines = as_json(command("ledger", undone["run_id"], "--outcome", "conflict", "--json"))
    assert sorted(line["reason"] for line in lines) == [
        f"changed since the sync wrote it, so left alone: {COUNT}",
        "the record is deleted, or can no longer be read",
    ]


def test_it_shows_the_plan_and_asks(
    center: Center, command: Command, pushed: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    code, _, err = command("undo", pushed.run_id)
    assert (code, "say --yes" in err) == (1, True)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    code, out, _ = command("undo", pushed.run_id)
    assert code == 1
    assert f"To be updated {len(PLAIN)} {len(PLAIN)}" in " ".join(out.split())
    assert f"{COUNT} {7 + PLAIN[0]} → 3" in " ".join(out.split())
    assert f"Write {len(PLAIN)} records back in Sandbox?" in out
    assert center.writes() == []
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    code, out, _ = command("undo", pushed.run_id)
    assert code == 0
    assert "The next run of logins_to_leads writes its values again" in " ".join(out.split())


@pytest.mark.proof
def test_the_integration_may_be_gone(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    (center.defs / SLUG / "defs.yaml").unlink()
    assert command("undo", pushed.run_id, "--yes")[0] == 0
    assert values(center) == before


@pytest.mark.proof
def test_what_wrote_nothing_is_refused(center: Center, command: Command, pushed: Ran) -> None:
    planned = center.run(assets=["insights/logins", f"{SLUG}/update_set"])
    center.integrate(limits={"min_match_rate": 100})
    center.drop([*logins(PLAIN, count=20), ("nobody@nowhere.example", None, None, 1)])
    held = center.run()
    center.integrate(object="Nothing__c")
    failed = center.run()
    center.emulator.sandbox.calls.clear()
    for ran, refusal in (
        (planned, "was a dry run and wrote nothing"),
        (held, "was held and wrote nothing"),
        (failed, "there is nothing to undo"),
    ):
        code, _, err = command("undo", ran.run_id, "--yes")
        assert (code, refusal in err) == (1, True), err
        assert refusal in undo_here(center, ran.run_id).error
    assert "there is no run 'nope'" in command("undo", "nope", "--yes")[2]
    named = f"'{SLUG}' is an integration; name a run of it, the newest is {failed.run_id[:8]}"
    assert named in command("ledger", SLUG)[2]
    assert center.writes() == []


def test_an_undo_is_for_the_same_org(center: Center, command: Command, pushed: Ran) -> None:
    with open_installation() as installation, installation.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE syncs SET org_id = '00D000000000009EAA'")
    code, _, err = command("undo", pushed.run_id, "--yes")
    assert code == 1
    assert "wrote to org 00D000000000009EAA, and Sandbox is connected to" in err


@pytest.mark.proof
def test_a_failed_run_that_wrote_is_undone(
    center: Center, command: Command, before: dict[int, tuple[object, ...]]
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    refused = {center.lead(number)["Id"] for number in PLAIN[:4]}
    center.emulator.sandbox.faults.fail_rows(refused, RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    failed = center.run()
    assert center.sync(failed).status is SyncStatus.FAILED
    center.emulator.sandbox.faults.clear()
    center.let_time_pass()
    assert as_json(command("undo", failed.run_id, "--yes", "--json"))["lines"] == {"updated": len(PLAIN) - 4}
    assert values(center) == before


@pytest.mark.proof
def test_an_undo_whose_answer_was_lost_is_known_by_the_records(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    center.emulator.sandbox.faults.drop(path="*/composite/sobjects*", method="PATCH", when="after")
    undone = as_json(command("undo", pushed.run_id, "--yes", "--json"))
    assert center.emulator.sandbox.faults.listing()["http"] == [], "the answer was lost"
    assert undone["lines"] == {"updated": len(PLAIN)}
    assert values(center) == before


@pytest.mark.proof
def test_an_undo_that_is_cut_off_is_settled_by_the_next_run(
    center: Center, pushed: Ran, before: dict[int, tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(lines: object, results: object) -> NoReturn:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("integration_center.pipeline.steps.applying.completing", die)
        undone = undo_here(center, pushed.run_id)
    assert not undone.success
    assert center.sync(undone).counts["lines"] == {"planned": len(PLAIN)}
    assert values(center) == before
    center.run()
    assert center.sync(undone).counts["lines"] == {"updated": len(PLAIN)}
    assert center.ledger(undone)["outcome"].unique().to_list() == ["updated"]


@pytest.mark.proof
def test_a_run_that_was_cut_off_is_undone_once_its_writes_are_known(
    center: Center, command: Command, pushed: Ran, before: dict[int, tuple[object, ...]]
) -> None:
    sync = center.sync(pushed)
    with open_installation() as installation:
        JobJournal(installation.engine, sync.org_id or "", "Lead", pushed.run_id, SLUG, sync.plan_id or "").chunk_sent(
            "a chunk whose answer nobody kept"
        )
    code, _, err = command("undo", pushed.run_id, "--yes")
    assert (code, f"run: integration-center plan {SLUG}" in err) == (1, True), err
    assert command("plan", SLUG)[0] == 0
    assert as_json(command("undo", pushed.run_id, "--yes", "--json"))["lines"] == {"updated": len(PLAIN)}
    assert values(center) == before


@pytest.mark.sampled
@pytest.mark.parametrize("height", [1, 2, 5])
def test_an_undo_goes_through_the_ledger_in_slices(
    center: Center,
    pushed: Ran,
    before: dict[int, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    height: int,
) -> None:
    monkeypatch.setattr("integration_center.store.frames.SLICE_ROWS", height)
    undone = undo_here(center, pushed.run_id)
    assert undone.success, undone.failures
    assert values(center) == before
    assert sorted(center.ledger(undone)["row"].to_list()) == list(range(len(PLAIN)))


def test_an_undo_whose_plan_was_applied_already_writes_nothing(
    center: Center, pushed: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote = values(center)
    monkeypatch.setattr(SyncLog, "apply", lambda self, run_id, slug: False)
    undone = undo_here(center, pushed.run_id)
    assert not undone.success
    assert "the plan was applied already" in (center.sync(undone).error or "")
    assert values(center) == wrote
