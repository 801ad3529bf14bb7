"""Create the table that says which programs may work with our tables: hosts are upgraded one after the other."""

from alembic.operations import Operations
from sqlalchemy import Column, Integer

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Create the table. Each upgrade writes its row."""
    op.create_table(
        "integration_center_compatibility", Column("oldest", Integer, primary_key=True, autoincrement=False)
    )
