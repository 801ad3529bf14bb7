"""Print the result of a sync: counts by outcome, and a sample of records before and after."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

import typer

from integration_center.cli.output import console, print_json, show
from integration_center.database.sync_records import Counts, SyncRecord, SyncStatus
from integration_center.database.waiting import WaitingDay
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.outcome_words import TROUBLED, say_records, title_outcome
from integration_center.sync.outcomes import Outcome
from integration_center.wording.sentences import count

MOST_TROUBLES = 5


def name_days(days: tuple[date, date]) -> str:
    """Write the days of a sync: `2026-11-22`, or `2026-11-20..2026-11-22`."""
    return f"{days[0]}" if days[0] == days[1] else f"{days[0]}..{days[1]}"


def read_troubles(installation: Installation, sync: SyncRecord) -> Sequence[str]:
    """List the reasons why records of a sync are in trouble, the most frequent first. Empty when there is none."""
    if not sync.count_lines(TROUBLED):
        return ()
    from integration_center.console.ledger import read_reasons  # most syncs need none of it

    reasons = read_reasons(installation, sync)
    said = [f"{say_records(reason.lines, reason.outcome)}: {reason.text}" for reason in reasons[:MOST_TROUBLES]]
    left = len(reasons) - MOST_TROUBLES
    return said if left <= 0 else [*said, f"more reasons: {left}; see integration-center ledger {sync.run_id}"]


def finish(
    sync: SyncRecord,
    sample: list[dict[str, Any]],
    *,
    as_json: bool,
    troubles: Sequence[str] = (),
    notes: Sequence[str] = (),
    fires: dict[str, Any] | None = None,
) -> None:
    """Print a sync's result; exit 1 when it failed, and 130 when Ctrl-C or a signal stopped it.

    Args:
        sync: the line of the log.
        sample: some records before and after.
        as_json: print JSON for programs.
        troubles: why records are in trouble, for people; see `read_troubles`.
        notes: what was found about the report; one sentence each.
        fires: what fires in the org, for JSON.
    """
    if as_json:
        print_json({**describe(sync), "sample": sample, "notes": [*notes], **({"fires": fires} if fires else {})})
    else:
        print_result(sync, sample, troubles, notes)
    if sync.status is SyncStatus.FAILED:
        from integration_center.pipeline.runs.run_endings import INTERRUPTED  # the log needs none of Dagster

        raise typer.Exit(130 if sync.error == INTERRUPTED else 1)


def print_result(
    sync: SyncRecord, sample: list[dict[str, Any]], troubles: Sequence[str] = (), notes: Sequence[str] = ()
) -> None:
    """Print the status, counts, reasons of trouble, notes about the report, and sample, for people."""
    from rich.markup import escape  # JSON needs none of Rich

    colour = {SyncStatus.FAILED: "red", SyncStatus.WAITING: "yellow"}.get(sync.status, "green")
    console.print(
        f"[bold {colour}]{sync.status.value}[/]  {escape(sync.slug)}  {sync.partition_end}  run {sync.run_id}"
    )
    if sync.error:
        console.print(sync.error, markup=False, soft_wrap=True)
    print_counts(sync.counts)
    for trouble in troubles:
        console.print(f"- {trouble}", markup=False, soft_wrap=True)
    for note in notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    print_sample(sample)
    console.print(f"{count(sync.api_calls, 'API call')}, {show(sync.runtime)}", markup=False)


def print_counts(tally: Counts) -> None:
    """Print the rows of the report and the records of the org by outcome, with their sums."""
    from rich.table import Table

    counts = Table("Outcome", box=None, pad_edge=False, header_style="bold")
    counts.add_column("Rows", justify="right")
    counts.add_column("Records", justify="right")
    rows, lines = tally.get("rows", {}), tally.get("lines", {})
    for outcome in Outcome:
        if rows.get(outcome, 0) or lines.get(outcome, 0):
            counts.add_row(title_outcome(outcome), f"{rows.get(outcome, 0):,}", f"{lines.get(outcome, 0):,}")
    if counts.row_count:
        counts.add_row("In all", f"{sum(rows.values()):,}", f"{sum(lines.values()):,}", style="bold")
        console.print(counts)


def print_sample(sample: list[dict[str, Any]]) -> None:
    """Print a table of values before and after."""
    if not sample:
        return
    from rich.markup import escape
    from rich.table import Table

    console.print("[bold]Before and after[/]")
    for (record_id, key), changes in groupby(sample, lambda change: (change["record_id"], change["key"])):
        console.print(f"{record_id}  {key}", markup=False)
        table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
        for change in changes:
            before, after = (escape(show(change[side])) or "(empty)" for side in ("before", "after"))
            now = [f"changed by the org to {escape(show(change['holds'])) or '(empty)'}"] if "holds" in change else []
            table.add_row(escape(show(change["field"])), before, "→", after, *now)
        console.print(table)


def describe(sync: SyncRecord) -> dict[str, Any]:
    """Return a line of the log as values for JSON."""
    return {
        "run_id": sync.run_id,
        "slug": sync.slug,
        "report": sync.report,
        "object": sync.object,
        "environment": sync.environment.value if sync.environment else None,
        "partition": name_days((sync.partition_start, sync.partition_end)),
        "status": sync.status.value,
        "start": sync.started_at,
        "end": sync.ended_at,
        "runtime_seconds": sync.runtime.total_seconds() if sync.runtime else None,
        "rows": dict(sync.rows),
        "lines": dict(sync.lines),
        "refused": dict(sync.refused),
        "api_calls": sync.api_calls,
        "plan_id": sync.plan_id,
        "held": sync.held,
        "error": sync.error,
        "triggered_by": sync.triggered_by,
    }


def describe_wait(wait: WaitingDay, spec: IntegrationSpec) -> dict[str, Any]:
    """Return a line of the log for a day whose run waits for its report, as values for JSON."""
    return {
        "run_id": None,
        "slug": wait.slug,
        "report": spec.report,
        "object": spec.object,
        "environment": spec.environment.value,
        "partition": wait.day.isoformat(),
        "status": "Waiting",
        "start": wait.since,
        "end": None,
        "runtime_seconds": None,
        "rows": {},
        "lines": {},
        "refused": {},
        "api_calls": 0,
        "plan_id": None,
        "held": None,
        "error": wait.say(spec.times.say),
        "triggered_by": "schedule",
    }
