"""The tables of what admins do: stops, people who use the console, signed headers, integrations kept here, upgrades."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from integration_center.database.columns import UtcDateTime, metadata
from integration_center.database.revision import COMPATIBILITY_TABLE

stops = Table(
    "stops",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("open_key", String(8), unique=True),  # null once it is lifted: one stop is in force at a time
    Column("stopped_at", UtcDateTime, nullable=False),
    Column("stopped_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", Text),
)

console_people = Table(
    "console_people",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("method", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("name_key", String(64), nullable=False, unique=True),
    Column("role", String(16)),  # given in the console; null where another source decides
    Column("signed_in_at", UtcDateTime),
)

used_assertions = Table(
    "used_assertions",
    metadata,
    Column("assertion_hash", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_used_assertions_expires_at", "expires_at"),
)

integration_texts = Table(
    "integration_texts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("slug", String(255), nullable=False),
    Column("text", Text),  # null where the integration was deleted
    Column("saved_at", UtcDateTime, nullable=False),
    Column("saved_by", Text, nullable=False),
    Index("ix_integration_texts_slug", "slug", "number"),
)

compatibility = Table(COMPATIBILITY_TABLE, metadata, Column("oldest", Integer, primary_key=True, autoincrement=False))
"""One row: the oldest program that may work with these tables."""
