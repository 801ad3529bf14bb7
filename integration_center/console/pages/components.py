"""The page that shows every component of the console in each of its states."""

from collections.abc import Mapping
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.users import Role
from integration_center.console.attention import Attention
from integration_center.console.naming import Names
from integration_center.console.picture import draw
from integration_center.console.run_chart import draw_runs
from integration_center.console.shell.context import console_of
from integration_center.console.shell.page import Page, view
from integration_center.console.shell.rendering import render
from integration_center.database.sync_records import SyncPicture, SyncRecord, SyncStatus
from integration_center.integration.spec import Environment
from integration_center.sync.outcomes import Outcome

COUNTS: Mapping[str, int] = {outcome.value: 4_363 for outcome in Outcome}
"""Every outcome, with a count of usual length: the longest words are to fit a telephone."""
STATES: tuple[tuple[SyncStatus, Mapping[str, int], str | None], ...] = (
    (SyncStatus.COMPLETED, {"updated": 40, "unchanged": 20, "unmatched": 5}, None),
    (SyncStatus.COMPLETED, {"updated": 30, "unchanged": 10, "failed": 3}, None),
    (SyncStatus.FAILED, {}, None),
    (SyncStatus.FAILED, {"held": 50, "unchanged": 2}, "96 % of the records would change; at most 20 % may"),
    (SyncStatus.PLANNED, {"planned": 12}, None),
    (SyncStatus.RUNNING, {}, None),
)


def show_components(request: Request) -> Response:
    """All components."""
    now = console_of(request).now()
    runs = [
        SyncRecord(
            run_id=f"run-{number}",
            slug="example",
            name="Example",
            environment=Environment.SANDBOX,
            org_id=None,
            report="Logins",
            object="Lead",
            partition_start=date(2026, 1, 1),
            partition_end=date(2026, 1, 1),
            status=status,
            started_at=now - timedelta(hours=3 * number, minutes=12),
            ended_at=None if status is SyncStatus.RUNNING else now - timedelta(hours=3 * number),
            counts={"lines": counts, "rows": counts},
            plan_id=None,
            applied_at=None,
            read_at=None,
            describe_hash=None,
            held=held,
            said=None,
            api_calls=4,
            triggered_by="schedule",
        )
        for number, (status, counts, held) in enumerate(STATES)
    ]
    attention = [
        Attention("danger", "Sandbox is not connected. 3 integrations will fail.", href="/accounts", says="Connect"),
        Attention(
            "warning", "3 records were refused.", "Logins to Leads", "/components", runs[1], "/components", "See them"
        ),
    ]
    pictures = [SyncPicture(SyncStatus.COMPLETED, 10 * number, number % 5) for number in range(20)]
    values = {
        "runs": runs,
        "counts": COUNTS,
        "attention": attention,
        "names": Names(),
        "picture": draw(pictures),
        "chart": draw_runs("example", runs),
        "now": now,
    }
    return render(request, "components.html", values)


PAGE = Page(routes=(view("/components", show_components, role=Role.OPERATOR),))
