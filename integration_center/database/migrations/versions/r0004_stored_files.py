"""Create the index of stored files, and the list of objects that no line of the index names any more."""

from alembic.operations import Operations
from sqlalchemy import JSON, Column, Date, DateTime, Integer, String, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = DateTime(timezone=True)


def upgrade(op: Operations) -> None:
    """Create the tables and their indexes."""
    op.create_table(
        "stored_files",
        Column("name", String(700), primary_key=True),
        Column("kind", String(16), nullable=False),
        Column("slug", String(300), nullable=False),
        Column("day", Date),
        Column("run_id", String(64)),
        Column("org_id", String(18)),
        Column("key", String(800), nullable=False),
        Column("rows", Integer),
        Column("identity", Text),
        Column("details", JSON, nullable=False),
        Column("stored_at", MOMENT, nullable=False),
    )
    op.create_index("ix_stored_files_kind", "stored_files", ["kind", "slug", "day"])
    op.create_index("ix_stored_files_run_id", "stored_files", ["run_id"])
    op.create_index("ix_stored_files_key", "stored_files", ["key"])
    op.create_index("ix_stored_files_stored_at", "stored_files", ["stored_at"])
    op.create_table(
        "unused_files",
        Column("key", String(800), primary_key=True),
        Column("unused_since", MOMENT, nullable=False),
    )
    op.create_index("ix_unused_files_unused_since", "unused_files", ["unused_since"])
