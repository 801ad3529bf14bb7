"""The tables of our own database."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from integration_center.database.admin_tables import console_people as console_people
from integration_center.database.admin_tables import integration_texts as integration_texts
from integration_center.database.admin_tables import stops as stops
from integration_center.database.admin_tables import used_assertions as used_assertions
from integration_center.database.columns import UtcDateTime
from integration_center.database.columns import metadata as metadata


class StatusText(TypeDecorator[str]):
    """A status in at most 16 characters, as the column was made in the first release."""

    impl = String(16)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Shorten the one status that is longer."""
        return SHORT_STATUS if value == LONG_STATUS else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Give the whole status back."""
        return LONG_STATUS if value == SHORT_STATUS else value


ACCOUNT_NAME = String(16).with_variant(String(40), "postgresql")
"""Names had 16 characters in the first release. SQLite keeps any length in such a column."""
LONG_STATUS, SHORT_STATUS = "Waiting for approval", "Waiting"
accounts = Table(
    "accounts",
    metadata,
    Column("environment", ACCOUNT_NAME, primary_key=True),
    Column("org_id", String(18), nullable=False, unique=True),  # unique: no two accounts are of one org
    Column("org_name", Text, nullable=False),
    Column("is_sandbox", Boolean, nullable=False),
    Column("developer_edition", Boolean, nullable=False),
    Column("user_id", String(18), nullable=False),
    Column("username", Text, nullable=False),
    Column("instance_url", Text, nullable=False),
    Column("login_url", Text, nullable=False),
    Column("flow", String(32), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("connected_at", UtcDateTime, nullable=False),
    Column("connected_by", Text, nullable=False),
)

account_names = Table(  # besides `sandbox` and `production`, which are always there
    "account_names",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("added_by", Text, nullable=False),
)

account_tokens = Table(
    "account_tokens",
    metadata,
    Column(
        "environment",
        ForeignKey("accounts.environment", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("ciphertext", Text, nullable=False),
    Column("renewal_owner", String(64)),
    Column("renewal_expires_at", UtcDateTime),
)

oauth_states = Table(
    "oauth_states",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("ciphertext", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

syncs = Table(
    "syncs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("slug", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("environment", ACCOUNT_NAME),  # unknown while the integration's file is broken
    Column("org_id", String(18)),
    Column("report", Text, nullable=False),
    Column("object", String(255), nullable=False),
    Column("partition_start", Date, nullable=False),
    Column("partition_end", Date, nullable=False),
    Column("status", StatusText(), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("counts", JSON, nullable=False),
    Column("pushed", Boolean, nullable=False),
    Column("plan_id", String(64)),
    Column("applied_at", UtcDateTime),
    Column("read_at", UtcDateTime),
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

sync_progress = Table(
    "sync_progress",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("slug", String(255), primary_key=True),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
)

step_progress = Table(
    "step_progress",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("step", String(300), primary_key=True),
    Column("slug", String(255)),  # null for a step that reads a report
    Column("content", JSON, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("org_id", String(18), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("process", String(255), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("fence", Integer),  # null in a lease of an earlier version
    Column("taken_at", UtcDateTime),
)

fences = Table(
    "fences",
    metadata,
    Column("org_id", String(18), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("number", Integer, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("process", String(255), primary_key=True),
    Column("beat_at", UtcDateTime, nullable=False),
)

api_calls = Table(
    "api_calls",
    metadata,
    Column("org_id", String(18), primary_key=True),
    Column("remaining", Integer, nullable=False),
    Column("maximum", Integer, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

group_sizes = Table(
    "group_sizes",
    metadata,
    Column("org_id", String(18), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

sent_work = Table(
    "sent_work",
    metadata,
    Column("org_id", String(18), primary_key=True),
    Column("job_id", String(128), primary_key=True),
    Column("object", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("slug", String(255), nullable=False),
    Column("plan_id", String(64), nullable=False),
    Column("rows", Integer),
    Column("content_hash", String(64), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("fence", Integer),  # of the lease under which it was sent; null before there were fences
    Index("ix_sent_work_unsettled", "org_id", "object", "settled_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("environment", ACCOUNT_NAME),
    Column("slug", String(255)),
    Column("detail", Text),
    Column("org_id", String(18)),
    Column("run_id", String(64)),
    Column("times", Integer),  # null counts as once
    Index("ix_audit_at", "at"),
    Index("ix_audit_slug", "slug", "at"),
    Index("ux_audit_run", "run_id", "slug", unique=True),  # a run is noted once for each of its integrations
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("credential", String(64), nullable=False),
    Column("signed_in_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("person", String(64)),  # in `console_people`; null in a session of an earlier version, as are the others
    Column("address", String(64)),
    Column("browser", String(200)),
    Column("role", String(16)),  # what a provider's groups said; null where the role is read from elsewhere
    Index("ix_console_sessions_seen_at", "seen_at"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_sign_in_failures_at", "at"),
)

sign_in_places = Table(
    "sign_in_places",
    metadata,
    Column("user", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

connect_tickets = Table(
    "connect_tickets",
    metadata,
    Column("ticket_hash", String(64), primary_key=True),
    Column("user", Text, nullable=False),
    Column("environment", ACCOUNT_NAME, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

waiting_days = Table(
    "waiting_days",
    metadata,
    Column("slug", String(255), primary_key=True),
    Column("day", Date, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("open_key", String(512), unique=True),  # null once it has ended: one incident of a key is open at a time
    Column("key", String(512), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("slug", String(255)),
    Column("content", JSON, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_incidents_ended_at", "ended_at"),
)

alert_messages = Table(
    "alert_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("content", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime),  # null once it is sent or given up
    Column("sent_at", UtcDateTime),
    Column("error", Text),
    UniqueConstraint("incident_id", "phase", "channel"),
    Index("ix_alert_messages_due_at", "due_at"),
)

stored_files = Table(
    "stored_files",
    metadata,
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
    Column("stored_at", UtcDateTime, nullable=False),
    Index("ix_stored_files_kind", "kind", "slug", "day"),
    Index("ix_stored_files_run_id", "run_id"),
    Index("ix_stored_files_key", "key"),
    Index("ix_stored_files_stored_at", "stored_at"),
)

unused_files = Table(
    "unused_files",
    metadata,
    Column("key", String(800), primary_key=True),
    Column("unused_since", UtcDateTime, nullable=False),  # readers may still have the file open for a while
    Index("ix_unused_files_unused_since", "unused_since"),
)
