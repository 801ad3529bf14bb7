"""Read the API's description of one report leniently, because WalkMe's APIs deviate from their documentation."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

from integration_center.errors import ServiceUnavailable
from integration_center.insights.catalogue import OUT_OF_THE_BOX, ColumnType, ReportInfo, report_slug
from integration_center.insights.source import TYPING_RULES

USUAL_REFRESH = timedelta(hours=9)
"""The time after midnight UTC at which WalkMe begins to refresh all reports."""

_COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
_MILLISECONDS = re.compile(r"(\d{12,14})(?:\.\d+)?")


def read_info(entry: Any) -> ReportInfo:
    """Read the report from `entry`, an entry of a list or a description.

    Raises:
        ServiceUnavailable: the report has no id or no name.
    """
    if not isinstance(entry, dict):
        raise ServiceUnavailable("WalkMe listed a report that is not an object")
    id_, name = entry.get("id"), entry.get("name")
    if not isinstance(id_, str) or not id_ or not isinstance(name, str) or not name:
        raise ServiceUnavailable("WalkMe listed a report without id or name")
    slug = report_slug(name)
    known = OUT_OF_THE_BOX.get(slug)
    key = entry.get("keyColumn")
    return replace(
        known or ReportInfo(id_, slug, name),
        id=id_,
        name=name,
        tags=tuple(tag for tag in entry.get("tags") or () if isinstance(tag, str)),
        key_column=key if isinstance(key, str) and key else known.key_column if known else None,
        columns={
            column["name"]: column["type"]
            for column in entry.get("columns") or ()
            if isinstance(column, dict) and column.get("type") in _COLUMN_TYPES and isinstance(column.get("name"), str)
        },
    )


def read_column_names(described: Mapping[str, Any]) -> list[str]:
    """Read the names of the columns in the description, whatever their types are."""
    columns = described.get("columns") or ()
    names = [column.get("name") if isinstance(column, dict) else column for column in columns]
    return [name for name in names if isinstance(name, str) and name]


def read_refreshed_at(described: Mapping[str, Any]) -> datetime | None:
    """Read when the report was refreshed, UTC, from ISO 8601 or epoch milliseconds; None when it is not given.

    Raises:
        ServiceUnavailable: the value is not a time.
    """
    value = described.get("refreshedAt")
    if value is None or value == "":
        return None
    try:
        if milliseconds := _MILLISECONDS.fullmatch(value):
            return datetime.fromtimestamp(int(milliseconds[1]) / 1000, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ServiceUnavailable("WalkMe's refreshedAt is not an ISO 8601 time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def find_newest_day(described: Mapping[str, Any], now: datetime) -> date:
    """Find the last day that had ended at the refresh, or at the last usual refresh before `now` if none is given."""
    refreshed_at = read_refreshed_at(described) or now.astimezone(UTC) - USUAL_REFRESH
    return refreshed_at.date() - timedelta(days=1)


def build_version(described: Mapping[str, Any]) -> str:
    """Build a text that changes when the description shows a refresh or other declared columns."""
    info, refreshed_at = read_info(described), read_refreshed_at(described)
    columns = ",".join(f"{name}:{type_}" for name, type_ in sorted(info.columns.items()))
    return f"api:{TYPING_RULES}:{info.id}:{refreshed_at and refreshed_at.isoformat()}:{info.key_column}:{columns}"


def build_identity(described: Mapping[str, Any]) -> str:
    """See `ReportSource.identity`: it is the version, or a new identity each time if the refresh is not given."""
    version = build_version(described)
    return version if read_refreshed_at(described) else f"{version}:{secrets.token_hex(8)}"
