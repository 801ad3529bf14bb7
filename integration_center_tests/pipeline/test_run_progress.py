"""How far a run has come: in the metadata of its steps, in files while it works, and on the command line."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import pytest

from integration_center.cli.output import errors
from integration_center.cli.progress_display import Display
from integration_center.installation import open_installation
from integration_center.progress import Phase, Seen, Spent
from integration_center.store.run_progress import StepProgress
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json

PHASES = {phase: f"seconds_{phase.replace(' ', '_')}" for phase in Phase}


def step(*seen: Seen, ended: bool = False, seconds: float = 0.0) -> StepProgress:
    """A step in the phase that was seen last, which has lasted for some time."""
    now, last = datetime.now(UTC), seen[-1].phase
    return StepProgress(seen, last, {last: Spent(seconds)}, now, now, "a", ended)


def test_the_metadata_of_a_run_shows_the_seconds_of_its_phases(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    assert ran.success, ran.error
    shown = {}
    records = center.instance.get_records_for_run(ran.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    for record in records:
        found = record.event_log_entry.asset_materialization
        assert found
        shown["/".join(found.asset_key.path)] = {name: value.value for name, value in found.metadata.items()}
    phases = {key: {name for name in each if name in PHASES.values()} for key, each in shown.items()}
    reading, planning = {"seconds_start", "seconds_read"}, {"org_read", "match", "compare", "plan"}
    assert phases["insights/logins"] == reading
    assert phases["logins_to_leads/update_set"] == reading | {f"seconds_{name}" for name in planning}
    assert phases["logins_to_leads/push"] == set(PHASES.values())
    with open_installation() as installation:
        steps = installation.progress.read(ran.run_id, "logins_to_leads")
        assert installation.progress.read("another run") == []
    assert [each.slug for each in steps] == [None, "logins_to_leads", "logins_to_leads"]
    assert all(each.ended for each in steps)
    counted = {seen.phase: seen.done for each in steps for seen in each.seen}
    assert counted[Phase.READ] == counted[Phase.MATCH] == counted[Phase.COMPARE] == counted[Phase.SEND] == len(PLAIN)


@pytest.mark.proof
def test_a_run_without_a_terminal_is_silent_when_it_is_short(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    code, out, err = command("plan", "logins_to_leads", "--quiet")
    assert code == 0, err
    assert err == ""
    assert "Planned" in out
    said = command("run", "logins_to_leads", "--json")
    assert as_json(said)["status"] == "Completed"
    assert said[2] == ""


def run_in_terminal(*arguments: str) -> str:
    """What a command writes when a terminal is its standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-m", "integration_center", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment,
    ) as process:
        os.close(theirs)
        shown = b""
        while part := read_part(ours):
            shown += part
        os.close(ours)
    assert process.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def read_part(terminal: int) -> bytes:
    """The next part of what was written; nothing when the other side is closed."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


@pytest.mark.proof
def test_a_terminal_shows_a_bar_for_each_phase(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    shown = run_in_terminal("run", "logins_to_leads")
    assert "━" in shown
    assert f"send     {'━' * 24} {len(PLAIN)} of {len(PLAIN)} records" in shown


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "start"),
        ([step(Seen(Phase.READ, 10), ended=True)], "start"),
        ([step(Seen(Phase.ORG_READ, 5, 20, note="Bulk job: JobComplete"))], "org read: 5 of 20 records, Bulk job: Job"),
        ([step(Seen(Phase.READ, 10), ended=True), step(Seen(Phase.SEND, 0, 9))], "send: 0 of 9 records"),
        ([step(Seen(Phase.SEND, 50, 100), seconds=8.0)], "send: 50 of 100 records, about "),
    ],
)
def test_a_line_says_what_the_run_does_now(steps: Sequence[StepProgress], said: str) -> None:
    assert Display(lambda: steps).say().startswith(f"0 s: {said}")


@pytest.mark.parametrize("columns", [40, 71])
def test_a_narrow_terminal_shows_the_numbers_and_no_bars(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(errors.made, "width", columns)
    steps = [step(Seen(Phase.READ, 1_000_000), Seen(Phase.ORG_READ, 500_000, 1_078_446), seconds=3.0)]
    with errors.made.capture() as drawn:
        errors.print(Display(lambda: steps).draw())
    said = ["0 s: read: 1,000,000 rows", "3 s: org read: 500,000 of 1,078,446 records, about 3 s left"]
    shown = drawn.get().splitlines()
    assert shown == [each if len(each) <= columns else f"{each[: columns - 1]}…" for each in said]


def test_a_run_that_is_asked_to_end_says_that_it_first_finishes_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors.made, "width", 100)
    display = Display(lambda: [step(Seen(Phase.SEND, 4_000, 9_000))], is_stopping=lambda: True)
    said = "Stopping: what was sent is finished first"
    assert display.say() == f"0 s: send: 4,000 of 9,000 records. {said}"
    with errors.made.capture() as drawn:
        errors.print(display.draw())
    assert drawn.get().splitlines()[-1] == said
