"""Create the table that shows all hosts how far the steps of a run have come."""

from alembic.operations import Operations
from sqlalchemy import JSON, Column, DateTime, String

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Create the table. A program of the revision before neither reads nor writes it."""
    op.create_table(
        "step_progress",
        Column("run_id", String(64), primary_key=True),
        Column("step", String(300), primary_key=True),
        Column("slug", String(255)),
        Column("content", JSON, nullable=False),
        Column("noted_at", DateTime(timezone=True), nullable=False),
    )
