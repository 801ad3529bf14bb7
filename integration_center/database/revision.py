"""The revision of our tables: a number that a database notes, and that this program compares with its own."""

from sqlalchemy import Connection, Engine, column, select, table

from integration_center.errors import DatabaseOutdated, DatabaseTooNew

REVISION = 9
"""The newest revision in `migrations/versions`."""
OLDEST_BESIDE = 8
"""The oldest program, by its own `REVISION`, that may work with our tables.

It stays while revisions only add tables, or columns that may be empty: programs of both versions then run side by side
while the hosts are upgraded. A revision that changes or removes what an older program reads or writes raises it.
"""
VERSION_TABLE = "integration_center_version"
"""A name of its own: Dagster may keep its history in the same PostgreSQL database, with a version of its own."""
COMPATIBILITY_TABLE = "integration_center_compatibility"
UNNOTED = 0
"""The revision of a database from before revisions were noted."""
OLDEST_TABLE = "accounts"
"""A table that each database of ours had from the beginning."""


def read_revision(connection: Connection) -> int | None:
    """Read the revision of a database; None when it holds no tables of ours.

    Where a newer program only added to our tables, the database counts as of our own revision.
    """
    if connection.dialect.has_table(connection, VERSION_TABLE):
        return _read_number(connection)
    if not connection.dialect.has_table(connection, OLDEST_TABLE):
        return None
    # PostgreSQL shows each query what is committed by then: another process may have made all tables meanwhile.
    return _read_number(connection) if connection.dialect.has_table(connection, VERSION_TABLE) else UNNOTED


def _read_number(connection: Connection) -> int:
    found = int(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar_one())
    return REVISION if found > REVISION and _admits_this_program(connection) else found


def _admits_this_program(connection: Connection) -> bool:
    """Whether the newer program that upgraded a database left all that this program needs."""
    oldest = connection.execute(select(column("oldest")).select_from(table(COMPATIBILITY_TABLE))).scalar()
    return oldest is not None and int(oldest) <= REVISION


def require_current(revision: int, engine: Engine) -> None:
    """Check that this program can work with a database of `revision`.

    Raises:
        DatabaseOutdated: it must be upgraded first.
        DatabaseTooNew: a newer version of this program has upgraded it.
    """
    place = engine.url.render_as_string(hide_password=True)
    if revision < REVISION:
        raise DatabaseOutdated(
            "the database is of an earlier version of this program, and must be upgraded",
            setting=f"It is {place}. End `up`, make a backup, and run: integration-center migrate",
        )
    if revision > REVISION:
        raise DatabaseTooNew(
            f"the database is of a newer version: this program is older than its data (revision {REVISION}, the data"
            f" {revision})",
            setting=f"It is {place}. Install the newer version of integration-center again",
        )
