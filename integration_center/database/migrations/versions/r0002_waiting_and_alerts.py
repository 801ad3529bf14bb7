"""Create the tables of days that are waited for, of incidents, and of the messages that tell of them."""

from alembic.operations import Operations
from sqlalchemy import JSON, Column, Date, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = DateTime(timezone=True)


def upgrade(op: Operations) -> None:
    """Create the tables and their indexes."""
    op.create_table(
        "waiting_days",
        Column("slug", String(255), primary_key=True),
        Column("day", Date, nullable=False),
        Column("since", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=False),
        Column("reason", Text, nullable=False),
        Column("noted_at", MOMENT, nullable=False),
    )
    op.create_table(
        "incidents",
        Column("id", String(32), primary_key=True),
        Column("open_key", String(512), unique=True),
        Column("key", String(512), nullable=False),
        Column("kind", String(32), nullable=False),
        Column("slug", String(255)),
        Column("content", JSON, nullable=False),
        Column("opened_at", MOMENT, nullable=False),
        Column("ended_at", MOMENT),
    )
    op.create_index("ix_incidents_ended_at", "incidents", ["ended_at"])
    op.create_table(
        "alert_messages",
        Column("id", Integer, primary_key=True),
        Column("incident_id", String(32), ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
        Column("phase", String(16), nullable=False),
        Column("channel", String(64), nullable=False),
        Column("content", JSON, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("due_at", MOMENT),
        Column("sent_at", MOMENT),
        Column("error", Text),
        UniqueConstraint("incident_id", "phase", "channel"),
    )
    op.create_index("ix_alert_messages_due_at", "alert_messages", ["due_at"])
