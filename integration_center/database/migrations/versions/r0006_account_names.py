"""Create the table of further accounts, and make room for their names.

The accounts of an installation keep their names, `sandbox` and `production`, and so do its log, keys and pools.
"""

from alembic.operations import Operations
from sqlalchemy import Column, DateTime, String, Text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

HOLDERS = (("accounts", False), ("account_tokens", False), ("syncs", True), ("audit", True), ("connect_tickets", False))
"""The tables that name accounts, and whether they may name none."""


def upgrade(op: Operations) -> None:
    """Create the table, and widen the columns. SQLite has no widths, so nothing is to be widened there."""
    op.create_table(
        "account_names",
        Column("name", String(40), primary_key=True),
        Column("kind", String(16), nullable=False),
        Column("added_at", DateTime(timezone=True), nullable=False),
        Column("added_by", Text, nullable=False),
    )
    if op.get_context().dialect.name == "sqlite":
        return
    for table, nullable in HOLDERS:
        op.alter_column(table, "environment", type_=String(40), existing_type=String(16), existing_nullable=nullable)
