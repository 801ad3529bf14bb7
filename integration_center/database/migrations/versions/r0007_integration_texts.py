"""Create the table of the integrations that are kept in the database."""

from alembic.operations import Operations
from sqlalchemy import Column, DateTime, Integer, String, Text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Create the table."""
    op.create_table(
        "integration_texts",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("slug", String(255), nullable=False),
        Column("text", Text),
        Column("saved_at", DateTime(timezone=True), nullable=False),
        Column("saved_by", Text, nullable=False),
    )
    op.create_index("ix_integration_texts_slug", "integration_texts", ["slug", "number"])
