"""The front page says what will not run, why, whom it touches, and when; what is unknown is no fault."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from integration_center.access.users import Role
from integration_center.accounts.store import Account
from integration_center.console.engine import NEEDED, Engine, read_engine
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.console.surroundings import check_again
from integration_center.console.watch import Watch
from integration_center.errors import ConnectionEnded, ServiceUnavailable
from integration_center.insights.files import FilesSource
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.test_integrations import NOON
from integration_center_tests.pipeline.center import PLAIN, Center, logins

RUNS = Engine(webserver=True, daemon=True)
DUE = "tomorrow 08:00 UTC"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[Engine], None]:
    """Decides what Dagster does."""

    def decide(engine: Engine) -> None:
        monkeypatch.setattr(Console, "look_at_dagster", lambda self: engine)

    decide(RUNS)
    return decide


@pytest.fixture
def look(console: Console, engine: object, open_browser: Callable[..., Browser]) -> Callable[..., Seen]:
    """Opens the front page at noon, in a console that was just started."""

    def look(path: str = "/", role: Role = Role.OPERATOR) -> Seen:
        there = replace(console, now=lambda: NOON, identify=lambda request: User("ann", role))
        return open_browser(build_app(there)).open(path)

    return look


@pytest.fixture
def sound(center: Center) -> Center:
    """One integration that has all it needs."""
    center.integrate()
    center.drop(logins(PLAIN))
    return center


def notices(seen: Seen) -> list[str]:
    return [said["class"] or "" for tag, said in seen.tags if tag == "p" and "notice" in (said.get("class") or "")]


def test_nothing_is_said_where_all_is_well(sound: Center, look: Callable[..., Seen]) -> None:
    seen = look()
    assert notices(seen) == []
    assert "Will" not in seen.text
    assert "tomorrow 08:00" in seen.text
    assert "No integration fits" in look("/?state=blocked").text


def test_an_org_that_is_not_connected(sound: Center, look: Callable[..., Seen]) -> None:
    sound.integrate("to_production", name="To production", environment="production")
    sound.integrate("off", name="Off", environment="production", enabled=False)
    seen = look()
    assert f"Production is not connected. To production will fail {DUE}." in seen.text
    assert seen.links["Connect Production"] == "/accounts"
    assert seen.text.count("Will fail: Production is not connected") == 1
    sound.integrate("early", name="Early", environment="production", schedule="30 6 * * *", object="Contact")
    narrowed = look("/?state=blocked")
    assert "Production is not connected. 2 integrations will fail, the first tomorrow 06:30 UTC." in narrowed.text
    assert "2 of 4 integrations" in narrowed.text


def test_a_connection_that_ended(
    sound: Center, console: Console, look: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = console.installation.accounts.get(Environment.SANDBOX)
    ended = ConnectionEnded("the refresh token is dead")
    monkeypatch.setattr("integration_center.console.account_checks.check_account", _raising(ended))
    console.checks.look(console.installation, account)
    seen = look()
    assert f"The connection to Sandbox does not work: the connection has ended. Logins to Leads will fail {DUE}" in (
        seen.text
    )
    assert seen.links["Connect Sandbox again"] == "/accounts"
    monkeypatch.setattr("integration_center.console.account_checks.check_account", _raising(ServiceUnavailable("503")))
    console.checks.look(console.installation, account, again=True)
    assert notices(look()) == []  # whether it works is unknown


def test_an_account_is_checked_in_the_background(
    sound: Center, console: Console, look: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Console] = []

    def check(there: Console, account: Account) -> None:
        started.append(there)
        check_again(there, account)

    monkeypatch.setattr("integration_center.console.surroundings.check_again", check)
    account = console.installation.accounts.get(Environment.SANDBOX)
    look()
    answer = started[0].lookups.find(("account", account.environment, account.connected_at))
    assert answer is not None
    answer.get()
    assert console.checks.known(account) is not None


def _raising(error: Exception) -> Callable[..., None]:
    def check(*args: object) -> None:
        raise error

    return check


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("report", "row", "banner"),
    [
        (
            "Nonesuch",
            "Report is missing",
            "The report 'Nonesuch' is missing. It was deleted or renamed, or lost its tag.",
        ),
        ("NPS", "Report has no data yet", "The report 'NPS' has no data yet. WalkMe has delivered none of its days."),
        ("Broken", "Report cannot be read", "The report 'Broken' cannot be read."),
    ],
)
def test_a_report_that_cannot_be_carried(
    sound: Center, look: Callable[..., Seen], report: str, row: str, banner: str
) -> None:
    sound.drop(logins(PLAIN), report="broken", about={"no_such_setting": True})
    sound.integrate("other", name="Other", report=report, object="Contact")
    seen = look()
    assert f"Will fail: {row}" in seen.text
    assert banner in seen.text
    assert f"Other will fail {DUE}." in seen.text
    assert seen.links["Edit Other"] == "/integrations/other/edit"
    assert "1 of 2 integrations" in look("/?state=blocked").text
    assert "Edit Other" not in look(role=Role.VIEWER).links


def test_reports_that_cannot_be_listed(sound: Center, look: Callable[..., Seen]) -> None:
    (sound.home / "drops").rename(sound.home / "elsewhere")
    seen = look()
    assert "The reports cannot be read:" in seen.text
    assert "Will fail: Reports cannot be read" in seen.text


def test_a_source_that_does_not_answer_now_is_unknown_and_holds_nobody_up(
    sound: Center, look: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = Event(), Event()

    def hang(self: FilesSource) -> list[object]:
        asked.set()
        answered.wait(60)
        raise ServiceUnavailable("the bucket does not answer")

    monkeypatch.setattr(FilesSource, "list_reports", hang)
    monkeypatch.setattr("integration_center.console.surroundings.PATIENCE", 0.0)
    seen = look()
    assert asked.wait(60)
    assert notices(seen) == []
    answered.set()


@pytest.mark.parametrize(
    ("state", "said", "row"),
    [
        (Engine(webserver=False, daemon=False), "Dagster is not running, so nothing starts", "Dagster is not running"),
        (Engine(webserver=True, daemon=False), "runs wait until it does", "Dagster's daemon is not running"),
        (
            replace(RUNS, stopped=frozenset({"daily_sync"})),
            "The daily schedule is switched off in Dagster.",
            "Its schedule is off in Dagster",
        ),
    ],
)
def test_a_dagster_that_starts_nothing(
    sound: Center, look: Callable[..., Seen], engine: Callable[[Engine], None], state: Engine, said: str, row: str
) -> None:
    engine(state)
    seen = look()
    assert said in seen.text
    assert f"Logins to Leads will not start {DUE}." in seen.text
    assert f"Will not start: {row}" in seen.text


def test_a_schedule_that_is_off_stops_only_its_own(
    sound: Center, look: Callable[..., Seen], engine: Callable[[Engine], None]
) -> None:
    engine(replace(RUNS, stopped=frozenset({"weekly_schedule"})))
    assert notices(look()) == []
    sound.integrate("weekly", name="Weekly", schedule="30 6 * * 1", object="Contact")
    assert "Weekly will not start Mon 06:30 UTC." in look().text


def test_without_the_web_server_the_schedule_goes_on(
    sound: Center, look: Callable[..., Seen], engine: Callable[[Engine], None]
) -> None:
    engine(replace(RUNS, webserver=False))
    seen = look()
    assert "Run Now and Plan do not work just now" in seen.text
    assert "Will" not in seen.text


def test_names_in_banners_are_text(sound: Center, look: Callable[..., Seen]) -> None:
    sound.integrate("other", name="<b>Other</b>", report="<img src=x>", object="Contact")
    seen = look()
    assert "The report '<img src=x>' is missing." in seen.text
    assert "<img src=x" not in seen.html
    assert "<b>Other" not in seen.html


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A Dagster history in files, with a daemon that has to run."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("history"))) as instance:
        yield instance


@pytest.mark.parametrize(("age", "alive"), [(0, True), (100, True), (200, False), (1_500, False)])
def test_a_daemon_lives_while_its_heart_beats(stored: dg.DagsterInstance, age: int, alive: bool) -> None:
    now = datetime.now(UTC)
    for part in NEEDED:
        stored.add_daemon_heartbeat(DaemonHeartbeat((now - timedelta(seconds=age)).timestamp(), part, "one"))
    assert read_engine(stored, now, webserver=True).daemon is alive


def test_a_daemon_that_never_ran_is_down(history_in_memory: dg.DagsterInstance) -> None:
    assert not read_engine(history_in_memory, datetime.now(UTC), webserver=False).daemon


def test_what_was_switched_off_and_what_waits_is_read_from_dagsters_storage(stored: dg.DagsterInstance) -> None:
    for location in ("integration_center", "another"):
        place = ManagedGrpcPythonEnvCodeLocationOrigin(
            loadable_target_origin=LoadableTargetOrigin(module_name="m"), location_name=location
        )
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "__repository__"), f"daily_of_{location}")
        data = ScheduleInstigatorData("0 8 * * *")
        stored.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, data))
    for number, status in enumerate((dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.SUCCESS)):
        tags = {"integration": f"slug_{number}"}
        stored.add_run(dg.DagsterRun(job_name="x", run_id=f"run-{number}", status=status, tags=tags))
    engine = read_engine(stored, datetime.now(UTC), webserver=True)
    assert engine.stopped == {"daily_of_integration_center"}
    assert [(run.run_id, run.queued) for run in engine.runs.values()] == [("run-0", False)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_watch_answers_at_once_and_looks_again_in_the_background() -> None:
    clock, go = Clock(), Event()
    answers: Iterator[str | Exception] = iter(["first", "second", ServiceUnavailable("not now")])

    def look() -> str:
        go.wait(60)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = Watch(look, fresh=5, kept=60, clock=clock)
    assert watch.read() is None  # unknown, and nobody waited
    go.set()
    assert watch.read(60) == "first"
    clock.now = 4
    assert watch.read(60) == "first"  # fresh: nobody looks
    watch.expire()
    assert watch.read(60) == "second"
    clock.now = 100
    assert watch.read(60) is None  # too old, and the look failed
