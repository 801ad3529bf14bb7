"""What the consoles of an installation tell each other: answers, what is to be looked up again, and what is started."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import pytest
from cryptography.fernet import Fernet
from pydantic import TypeAdapter
from sqlalchemy import Engine, select, update
from starlette.types import Receive, Scope, Send

from integration_center.accounts.encryption import Cipher
from integration_center.console import shared_answers
from integration_center.console.account_checks import AccountChecks, AccountStatus
from integration_center.console.dagster import launch_once
from integration_center.console.engine import Starts, UnfinishedRun
from integration_center.console.lookups import Lookups, ReadOnce, wait_for
from integration_center.console.planned import read_value, write_value
from integration_center.console.shared_answers import LOST_AFTER, Lost, SharedAnswers
from integration_center.console.shell.context import Console
from integration_center.console.wizard.drafts import DraftStore
from integration_center.database.engine import build_engine, reading, writing
from integration_center.database.shared_notes import SharedNotes
from integration_center.database.tables import drafts
from integration_center.errors import (
    ConnectionEnded,
    IntegrationCenterError,
    NoDataForDay,
    OrgError,
    ServiceUnavailable,
)
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.names import run_tags
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import PLAIN, Center, logins

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Counted:
    """An answer."""

    rows: int


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return build_engine(f"sqlite:///{tmp_path}/center.db")


@pytest.fixture
def consoles(engine: Engine) -> list[SharedAnswers[Counted]]:
    """The plans of two consoles."""
    form, notes = TypeAdapter(Counted), SharedNotes(engine)
    cipher = Cipher([Fernet.generate_key().decode()], "the tests")
    return [SharedAnswers("plan", form, Lookups(notes=notes), notes, cipher, kept=900.0, most=20) for _ in range(2)]


def age(engine: Engine, by: timedelta) -> None:
    """Let time go by for all notes."""
    with writing(engine) as connection:
        for row in connection.execute(select(drafts)).all():
            at = (datetime.fromisoformat(row.content["at"]) - by).isoformat()
            values = {"content": {**row.content, "at": at}, "expires_at": row.expires_at - by}
            connection.execute(update(drafts).where(drafts.c.id == row.id).values(**values))


def test_each_console_shows_how_far_an_answer_is_and_then_the_answer(
    consoles: list[SharedAnswers[Counted]], engine: Engine
) -> None:
    here, there = consoles
    begun, go_on = Event(), Event()

    def work(tell: Tell) -> Counted:
        tell("Reading 8 rows")
        begun.set()
        assert go_on.wait(20)
        return Counted(8)

    assert there.find("draft") is None
    mine = here.ask("draft", work)
    assert begun.wait(20)
    theirs = there.find("draft")
    assert theirs is not None
    assert (theirs.ready, theirs.step) == (False, "Reading 8 rows")
    assert here.find("draft") is mine
    go_on.set()
    assert mine.get() == Counted(8)
    theirs = there.find("draft")
    assert theirs is not None
    assert theirs.get() == Counted(8)
    assert there.find("another draft") is None
    with reading(engine) as connection:
        (content,) = connection.execute(select(drafts.c.content)).scalars()
    assert "rows" not in str(content["content"]), "what an answer holds is encrypted"


def test_an_answer_that_another_key_encrypted_is_lost(consoles: list[SharedAnswers[Counted]]) -> None:
    here, there = consoles
    assert wait_for([here.ask("draft", lambda tell: Counted(8))], 20)
    theirs = replace(there, cipher=Cipher([Fernet.generate_key().decode()], "the tests")).find("draft")
    assert theirs is not None
    with pytest.raises(Lost, match="another version or key"):
        theirs.get()


@pytest.mark.parametrize(
    "error",
    [
        NoDataForDay("Logins has no rows of 22 November", [date(2026, 11, 22)]),
        OrgError("the org refused the query", code="MALFORMED_QUERY", setting="set the version of the API"),
    ],
)
def test_each_console_says_why_there_is_no_answer(
    consoles: list[SharedAnswers[Counted]], error: IntegrationCenterError
) -> None:
    here, there = consoles

    def work(tell: Tell) -> Counted:
        raise error

    assert wait_for([here.ask("draft", work)], 20)
    theirs = there.find("draft")
    assert theirs is not None
    with pytest.raises(type(error)) as raised:
        theirs.get()
    assert (str(raised.value), raised.value.said) == (str(error), error.said)


def test_a_mistake_of_ours_is_one_in_each_console(consoles: list[SharedAnswers[Counted]]) -> None:
    here, there = consoles

    def work(tell: Tell) -> Counted:
        raise ZeroDivisionError("with the value of a record")

    assert wait_for([here.ask("draft", work)], 20)
    theirs = there.find("draft")
    assert theirs is not None
    with pytest.raises(RuntimeError, match=r"^ZeroDivisionError in another console, whose log says more$"):
        theirs.get()


def test_an_answer_of_which_nothing_is_heard_is_lost(consoles: list[SharedAnswers[Counted]], engine: Engine) -> None:
    here, there = consoles
    go_on = Event()

    def work(tell: Tell) -> Counted:
        assert go_on.wait(20)
        return Counted(1)

    mine = here.ask("draft", work)
    age(engine, LOST_AFTER + timedelta(seconds=1))
    theirs = there.find("draft")
    assert theirs is not None
    with pytest.raises(Lost):
        theirs.get()
    newer = there.ask("draft", lambda tell: Counted(2))
    assert newer.get() == Counted(2)
    go_on.set()  # the console was only slow
    assert mine.get() == Counted(1)
    for console in consoles:
        found = console.find("draft")
        assert found is not None
        assert found.get() == Counted(2), "the newest counts"
    age(engine, timedelta(seconds=901))
    assert there.find("draft") is None


class AwayAtTheEnd(SharedNotes):
    """Notes in a database that goes away just when the work has ended, and comes back."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.left, self.noted = 3, Event()

    def renew(self, kind: str, name: str, token: str, content: Mapping[str, Any], *, lifetime: timedelta) -> None:
        is_end = bool({"sealed", "error"} & content.keys())
        if is_end and self.left:
            self.left -= 1
            raise ServiceUnavailable("the database does not answer")
        super().renew(kind, name, token, content, lifetime=lifetime)
        if is_end:
            self.noted.set()


@pytest.mark.parametrize("found", [Counted(8), NoDataForDay("Logins has no rows of 22 November", [date(2026, 11, 22)])])
def test_a_database_that_is_away_at_the_end_costs_no_answer(
    consoles: list[SharedAnswers[Counted]],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    found: Counted | NoDataForDay,
) -> None:
    monkeypatch.setattr(shared_answers, "RENEWED_EVERY", 0.01)
    notes = AwayAtTheEnd(engine)
    here, there = replace(consoles[0], notes=notes), consoles[1]

    def work(tell: Tell) -> Counted:
        if isinstance(found, Exception):
            raise found
        return found

    mine = here.ask("draft", work)
    assert wait_for([mine], 20)
    assert notes.noted.wait(20)
    theirs = there.find("draft")
    assert theirs is not None
    for answer in (mine, theirs):
        if isinstance(found, Exception):
            with pytest.raises(NoDataForDay):
                answer.get()
        else:
            assert answer.get() == found


def test_notes_are_no_drafts_and_are_deleted_when_they_are_too_old(engine: Engine) -> None:
    notes = SharedNotes(engine)
    notes.write("plan", "x", "1", {"report": "Logins", "object": "Lead"}, lifetime=timedelta(minutes=1))
    assert DraftStore(engine).list(":plan") == []
    assert DraftStore(engine).list("ann") == []
    age(engine, timedelta(minutes=2))
    assert (notes.read("plan", "x"), notes.list_all("plan")) == (None, [])
    notes.write("plan", "y", "2", {}, lifetime=timedelta(minutes=1))
    with reading(engine) as connection:
        assert len(connection.execute(select(drafts)).all()) == 1
    notes.drop("plan", "y", "of somebody else")
    assert [note.token for note in notes.list_all("plan")] == ["2"]


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 7, 0.5, "2026-11-22", "é"),
        *(datetime(2026, 11, 22, 8, 1, 2, 345000, UTC), date(2026, 11, 22), time(8, 1), Decimal("1.50")),
    ],
)
def test_values_of_a_plan_keep_their_types(value: Any) -> None:
    form = TypeAdapter(Any)
    read = read_value(form.validate_json(form.dump_json(write_value(value))))
    assert (type(read), read) == (type(value), value)


def test_what_one_console_forgets_each_looks_up_again(engine: Engine) -> None:
    notes, asked = SharedNotes(engine), list[str]()
    here, there = Lookups(notes=notes), Lookups(notes=notes)

    def ask(lookups: Lookups, *key: str) -> None:
        lookups.ask(key, lambda tell: asked.append(key[-1])).get()

    for lookups in (here, there):
        ask(lookups, "schema", "org", "lead")
        ask(lookups, "schema", "org", "contact")
        ask(lookups, "objects", "org")
    assert len(asked) == 6
    here.forget("schema", "org", "lead")
    for _ in range(2):
        for lookups in (here, there):
            ask(lookups, "schema", "org", "lead")
            ask(lookups, "schema", "org", "contact")
            ask(lookups, "objects", "org")
    assert asked[6:] == ["lead", "lead"]
    there.forget("schema")
    ask(here, "schema", "org", "contact")
    assert asked[8:] == ["contact"]


class CountedNotes(SharedNotes):
    """Notes that count how often they were read."""

    times = 0

    def read_tokens(self, kind: str) -> dict[str, str]:
        self.times += 1
        return super().read_tokens(kind)


def test_a_request_reads_once_what_was_forgotten_and_again_after_it_forgets(engine: Engine) -> None:
    notes = CountedNotes(engine)
    lookups, asked, counts = Lookups(notes=notes), list[str](), list[int]()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        for forgets in (False, True):
            for name in ("lead", "contact"):
                lookups.ask(("schema", name), lambda tell: asked.append("x")).get()
            counts.append(notes.times)
            if not forgets:
                lookups.forget("schema", "lead")

    async def nothing(*message: object) -> Any:
        return None

    for _ in range(2):
        asyncio.run(ReadOnce(page)({"type": "http"}, nothing, nothing))
    assert counts == [1, 2, 3, 4]
    assert len(asked) == 4, "two at first, and the forgotten one once in each request"


def test_a_console_waits_while_another_starts_a_run_of_the_same_integration(engine: Engine) -> None:
    here, there = Starts(SharedNotes(engine)), Starts(SharedNotes(engine))
    run = UnfinishedRun("r", "logins_to_leads", dg.DagsterRunStatus.STARTING)

    def look() -> dict[str, UnfinishedRun]:
        with there.one_at_a_time("logins_to_leads"):
            return there.recent()

    with ThreadPoolExecutor(1) as pool:
        with here.one_at_a_time("logins_to_leads"):
            seen = pool.submit(look)
            with there.one_at_a_time("nps_to_contacts"):
                assert there.recent() == {}
            here.note(run)
        assert seen.result(20) == {"logins_to_leads": run}
    age(engine, timedelta(seconds=21))
    assert there.recent() == {}


def test_two_clicks_that_two_consoles_answer_start_one_run(
    center_on_disk: Center, console: Console, dagster: OwnDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    center_on_disk.integrate()
    center_on_disk.drop(logins(PLAIN))
    launching, go_on, launched = Event(), Event(), list[str]()

    def launch(self: OwnDagster, request: Any) -> str:
        launching.set()
        assert go_on.wait(20)
        run = dg.DagsterRun(job_name="x", run_id=f"r{len(launched)}", tags=dict(request.tags))
        center_on_disk.instance.add_run(run)
        launched.append(run.run_id)
        return run.run_id

    monkeypatch.setattr(OwnDagster, "launch", launch)
    consoles = [console, Console(console.installation)]
    (file,) = console.defs.list()
    wanted = RunRequest(file.slug, (YESTERDAY, YESTERDAY), run_tags(file.slug, Environment.SANDBOX, "ann"))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(launch_once, consoles[0], file.slug, file.spec, wanted)
        assert launching.wait(20)
        second = pool.submit(launch_once, consoles[1], file.slug, file.spec, wanted)
        go_on.set()
        assert [each.result(20).run_id for each in (first, second)] == ["r0", "r0"]
    assert (launched, second.result().already) == (["r0"], True)


def test_each_console_learns_that_an_account_works_no_longer_and_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedNotes, "has_readers", True)
    installation = console.installation
    account = installation.accounts.get(Environment.SANDBOX)
    here, there = AccountChecks(), AccountChecks()

    def look(checks: AccountChecks, answer: str) -> None:
        status = AccountStatus(datetime.now(UTC), 1_000, 15_000)
        result = status if answer == "sound" else ConnectionEnded("the refresh token is dead")
        monkeypatch.setattr("integration_center.console.account_checks.check_account", _answering(result))
        checks.look(installation, account, again=True)

    def overtaken() -> tuple[bool, bool]:
        return here.is_overtaken(installation, account), there.is_overtaken(installation, account)

    for checks in (here, there):
        look(checks, "sound")
    assert overtaken() == (False, False)
    look(here, "ended")
    assert overtaken() == (False, True)
    look(there, "sound")  # it sees something else: neither asks again and again
    assert overtaken() == (False, False)
    look(there, "ended")
    assert overtaken() == (True, False)
    look(here, "ended")
    look(here, "sound")
    assert overtaken() == (False, True)
    look(there, "sound")
    assert overtaken()[1] is False


def _answering(result: object) -> Callable[..., object]:
    def check(*args: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return check
