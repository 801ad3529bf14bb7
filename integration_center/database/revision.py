"""The revision of our tables: a number that a database notes, and that this program compares with its own."""

from sqlalchemy import Connection, Engine, column, inspect, select, table

from integration_center.errors import DatabaseOutdated, DatabaseTooNew

REVISION = 7
"""The newest revision in `migrations/versions`."""
VERSION_TABLE = "integration_center_version"
"""A name of its own: Dagster may keep its history in the same PostgreSQL database, with a version of its own."""
UNNOTED = 0
"""The revision of a database from before revisions were noted."""
OLDEST_TABLE = "accounts"
"""A table that each database of ours had from the beginning."""


def read_revision(connection: Connection) -> int | None:
    """Read the revision of a database; None when it holds no tables of ours."""
    if _has_table(connection, VERSION_TABLE):
        return _read_number(connection)
    if not _has_table(connection, OLDEST_TABLE):
        return None
    # PostgreSQL shows each query what is committed by then: another process may have made all tables meanwhile.
    return _read_number(connection) if _has_table(connection, VERSION_TABLE) else UNNOTED


def _has_table(connection: Connection, name: str) -> bool:
    return inspect(connection).has_table(name)


def _read_number(connection: Connection) -> int:
    return int(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar_one())


def require_current(revision: int, engine: Engine) -> None:
    """Check that this program can work with a database of `revision`.

    Raises:
        DatabaseOutdated: it must be upgraded first.
        DatabaseTooNew: a newer version of this program has upgraded it.
    """
    place = engine.url.render_as_string(hide_password=True)
    if revision < REVISION:
        raise DatabaseOutdated(
            f"database {place} is of an earlier version of this program, and must be upgraded. End `up`, make a backup,"
            " and run: integration-center migrate"
        )
    if revision > REVISION:
        raise DatabaseTooNew(
            f"database {place} is of a newer version: this program is older than its data (revision {REVISION}, the"
            f" data {revision}). Install the newer version of integration-center again"
        )
