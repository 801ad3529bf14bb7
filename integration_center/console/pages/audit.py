"""The audit log, for operators: narrowed by person, action, integration and day, and as a CSV file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

import polars as pl
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from integration_center.access.audit import Action, AuditEntry, AuditLog
from integration_center.access.users import Role
from integration_center.console.naming import find_names, find_runs
from integration_center.console.shell.context import console_of
from integration_center.console.shell.page import Link, Page, read_page, view
from integration_center.console.shell.rendering import attach, render
from integration_center.sync.ledger import to_csv_safe

PAGE_LENGTH = 100
CSV_LENGTH = 5_000
"""Entries that are in memory at once while the CSV file is sent."""
CSV_COLUMNS = {
    "at": pl.Datetime("us", "UTC"),
    "who": pl.String(),
    "from": pl.String(),
    "action": pl.String(),
    "environment": pl.String(),
    "org_id": pl.String(),
    "integration": pl.String(),
    "run_id": pl.String(),
    "detail": pl.String(),
    "times": pl.Int64(),
}


@dataclass(frozen=True)
class AuditQuery:
    """Which entries somebody asks for.

    Attributes:
        who: a part of the person's name; empty for all.
        action: None for all.
        slug: the integration; empty for all.
        first: the first day, UTC.
        last: the last day, UTC.
    """

    who: str = ""
    action: Action | None = None
    slug: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def address(self) -> str:
        """The query of the page's address; empty when all entries are asked for."""
        said = {
            "who": self.who,
            "action": self.action or "",
            "integration": self.slug,
            "from": self.first or "",
            "until": self.last or "",
        }
        return urlencode({name: value for name, value in said.items() if value})

    def find(self, audit: AuditLog, limit: int, offset: int, now: datetime | None = None) -> Sequence[AuditEntry]:
        """Find the entries, the newest first; with `now`, only those that were there at that time."""
        end = _begin(self.last + timedelta(days=1)) if self.last and self.last < date.max else None
        return audit.list(
            limit=limit,
            offset=offset,
            slug=self.slug or None,
            actions=[self.action] if self.action else None,
            who=self.who,
            since=_begin(self.first) if self.first else None,
            before=min((moment for moment in (end, now) if moment), default=None),
        )


def show_audit(request: Request) -> Response:
    """Who did what, the newest first, a page at a time."""
    number = read_page(request)
    console, query = console_of(request), read_query(request)
    audit = console.installation.audit
    entries = query.find(audit, PAGE_LENGTH + 1, (number - 1) * PAGE_LENGTH)
    listed, shown = console.defs.list(), {entry.slug for entry in entries if entry.detail}
    files = {file.slug: file.title for file in listed}
    slugs = {*audit.list_slugs(), *([query.slug] if query.slug else [])}
    values = {
        "entries": entries[:PAGE_LENGTH],
        "number": number,
        "more": len(entries) > PAGE_LENGTH,
        "query": query,
        "base": f"/audit?{query.address}{'&' if query.address else ''}",
        "csv": f"/audit.csv{'?' if query.address else ''}{query.address}",
        "actions": sorted(Action),
        "names": files,
        "labelled": replace(
            find_names(console, [each.spec for each in listed if each.spec and each.slug in shown], patience=0),
            runs=find_runs(console, [entry.detail for entry in entries if entry.detail]),
        ),
        "integrations": sorted((files.get(slug, f"{slug} (deleted)"), slug) for slug in slugs),
    }
    return render(request, "audit.html", values)


def download_audit(request: Request) -> Response:
    """The entries that the page shows, of all its pages, as CSV."""
    console = console_of(request)
    lines = stream_csv(console.installation.audit, read_query(request), console.now())
    return StreamingResponse(lines, media_type="text/csv", headers=attach(f"audit-{console.now():%Y-%m-%d}.csv"))


def stream_csv(audit: AuditLog, query: AuditQuery, now: datetime) -> Iterator[str]:
    """The entries until `now` as CSV that no spreadsheet runs as formulas, in parts, so that none is held whole."""
    yield to_csv_safe(pl.DataFrame(schema=CSV_COLUMNS)).write_csv()
    offset = 0
    while entries := query.find(audit, CSV_LENGTH, offset, now):
        rows = [
            (
                *(each.at, each.who, each.where, each.action.value),
                *(each.environment.value if each.environment else None, each.org_id),
                *(each.slug, each.run_id, each.detail, each.times),
            )
            for each in entries
        ]
        part = pl.DataFrame(rows, schema=CSV_COLUMNS, orient="row")
        yield to_csv_safe(part).write_csv(include_header=False)
        offset += CSV_LENGTH


def read_query(request: Request) -> AuditQuery:
    """Which entries the address asks for; what it cannot mean is passed over."""
    asked = request.query_params
    action = asked.get("action", "")
    return AuditQuery(
        who=asked.get("who", "").strip()[:255],
        action=Action(action) if action in set(Action) else None,
        slug=asked.get("integration", "")[:255],
        first=_read_day(asked.get("from", "")),
        last=_read_day(asked.get("until", "")),
    )


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


PAGE = Page(
    nav=(Link("Audit", "/audit", Role.OPERATOR),),
    routes=(
        view("/audit", show_audit, role=Role.OPERATOR),
        view("/audit.csv", download_audit, role=Role.OPERATOR),
    ),
)
