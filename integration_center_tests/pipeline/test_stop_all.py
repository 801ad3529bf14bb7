"""One command stops everything: runs, queue, schedules and tokens; and it waits for nobody."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from integration_center.access.audit import Action
from integration_center.database.journal import unfinished
from integration_center.database.processes import interrupt, this_process
from integration_center.errors import NotConnected, Stopped
from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.pipeline.administration import stop_all as stopping
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.location.loader import load_integrations
from integration_center.pipeline.runs import ending_runs
from integration_center.pipeline.runs.deadline import Deadline, Errand
from integration_center.pipeline.runs.ending_runs import LAUNCHED_TAGS, RunEnding
from integration_center.pipeline.starting.arrival_sensors import build_arrival_sensor
from integration_center.pipeline.starting.schedules import build_own_schedule
from integration_center.pipeline.unended_runs import INTEGRATION_TAG, list_unended
from integration_center.salesforce.write import collections, push
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command
from integration_center_tests.pipeline.test_fencing import CANARY, after_first

SLUG = "logins_to_leads"
PATIENCE = 60.0
"""More than a stop takes where all is there. It is over as soon as everything has answered."""
UNBREAKABLE = '{"host": "localhost", "socket": "/nowhere.sock"}'


@pytest.fixture
def ready(center_on_disk: Center) -> Center:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    return center_on_disk


@pytest.fixture
def installation(ready: Center) -> Any:
    with open_installation() as installation:
        yield installation


def stop(installation: Installation, seconds: float = PATIENCE) -> stopping.Stopped:
    return stopping.stop_all(installation, who="ann", where="192.0.2.1", reason="a wrong\nreport", seconds=seconds)


def end_the_deadline_after(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Let the time of a stop be over once a method was called: what a test relies on has happened by then."""
    over = threading.Event()
    original, left = getattr(owner, name), vars(Deadline)["left"].fget

    def call(*arguments: Any) -> None:
        original(*arguments)
        over.set()

    def wait(errand: Errand[Any], deadline: Deadline | None = None) -> None:
        thread = errand._thread
        while thread is not None and thread.is_alive() and (deadline is None or deadline.left):
            thread.join(0.01)

    monkeypatch.setattr(owner, name, call)
    monkeypatch.setattr(Errand, "wait", wait)
    monkeypatch.setattr(Deadline, "left", property(lambda deadline: 0.0 if over.is_set() else left(deadline)))
    monkeypatch.setattr(stopping, "HEAD_START", 0)


@pytest.mark.proof
def test_a_job_that_was_uploaded_is_not_closed_and_the_next_run_settles_it(
    ready: Center,
    installation: Installation,
    connect: Callable[[Environment], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[stopping.Stopped] = []
    with monkeypatch.context() as patched:
        patched.setattr(push, "COLLECTIONS_ROWS", 0)
        after_first(patched, push, "upload_part", lambda: done.append(stop(installation)))
        ran = ready.run()
    assert not ran.success
    assert [ready.lead(number)[COUNT] == 7 + number for number in PLAIN].count(True) == 0
    stopping.resume(installation, who="ann", where="here")
    connect(Environment.SANDBOX)
    again = ready.run()
    assert again.success, again.error
    assert ready.sync(again).counts["lines"] == {"updated": len(PLAIN)}
    assert set(ready.emulator.sandbox.org.saves.values()) == {1}
    assert unfinished(installation.engine, ready.sync(again).org_id or "", "Lead") == ()


def test_a_push_under_way_sends_nothing_more_and_books_what_was_written(
    ready: Center,
    installation: Installation,
    connect: Callable[[Environment], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready.integrate(canary=CANARY)
    done: list[stopping.Stopped] = []
    with monkeypatch.context() as patched:
        after_first(patched, collections, "_post_many", lambda: done.append(stop(installation)))
        after_first(patched, collections, "_post_one", lambda: done.append(stop(installation)))
        ran = ready.run()
    (stopped,) = done
    assert not ran.success
    assert [name.partition(" ")[0] for name in stopped.runs.not_reached] == [SLUG]  # of this very process, in a test
    assert ready.sync(ran).counts["lines"] == {"updated": CANARY, "held": len(PLAIN) - CANARY}
    assert "stopped by ann" in (ready.sync(ran).error or "")
    assert sorted(ready.lead(number)[COUNT] == 7 + number for number in PLAIN).count(True) == CANARY

    refused = ready.run()
    assert "stopped by ann" in refused.error
    assert "integration-center resume" in refused.error
    with pytest.raises(Stopped, match="a wrong report"):
        connect(Environment.SANDBOX)

    assert stopping.resume(installation, who="ann", where="192.0.2.1")
    assert not stopping.resume(installation, who="ann", where="192.0.2.1")
    with pytest.raises(NotConnected):
        installation.accounts.get(Environment.SANDBOX)
    connect(Environment.SANDBOX)
    again = ready.run()
    assert again.success, again.error
    assert ready.sync(again).counts["lines"] == {"unchanged": CANARY, "updated": len(PLAIN) - CANARY}
    assert unfinished(installation.engine, ready.sync(again).org_id or "", "Lead") == ()
    actions = [entry.action for entry in installation.audit.list()]
    assert {Action.STOPPED, Action.DISCONNECTED, Action.RESUMED} <= set(actions)


def test_queue_backfills_tokens_and_ticks_are_stopped(
    ready: Center, installation: Installation, connect: Callable[[Environment], None]
) -> None:
    connect(Environment.PRODUCTION)
    ready.integrate(
        "hourly", schedule="30 * * * *", object="Contact", fields=[{"column": "Last Login", "field": "Title"}]
    )
    ready.integrate("waits", arrive_by="12:00", object="Contact", fields=[{"column": "Last Login", "field": "Phone"}])
    job = ready.definitions().resolve_job_def(SLUG)
    queued = [ready.instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED).run_id for _ in range(3)]
    tokens = {each: installation.accounts.tokens(each).access_token.get_secret_value() for each in FIRST}
    stopped = stop(installation)
    assert stopped.complete, stopped.sentences
    assert len(stopped.runs.queued) == 3
    assert {ready.instance.get_run_by_id(each).status for each in queued} == {dg.DagsterRunStatus.CANCELED}  # type: ignore[union-attr]
    for environment, token in tokens.items():
        assert not ready.org(environment).org.sessions.revoke(token), "was revoked already"
    assert installation.accounts.list() == ()
    specs = load_integrations(ready.defs).specs
    tick = dg.build_schedule_context(ready.instance, datetime.now(UTC))
    assert "stopped by ann" in str(build_own_schedule("hourly", specs["hourly"])(tick))
    sensor = build_arrival_sensor("waits", specs["waits"])
    assert "stopped by ann" in str(sensor(dg.build_sensor_context(ready.instance)))
    repository = ready.definitions().get_repository_def()
    daily = repository.get_schedule_def("daily_sync")
    tick = dg.build_schedule_context(ready.instance, datetime.now(UTC), repository_def=repository)
    assert "stopped by ann" in (daily.evaluate_tick(tick).skip_message or "")
    stopping.resume(installation, who="ann", where="here")
    assert daily.evaluate_tick(tick).run_requests


@pytest.mark.sampled
@pytest.mark.parametrize("tag", sorted(LAUNCHED_TAGS))
def test_neither_salesforce_nor_dagster_is_waited_for(
    ready: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    hold = ready.emulator.sandbox.faults.hold("*/oauth2/revoke")
    job = ready.definitions().resolve_job_def(SLUG)
    tags = {tag: UNBREAKABLE, "integration_center/integration": SLUG}
    ready.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    end_the_deadline_after(monkeypatch, RunEnding, "_note_answer")
    try:
        stopped = stop(installation)
    finally:
        hold.release()
    assert not stopped.complete
    said = " ".join(stopped.sentences)
    assert "Sandbox" in said
    assert "Salesforce did not answer in time" in said
    assert "NOT confirmed as revoked" in said
    assert "Could not be asked to end" in said
    assert installation.accounts.list() == ()


def test_an_org_that_answers_late_is_waited_for_after_what_was_stopped_is_said(
    ready: Center, installation: Installation, connect: Callable[[Environment], None]
) -> None:
    connect(Environment.PRODUCTION)
    hold = ready.emulator.sandbox.faults.hold("*/oauth2/revoke")
    try:
        stopped = stop(installation, 2.0)
        sandbox, production = stopped.accounts
        assert "NOT confirmed as revoked" in sandbox.sentence
        assert "has revoked the tokens" in production.sentence, "one org does not wait for the other"
        assert stopped.await_late_revocations(0.0) == []
    finally:
        hold.release()
    (said,) = stopped.await_late_revocations(PATIENCE)
    assert said.startswith("Sandbox")
    assert "Salesforce has revoked the tokens" in said
    assert said in stopped.sentences
    assert stopped.await_late_revocations(PATIENCE) == []
    noted = [entry.detail for entry in installation.audit.list() if entry.action is Action.DISCONNECTED]
    assert noted == [said, production.sentence, sandbox.sentence]


def test_a_long_queue_holds_up_no_run_under_way_and_what_is_left_of_it_is_said(
    ready: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ready.definitions().resolve_job_def(SLUG)
    tags = {INTEGRATION_TAG: SLUG}
    queued = [
        ready.instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED, tags=tags) for _ in range(2)
    ]
    under_way = ready.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    take_out, slow, emptied = ending_runs.take_out, threading.Event(), threading.Event()

    def take_out_slowly(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> None:
        slow.wait(30)
        take_out(instance, run, message)

    monkeypatch.setattr(ending_runs, "take_out", take_out_slowly)
    monkeypatch.setattr(RunEnding, "_cancel_backfills", lambda ending, instance: emptied.set())
    monkeypatch.setattr(ending_runs, "ask_to_end", lambda instance, run, message: True)
    end_the_deadline_after(monkeypatch, RunEnding, "_note_answer")
    stopped = stop(installation)
    try:
        assert list(stopped.runs.asked) == [under_way.run_id]
        named = ", ".join(f"{SLUG} ({run.run_id[:8]})" for run in reversed(queued))
        assert f"2 runs still being ended, and will send nothing more: {named}." in stopped.sentences
        assert not stopped.complete
    finally:
        slow.set()
    assert emptied.wait(30), "the rest leaves the queue all the same"
    assert stopped.runs.open == []


def test_runs_are_named_without_dagster_and_ended_once_it_answers(
    ready: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ready.definitions().resolve_job_def(SLUG)
    tags = {INTEGRATION_TAG: SLUG}
    under_way, queued, _ = (
        ready.instance.create_run_for_job(job, status=status, tags=tags)
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.SUCCESS)
    )
    answers = threading.Event()

    def hang(settings: Any, **options: Any) -> Any:
        answers.wait(30)
        return open_instance(settings, **options)

    monkeypatch.setattr(ending_runs, "open_instance", hang)
    stopped = stop(installation, 0.3)
    assert not stopped.complete
    named = [f"{SLUG} ({run.run_id[:8]})" for run in (under_way, queued)]
    assert f"2 runs still being ended, and will send nothing more: {', '.join(named)}." in stopped.sentences
    answers.set()
    assert stopped.finish(30)
    assert stopped.runs.open == []
    assert stopped.runs.queued == named[1:]
    assert not stopped.finish(30)


@pytest.mark.parametrize("storage", ["storage: {sqlite: {base_dir: elsewhere}}", "storage: [", "run_storage: 1"])
def test_runs_that_are_kept_elsewhere_are_named_by_dagster_alone(
    ready: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    def hang(settings: Any, **options: Any) -> Any:
        raise OSError

    settings = installation.settings
    assert list_unended(settings, installation.engine) == []
    (settings.dagster_home / "dagster.yaml").write_text(storage)
    assert list_unended(settings, installation.engine) is None
    monkeypatch.setattr(ending_runs, "open_instance", hang)
    assert "storage did not answer" in " ".join(stop(installation, 0.3).sentences)


def test_the_command_begins_without_what_takes_seconds_to_import() -> None:
    code = "import sys, integration_center.cli.stopping; sys.exit(str({'dagster', 'polars'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_a_process_of_this_host_is_interrupted_and_no_other() -> None:
    assert not interrupt(this_process())
    assert not interrupt("elsewhere@boot:1/1/1")
    code = "import time, sys; sys.path.insert(0, '.')\nfrom integration_center.database.processes import this_process\n"
    code += (
        "try:\n    print(this_process(), flush=True)\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    print('ended')"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert interrupt(name)
        assert process.stdout.read().strip() == "ended"
    assert not interrupt(name)


def test_the_commands_say_what_was_stopped(
    ready: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command: Command = build_command(monkeypatch, capsys)
    code, _, said = command("stop-all")
    assert code == 2
    assert "--yes" in said
    done = command("stop-all", "--yes", "--reason", "drill", "--json")
    assert done[0] == 0, done
    assert as_json(done)["complete"]
    listed = command("list", "--json")
    assert as_json(listed)[0]["stopped"]
    assert "drill" in listed[2]
    assert "drill" in command("run", SLUG)[2]
    found = {each["area"]: each for each in as_json(command("doctor", "--json"))}
    assert "drill" in found["stop"]["text"]
    assert "lifted" in command("resume")[1]
    assert "Nothing is stopped" in command("resume")[1]


@pytest.mark.proof
def test_a_run_that_the_stop_did_not_reach_ends_itself_although_everything_was_resumed_at_once(
    ready: Center,
    installation: Installation,
    connect: Callable[[Environment], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop_and_resume() -> None:
        stop(installation)
        stopping.resume(installation, who="ann", where="here")
        connect(Environment.SANDBOX)

    ready.integrate(canary=CANARY)
    with monkeypatch.context() as patched:
        after_first(patched, collections, "_post_many", stop_and_resume)
        after_first(patched, collections, "_post_one", stop_and_resume)
        ran = ready.run()
    assert not ran.success
    assert sorted(ready.lead(number)[COUNT] == 7 + number for number in PLAIN).count(True) == CANARY
    with pytest.raises(Stopped, match="run it again"):
        installation.stops.require_none(since=datetime.now(UTC) - timedelta(minutes=1))
    installation.stops.require_none(since=datetime.now(UTC))
