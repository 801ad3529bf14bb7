from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from integration_center.access.audit import COMMAND_LINE, EDITS, KEPT, MAX_DETAIL, Action, AuditEntry, AuditLog
from integration_center.database.engine import writing
from integration_center.database.tables import accounts
from integration_center.integration.spec import Environment


def test_what_was_done_is_read_back_newest_first(engine: Engine) -> None:
    log = AuditLog(engine)
    before = datetime.now(UTC)
    log.record(Action.CONNECTED, who="ann", where="192.0.2.7", environment=Environment.SANDBOX, detail="org 00D")
    log.record(Action.RAN, who="bob", where=COMMAND_LINE, slug="logins_to_leads")

    ran, connected = log.list()

    assert (ran.who, ran.where, ran.action, ran.slug) == ("bob", "command line", Action.RAN, "logins_to_leads")
    assert (ran.environment, ran.detail) == (None, None)
    assert (connected.who, connected.where, connected.environment) == ("ann", "192.0.2.7", Environment.SANDBOX)
    assert connected.detail == "org 00D"
    assert before <= connected.at <= ran.at <= datetime.now(UTC)


def test_pages_and_one_integration(engine: Engine) -> None:
    log = AuditLog(engine)
    for number in range(5):
        log.record(Action.CHANGED, who="ann", where="::1", slug=f"slug_{number % 2}", detail=str(number))

    assert [entry.detail for entry in log.list(limit=2, offset=1)] == ["3", "2"]
    assert [entry.detail for entry in log.list(slug="slug_1")] == ["3", "1"]


def test_a_detail_is_bounded(engine: Engine) -> None:
    log = AuditLog(engine)
    log.record(Action.CHANGED, who="ann", where="::1", detail="x" * 10_000)
    assert log.list()[0].detail == "x" * MAX_DETAIL


def test_only_old_entries_are_deleted(engine: Engine) -> None:
    log = AuditLog(engine)
    log.record(Action.SIGNED_IN, who="ann", where="::1")
    now = datetime.now(UTC)
    assert log.delete_old(now + KEPT - timedelta(minutes=1)) == 0
    assert log.delete_old(now + KEPT + timedelta(minutes=1)) == 1
    assert log.list() == ()


def connect_org(engine: Engine, environment: Environment, org_id: str) -> None:
    values: dict[str, object] = {
        "environment": environment.value,
        "org_id": org_id,
        "org_name": "Acme",
        "is_sandbox": True,
        "developer_edition": False,
        "user_id": "005",
        "username": "ann@acme.example",
        "instance_url": "https://acme.example",
        "login_url": "https://acme.example",
        "flow": "web",
        "scopes": [],
        "connected_at": datetime.now(UTC),
        "connected_by": "ann",
    }
    with writing(engine) as connection:
        connection.execute(accounts.delete().where(accounts.c.environment == environment.value))
        connection.execute(accounts.insert().values(**values))


def test_an_entry_keeps_the_org_that_was_connected_then(engine: Engine) -> None:
    log = AuditLog(engine)
    log.record(Action.DISABLED, who="ann", where="::1", environment=Environment.SANDBOX, slug="a")
    connect_org(engine, Environment.SANDBOX, "00D000000000001AAA")
    log.record(Action.ENABLED, who="ann", where="::1", environment=Environment.SANDBOX, slug="a")
    log.record(Action.ENABLED, who="ann", where="::1", environment=Environment.PRODUCTION, slug="b")
    connect_org(engine, Environment.SANDBOX, "00D000000000002AAA")
    log.record(Action.CONNECTION_REFUSED, who="ann", where="::1", environment=Environment.SANDBOX)
    log.record(Action.DISCONNECTED, who="ann", where="::1", environment=Environment.SANDBOX, org_id="00D3")
    assert [entry.org_id for entry in log.list()] == ["00D3", None, None, "00D000000000001AAA", None]


def test_a_run_is_noted_once_for_each_integration_and_its_launcher_has_the_last_word(engine: Engine) -> None:
    log, now = AuditLog(engine), datetime.now(UTC)

    def by_itself(slug: str) -> bool:
        entry = AuditEntry(now, "Dagster UI or API", "Dagster", Action.RAN, None, slug, None, run_id="r1")
        return log.record_run_once(entry)

    assert [by_itself("a"), by_itself("a"), by_itself("b")] == [True, False, True]
    log.record(Action.RAN, who="ann", where="192.0.2.7", slug="a", run_id="r1")
    assert not by_itself("a")
    assert {(entry.slug, entry.who) for entry in log.list()} == {("a", "ann"), ("b", "Dagster UI or API")}
    assert log.has_run("r1", "a")
    assert not log.has_run("r2", "a")


def test_only_some_actions(engine: Engine) -> None:
    log = AuditLog(engine)
    log.record(Action.CHANGED, who="ann", where="::1", slug="a")
    log.record(Action.RAN, who="bob", where="::1", slug="a", run_id="r1")
    assert [entry.who for entry in log.list(slug="a", actions=EDITS)] == ["ann"]
