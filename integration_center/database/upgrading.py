"""Bring our tables to the newest revision. Apart, because importing Alembic takes longer than opening a database."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert

from integration_center.database import migrations
from integration_center.database.admin_tables import compatibility
from integration_center.database.revision import OLDEST_BESIDE, VERSION_TABLE

FOLDER = Path(migrations.__file__).parent


def open_scripts() -> ScriptDirectory:
    """Open the folder of revisions."""
    return ScriptDirectory(str(FOLDER))


def run_revisions(connection: Connection) -> None:
    """Apply the revisions that a database lacks, within the transaction of `connection`: all of them, or none.

    Each revision is handed its operations. Alembic's own `alembic.op` is one for the whole process, and Dagster may
    create its tables in another thread at the same time.
    """
    scripts = open_scripts()
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            # Not public, but the way that Alembic's cookbook shows for upgrading without an environment.
            "fn": lambda heads, _: scripts._upgrade_revs("head", heads),
        },
    )
    context.run_migrations(op=Operations(context))
    connection.execute(delete(compatibility))
    connection.execute(insert(compatibility).values(oldest=OLDEST_BESIDE))
