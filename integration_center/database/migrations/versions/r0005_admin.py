"""Create the tables of stops, people and used headers, and note where a session of the console came from."""

from alembic.operations import Operations
from sqlalchemy import Column, DateTime, Integer, String, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = DateTime(timezone=True)


def upgrade(op: Operations) -> None:
    """Create the tables, and add the columns."""
    op.create_table(
        "stops",
        Column("id", Integer, primary_key=True),
        Column("open_key", String(8), unique=True),
        Column("stopped_at", MOMENT, nullable=False),
        Column("stopped_by", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("lifted_at", MOMENT),
        Column("lifted_by", Text),
    )
    op.create_table(
        "console_people",
        Column("id", String(64), primary_key=True),
        Column("method", String(16), nullable=False),
        Column("name", String(64), nullable=False),
        Column("name_key", String(64), nullable=False, unique=True),
        Column("role", String(16)),
        Column("signed_in_at", MOMENT),
    )
    op.create_table(
        "used_assertions",
        Column("assertion_hash", String(64), primary_key=True),
        Column("expires_at", MOMENT, nullable=False),
    )
    op.create_index("ix_used_assertions_expires_at", "used_assertions", ["expires_at"])
    for name, length in (("person", 64), ("address", 64), ("browser", 200), ("role", 16)):
        op.add_column("console_sessions", Column(name, String(length)))
