"""Runs revisions on the connection that `database.upgrading` gives. Alembic executes this file.

The connection is in a transaction, so all revisions are applied, or none.
"""

from alembic import context

from integration_center.database.revision import VERSION_TABLE
from integration_center.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
