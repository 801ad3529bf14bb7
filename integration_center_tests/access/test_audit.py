import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from integration_center.access.audit import COMMAND_LINE, KEPT, MAX_DETAIL, Action, AuditLog
from integration_center.database.engine import build_engine
from integration_center.integration import Environment


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


def test_a_database_of_the_version_before_gets_the_log(tmp_path: Path) -> None:
    path = tmp_path / "center.db"
    build_engine(f"sqlite:///{path}").dispose()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("audit", "console_sessions", "sign_in_failures"):
            connection.execute(f"DROP TABLE {table}")
    log = AuditLog(build_engine(f"sqlite:///{path}"))
    log.record(Action.SIGNED_OUT, who="ann", where="::1")
    assert [entry.action for entry in log.list()] == [Action.SIGNED_OUT]
