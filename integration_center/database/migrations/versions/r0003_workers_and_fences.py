"""Create the tables of workers, fences and API calls, and rename the journal to `sent_work`.

Dagster has a table `jobs`, too, and may keep its history in the same database.
"""

from alembic.operations import Operations
from sqlalchemy import Column, DateTime, Integer, String, inspect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = DateTime(timezone=True)
OLD, NEW = "jobs", "sent_work"
OURS = "content_hash"
"""A column that the journal has, and Dagster's table of that name has not."""
KEPT = "org_id, job_id, object, kind, run_id, slug, plan_id, rows, content_hash, opened_at, settled_at"


def upgrade(op: Operations) -> None:
    """Create the tables, and move the rows of the journal."""
    op.create_table(
        "workers",
        Column("process", String(255), primary_key=True),
        Column("beat_at", MOMENT, nullable=False),
    )
    op.create_table(
        "fences",
        Column("org_id", String(18), primary_key=True),
        Column("object", String(255), primary_key=True),
        Column("number", Integer, nullable=False),
    )
    op.add_column("leases", Column("fence", Integer))
    op.add_column("leases", Column("taken_at", MOMENT))
    op.create_table(
        "api_calls",
        Column("org_id", String(18), primary_key=True),
        Column("remaining", Integer, nullable=False),
        Column("maximum", Integer, nullable=False),
        Column("noted_at", MOMENT, nullable=False),
    )
    op.create_table(
        NEW,
        Column("org_id", String(18), primary_key=True),
        Column("job_id", String(128), primary_key=True),
        Column("object", String(255), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("run_id", String(64), nullable=False),
        Column("slug", String(255), nullable=False),
        Column("plan_id", String(64), nullable=False),
        Column("rows", Integer),
        Column("content_hash", String(64), nullable=False),
        Column("opened_at", MOMENT, nullable=False),
        Column("settled_at", MOMENT),
        Column("fence", Integer),
    )
    found = inspect(op.get_bind())
    if found.has_table(OLD) and OURS in {column["name"] for column in found.get_columns(OLD)}:
        op.execute(f"INSERT INTO {NEW} ({KEPT}) SELECT {KEPT} FROM {OLD}")  # noqa: S608 - names of our own
        op.drop_table(OLD)
    op.create_index("ix_sent_work_unsettled", NEW, ["org_id", "object", "settled_at"])
