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
