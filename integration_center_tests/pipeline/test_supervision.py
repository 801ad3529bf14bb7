"""The processes of `up`: what dies is started again, and nothing outlives `up`, however that ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from integration_center.cli.only_up import LOCK, only_up
from integration_center.cli.supervision import Part, Supervisor, say_exit
from integration_center.database.processes import is_gone, this_process
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.pipeline.runs.history import fail_killed_runs
from integration_center_tests.pipeline.center import PLAIN, Center, logins

PART = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1], "a") as notes:
    notes.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""
UP = """\
import sys, time
from integration_center.cli.supervision import Part, Supervisor
supervisor = Supervisor([Part("a part", "part_of_up", (sys.argv[1],))], say=print)
supervisor.start()
time.sleep(600)
"""
PATIENCE = 30.0


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """A process that starts another one, and notes both."""
    (tmp_path / "part_of_up.py").write_text(PART)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return Part("a part", "part_of_up", (str(tmp_path / "notes"),))


def await_true(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def noted(part: Part) -> list[list[int]]:
    """The processes of each start."""
    with contextlib.suppress(FileNotFoundError):
        return [list(map(int, line.split())) for line in Path(part.arguments[0]).read_text().splitlines()]
    return []


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second when it ends between opening and reading
        return False


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(part: Part, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor([part], said.append)
    supervisor.start()
    await_true(lambda: len(noted(part)) == 1)
    yield supervisor
    supervisor.stop()


class Over(Exception):
    """What ends the watch of a test."""


@pytest.mark.proof
def test_a_part_that_dies_is_started_again_with_a_sentence(supervisor: Supervisor, part: Part, said: list[str]) -> None:
    def kill_twice() -> None:
        starts = noted(part)
        if len(starts) == 3:
            raise Over
        if len(said) < len(starts):
            with contextlib.suppress(ProcessLookupError):
                os.kill(starts[-1][0], signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("integration_center.cli.supervision.LOOK_SECONDS", 0.02)
        with pytest.raises(Over):
            supervisor.watch(kill_twice)
    assert said == [
        "a part ended by SIGKILL; it is started again in 1 s",
        "a part ended by SIGKILL; it is started again in 2 s",
    ]
    supervisor.stop()
    assert not [pid for start in noted(part) for pid in start if lives(pid)]


def test_before_all_are_ready_a_part_that_ends_is_an_error(supervisor: Supervisor, part: Part) -> None:
    supervisor.require_alive()
    os.kill(noted(part)[0][0], signal.SIGTERM)
    said: list[str] = []

    def ended() -> bool:
        try:
            supervisor.require_alive()
        except ConfigurationError as error:
            said.append(str(error))
        return bool(said)

    await_true(ended)
    assert said == ["a part ended by SIGTERM; see its messages above"]


def test_the_parts_and_what_they_started_end_with_a_parent_that_is_killed(part: Part) -> None:
    parent = subprocess.Popen([sys.executable, "-c", UP, part.arguments[0]])
    await_true(lambda: noted(part))
    ((own, child),) = noted(part)
    parent.kill()
    parent.wait()
    await_true(lambda: not lives(own) and not lives(child))


def test_up_runs_once_in_a_home(tmp_path: Path, said: list[str]) -> None:
    refused = pytest.raises(ConfigurationError, match="`up` runs already")
    with only_up(tmp_path, said.append), refused, only_up(tmp_path, said.append):
        pass
    with only_up(tmp_path, said.append):
        assert said == []


def test_up_starts_after_what_a_killed_one_left(tmp_path: Path) -> None:
    said: list[str] = []
    with contextlib.ExitStack() as guard, contextlib.ExitStack() as stack:
        guard.enter_context(only_up(tmp_path, said.append))
        (tmp_path / LOCK).write_text(this_process().rsplit("/", 1)[0] + "/1")

        def end(sentence: str) -> None:
            said.append(sentence)
            guard.close()

        stack.enter_context(only_up(tmp_path, end))
        assert said == ["processes of an `up` that was killed still end; this one starts after them"]
        assert (tmp_path / LOCK).read_text() == this_process()


def test_how_a_process_ended_in_words() -> None:
    assert say_exit(3) == "with exit code 3"
    assert say_exit(-9) == "by SIGKILL"
    assert say_exit(-99) == "by signal 99"


def fail_killed(center: Center, *, unheld: bool = False) -> None:
    with open_installation() as installation:
        fail_killed_runs(center.instance, installation, unheld=unheld)


def test_runs_that_no_process_holds_are_closed(center: Center) -> None:
    """One that was killed before it noted its process is known only where no Dagster works with the storage."""
    center.integrate()
    job = center.definitions().resolve_job_def("logins_to_leads")
    gone = this_process().rsplit("/", 1)[0] + "/1"
    made = {
        name: center.instance.create_run_for_job(job, status=status, tags={PROCESS_TAG: tag} if tag else {}).run_id
        for name, status, tag in (
            ("killed", dg.DagsterRunStatus.STARTED, gone),
            ("killed while starting", dg.DagsterRunStatus.STARTING, gone),
            ("going on", dg.DagsterRunStatus.STARTED, this_process()),
            ("of nobody", dg.DagsterRunStatus.STARTED, ""),
            ("waiting", dg.DagsterRunStatus.NOT_STARTED, ""),
        )
    }

    def failed() -> set[str]:
        runs = center.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        return {name for name, run_id in made.items() if run_id in {run.run_id for run in runs}}

    fail_killed(center)
    assert failed() == {"killed", "killed while starting"}
    fail_killed(center, unheld=True)
    assert failed() == {"killed", "killed while starting", "of nobody"}


def test_a_run_that_finishes_while_it_is_looked_at_stays_as_it_ended(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    job = center.definitions().resolve_job_def("logins_to_leads")
    tags = {PROCESS_TAG: this_process()}
    run = center.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)

    def finish(_: str) -> bool:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job.name)
        center.instance.report_dagster_event(event, run.run_id)
        return True

    monkeypatch.setattr("integration_center.pipeline.runs.history.is_gone", finish)
    fail_killed(center)
    then = center.instance.get_run_by_id(run.run_id)
    assert then is not None
    assert then.status is dg.DagsterRunStatus.SUCCESS


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    """In a container whose first process waits for none but its own, it keeps its number for ever."""
    command = (
        "from integration_center.database.processes import this_process\nprint(this_process(), flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not is_gone(name)
        process.kill()
        await_true(lambda: not lives(process.pid))
        assert is_gone(name)


def test_a_run_of_the_command_line_notes_its_process_from_the_start(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]))
    run = center.instance.get_run_by_id(center.run().run_id)
    assert run is not None
    assert run.tags[PROCESS_TAG] == this_process()
