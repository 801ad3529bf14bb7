"""The revisions lead to the tables that the code works with, from whatever form a database has."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from integration_center.access.audit import Action, AuditLog
from integration_center.database.engine import build_engine, reading, upgrade_database
from integration_center.database.revision import REVISION, VERSION_TABLE
from integration_center.database.tables import metadata
from integration_center.database.upgrading import open_scripts
from integration_center_tests.database.old_forms import change, make_old, read_schema

COLUMNS_THAT_CAME_LATER = ("org_id", "run_id", "times")
OLD_FORMS = {
    "today": (),
    "before the audit log": ("DROP TABLE audit", "DROP TABLE console_sessions", "DROP TABLE sign_in_failures"),
    "before runs were noted in the audit log": (
        "DROP INDEX ux_audit_run",
        *(f"ALTER TABLE audit DROP COLUMN {column}" for column in COLUMNS_THAT_CAME_LATER),
        "DROP TABLE connect_tickets",
        "DROP TABLE sign_in_places",
        "DROP TABLE group_sizes",
    ),
    "before the history by integration": ("DROP INDEX ix_syncs_slug", "DROP TABLE sync_progress", "DROP TABLE drafts"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "center.db"


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    revisions = [revision.revision for revision in open_scripts().walk_revisions()]
    assert revisions == [f"{number:04d}" for number in range(REVISION, 0, -1)]


def test_the_revisions_lead_to_the_tables_of_the_code(path: Path, tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{path}")
    with reading(engine) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []

    by_code = create_engine(f"sqlite:///{tmp_path / 'by_code.db'}", poolclass=NullPool)
    metadata.create_all(by_code)
    made = read_schema(path)
    del made[VERSION_TABLE]
    assert made == read_schema(tmp_path / "by_code.db")


@pytest.mark.parametrize("form", OLD_FORMS)
def test_an_older_form_gets_what_it_lacks_and_keeps_what_it_has(path: Path, tmp_path: Path, form: str) -> None:
    url = make_old(path, *OLD_FORMS[form])
    change(
        path,
        "INSERT INTO leases (org_id, object, run_id, process, expires_at)"
        " VALUES ('00D', 'Lead', 'r1', 'host/1/1', '2026-01-02 03:04:05')",
    )

    upgrade_database(url)

    build_engine(f"sqlite:///{tmp_path / 'new.db'}").dispose()
    assert read_schema(path) == read_schema(tmp_path / "new.db")
    with reading(build_engine(url)) as connection:
        assert connection.exec_driver_sql("SELECT run_id FROM leases").scalars().all() == ["r1"]


def test_the_audit_log_of_an_older_form_keeps_its_entries(path: Path) -> None:
    url = make_old(path, *OLD_FORMS["before runs were noted in the audit log"])
    change(path, "INSERT INTO audit (at, who, place, action) VALUES ('2026-01-02 03:04:05', 'ann', '::1', 'ran')")
    upgrade_database(url)
    log = AuditLog(build_engine(url))
    log.record(Action.RAN, who="bob", where="::1", slug="a", run_id="r1")
    assert [(entry.who, entry.run_id, entry.times) for entry in log.list()] == [("bob", "r1", 1), ("ann", None, 1)]
