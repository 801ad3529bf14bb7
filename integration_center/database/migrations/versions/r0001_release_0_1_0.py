"""Create the tables of release 0.1.0, or give a database of an earlier form what it lacks.

Before this revision none was noted. A database of that time may lack tables, columns that may be null, and indexes.
"""

from collections.abc import Collection

from alembic.operations import Operations
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.schema import CreateColumn, CreateIndex

from integration_center.errors import ConfigurationError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = DateTime(timezone=True)
OLDEST, JOURNAL = "accounts", "jobs"


def upgrade(op: Operations) -> None:
    """Create what is missing. Rows that are there stay as they are."""
    connection = op.get_bind()
    wanted = [table for table in tables.sorted_tables if table.name != JOURNAL or has_journal(connection)]
    tables.create_all(connection, wanted)
    add_missing_columns(connection, {table.name for table in wanted})
    for table in wanted:
        for index in table.indexes:  # `create_all` makes the indexes of new tables only
            connection.execute(CreateIndex(index, if_not_exists=True))


def has_journal(connection: Connection) -> bool:
    """Return whether the journal has the name that it had in this release.

    In a new database on a server, the table of that name may be Dagster's; a later revision makes ours.
    """
    return connection.dialect.name == "sqlite" or inspect(connection).has_table(OLDEST)


def add_missing_columns(connection: Connection, wanted: Collection[str]) -> None:
    """Add the columns that came after one of the wanted tables was made.

    Raises:
        ConfigurationError: a table lacks a column that it had from the beginning, so another program made the table.
    """
    for (_, name), found in inspect(connection).get_multi_columns().items():
        table = tables.tables.get(name) if name in wanted else None
        known = {column["name"] for column in found}
        for column in () if table is None else table.columns:
            if column.name in known:
                continue
            if not column.nullable:
                raise ConfigurationError(
                    f"table {name} has no column {column.name}, so another program made it; nothing was changed",
                    setting="Name a database of its own for this program in INTEGRATION_CENTER_DATABASE_URL",
                )
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {definition}"))


tables = MetaData()

Table(
    "accounts",
    tables,
    Column("environment", String(16), primary_key=True),
    Column("org_id", String(18), nullable=False, unique=True),
    Column("org_name", Text, nullable=False),
    Column("is_sandbox", Boolean, nullable=False),
    Column("developer_edition", Boolean, nullable=False),
    Column("user_id", String(18), nullable=False),
    Column("username", Text, nullable=False),
    Column("instance_url", Text, nullable=False),
    Column("login_url", Text, nullable=False),
    Column("flow", String(32), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("connected_at", MOMENT, nullable=False),
    Column("connected_by", Text, nullable=False),
)

Table(
    "account_tokens",
    tables,
    Column(
        "environment",
        ForeignKey("accounts.environment", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("ciphertext", Text, nullable=False),
    Column("renewal_owner", String(64)),
    Column("renewal_expires_at", MOMENT),
)

Table(
    "oauth_states",
    tables,
    Column("state_hash", String(64), primary_key=True),
    Column("ciphertext", Text, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)

Table(
    "syncs",
    tables,
    Column("id", Integer, primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("slug", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("environment", String(16)),
    Column("org_id", String(18)),
    Column("report", Text, nullable=False),
    Column("object", String(255), nullable=False),
    Column("partition_start", Date, nullable=False),
    Column("partition_end", Date, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT),
    Column("counts", JSON, nullable=False),
    Column("pushed", Boolean, nullable=False),
    Column("plan_id", String(64)),
    Column("applied_at", MOMENT),
    Column("read_at", MOMENT),
    Column("describe_hash", String(64)),
    Column("held", Text),
    Column("error", Text),
    Column("api_calls", Integer, nullable=False),
    Column("triggered_by", Text, nullable=False),
    UniqueConstraint("run_id", "slug"),
    Index("ix_syncs_slug_partition", "slug", "partition_end"),
    Index("ix_syncs_status", "status"),
    Index("ix_syncs_slug", "slug", "id"),
)

Table(
    "sync_progress",
    tables,
    Column("run_id", String(64), primary_key=True),
    Column("slug", String(255), primary_key=True),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
)

Table(
    "leases",
    tables,
    Column("org_id", String(18), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("process", String(255), nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)

Table(
    "group_sizes",
    tables,
    Column("org_id", String(18), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("noted_at", MOMENT, nullable=False),
)

Table(
    "jobs",
    tables,
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
    Index("ix_jobs_unsettled", "org_id", "object", "settled_at"),
)

Table(
    "audit",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("who", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("environment", String(16)),
    Column("slug", String(255)),
    Column("detail", Text),
    Column("org_id", String(18)),
    Column("run_id", String(64)),
    Column("times", Integer),
    Index("ix_audit_at", "at"),
    Index("ix_audit_slug", "slug", "at"),
    Index("ux_audit_run", "run_id", "slug", unique=True),
)

Table(
    "console_sessions",
    tables,
    Column("token_hash", String(64), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("credential", String(64), nullable=False),
    Column("signed_in_at", MOMENT, nullable=False),
    Column("seen_at", MOMENT, nullable=False),
    Index("ix_console_sessions_seen_at", "seen_at"),
)

Table(
    "sign_in_failures",
    tables,
    Column("id", Integer, primary_key=True),
    Column("user", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("at", MOMENT, nullable=False),
    Index("ix_sign_in_failures_at", "at"),
)

Table(
    "sign_in_places",
    tables,
    Column("user", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("at", MOMENT, nullable=False),
)

Table(
    "connect_tickets",
    tables,
    Column("ticket_hash", String(64), primary_key=True),
    Column("user", Text, nullable=False),
    Column("environment", String(16), nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)

Table(
    "drafts",
    tables,
    Column("id", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
)
