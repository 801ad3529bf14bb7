"""What the API says about one report, read leniently: WalkMe's APIs stray from their own descriptions."""

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
"""After midnight UTC, when WalkMe begins to refresh all reports."""

_COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
_MILLISECONDS = re.compile(r"(\d{12,14})(?:\.\d+)?")


def read_info(entry: Any) -> ReportInfo:
    """The report that `entry` of a list, or a description, is about.

    Raises:
        ServiceUnavailable: it has no id or no name.
    """
    if not isinstance(entry, dict):
        raise ServiceUnavailable("WalkMe listed a report that is no object")
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
    """The names of the columns that the description lists, whatever it says of their types."""
    columns = described.get("columns") or ()
    names = [column.get("name") if isinstance(column, dict) else column for column in columns]
    return [name for name in names if isinstance(name, str) and name]


def read_refreshed_at(described: Mapping[str, Any]) -> datetime | None:
    """When the report was refreshed, UTC, from ISO 8601 or epoch milliseconds; None when it is not told.

    Raises:
        ServiceUnavailable: what is told is no time.
    """
    value = described.get("refreshedAt")
    if value is None or value == "":
        return None
    try:
        if milliseconds := _MILLISECONDS.fullmatch(value):
            return datetime.fromtimestamp(int(milliseconds[1]) / 1000, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ServiceUnavailable("WalkMe's refreshedAt is no ISO 8601 time") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def find_newest_day(described: Mapping[str, Any], now: datetime) -> date:
    """The last day that had ended at the refresh; where that is not told, at the last usual one before `now`."""
    refreshed_at = read_refreshed_at(described) or now.astimezone(UTC) - USUAL_REFRESH
    return refreshed_at.date() - timedelta(days=1)


def build_version(described: Mapping[str, Any]) -> str:
    """What changes whenever the report is refreshed or described otherwise, as far as the description tells."""
    info, refreshed_at = read_info(described), read_refreshed_at(described)
    columns = ",".join(f"{name}:{type_}" for name, type_ in sorted(info.columns.items()))
    return f"api:{TYPING_RULES}:{info.id}:{refreshed_at and refreshed_at.isoformat()}:{info.key_column}:{columns}"


def build_identity(described: Mapping[str, Any]) -> str:
    """See `ReportSource.identity`: the version; another one each time when the refresh is not told."""
    version = build_version(described)
    return version if read_refreshed_at(described) else f"{version}:{secrets.token_hex(8)}"
