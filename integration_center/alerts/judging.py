"""Finds what is wrong with an integration, from its lines in the log. Pure: no clock, no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from integration_center.alerts.settings import Kind, Thresholds
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync import outcome_words
from integration_center.sync.outcomes import BROKEN, WRITTEN, Outcome, count_settled
from integration_center.wording.sentences import capitalize_first

BEFORE = 10
"""Runs before the last one that it is compared with, at most."""
ENOUGH = 3
"""Runs before the last one without which it is compared with none."""
FEW = 20
"""Rows or changes below which no comparison means anything."""
GRACE = timedelta(minutes=15)
"""How late a run may be before it is missed."""
NOT_ASKED = (
    *(Outcome.NO_KEY, Outcome.DUPLICATE_KEY, Outcome.SUPERSEDED),
    *(Outcome.FILTERED, Outcome.ROLLED_UP, Outcome.ABSENT),
)
NOT_FOUND = (Outcome.UNMATCHED, Outcome.AMBIGUOUS)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        sync: the run that shows it, if one does.
        advice: what to do.
        command: how to do it at a terminal.
    """

    kind: Kind
    text: str
    advice: str
    sync: SyncRecord | None = None
    command: str = ""


def judge_integration(
    spec: IntegrationSpec, history: Sequence[SyncRecord], thresholds: Thresholds, now: datetime, since: datetime
) -> list[Finding]:
    """Find what is wrong with an integration.

    Args:
        spec: the integration.
        history: its lines in the log, the newest first.
        thresholds: when a completed run is worth an alert.
        now: the time.
        since: since when its file is as it is. What was due before is not missed.
    """
    pushes = [sync for sync in history if is_push(sync)]
    missed = find_missed(spec, history, now, since)
    if not pushes:
        return missed
    if is_cured(pushes[0], history):
        return missed
    last, before = pushes[0], [sync for sync in pushes[1:] if sync.status is SyncStatus.COMPLETED][:BEFORE]
    if last.status is SyncStatus.WAITING:
        text = f"The plan of {last.partition_end} waits for approval: {say_counts(last)}."
        return [Finding(Kind.APPROVAL, text, "Approve or reject it within 24 hours.", last), *missed]
    if last.status is SyncStatus.FAILED:
        return [describe_failure(last), *missed]
    return [*judge_completed(last, before, thresholds), *missed]


def is_push(sync: SyncRecord) -> bool:
    """Whether a line shows how the integration is: an ended run that was to push."""
    return sync.status in {SyncStatus.COMPLETED, SyncStatus.FAILED, SyncStatus.WAITING} and sync.is_of_report


def is_cured(run: SyncRecord, history: Sequence[SyncRecord]) -> bool:
    """Whether the failed records of a run were tried again, and all of them were written or need no write any more."""
    sources = {run.run_id}
    for sync in reversed(history):  # the oldest first
        if sync.retries in sources:
            sources.add(sync.run_id)
            if sync.status is SyncStatus.COMPLETED:
                return not any(sync.rows.get(outcome) for outcome in BROKEN)
    return False


def describe_failure(sync: SyncRecord) -> Finding:
    """The kind of alert that a failed run is."""
    reason = sync.said.sentence if sync.said else "its log says why"
    text = f"The run of {sync.partition_end} failed: {reason}. {say_counts(sync)}".strip()
    if sync.held:
        command = f"Release it: integration-center release {sync.run_id[:8]}"
        return Finding(Kind.HELD, text, "Look at the plan, then release it within 24 hours.", sync, command)
    if sync.lines.get(Outcome.HELD):
        return Finding(Kind.HELD, text, "Correct what the reason names, and run the integration again.", sync)
    command = f"{capitalize_first(sync.said.remedy)}." if sync.said and sync.said.remedy else ""
    return Finding(Kind.FAILED, text, "Correct what the reason names, and run the integration again.", sync, command)


def judge_completed(last: SyncRecord, before: Sequence[SyncRecord], thresholds: Thresholds) -> list[Finding]:
    """Find what is unusual about a completed run."""
    found = []
    broken, settled = count_settled(last.rows)
    if broken and 100 * broken > thresholds.failed_rows * settled:
        share = 100 * broken / settled
        text = f"{broken:,} of {settled:,} rows ({share:.1f} %) were not written. {say_counts(last)}"
        advice = "The ledger says which, and why."
        found.append(Finding(Kind.FAILED_ROWS, text, advice, last))
    if len(before) < ENOUGH:
        return found
    rates = [rate for sync in before if (rate := find_match_rate(sync)) is not None]
    rate = find_match_rate(last)
    if rate is not None and len(rates) >= ENOUGH and median(rates) - rate > thresholds.match_rate_drop:
        text = f"{rate:.1f} % of the rows found a record; in the runs before it were {median(rates):.1f} %."
        found.append(Finding(Kind.MATCH_RATE, text, "Compare the key in the report and in Salesforce.", last))
    compared = (
        ("rows in the report", thresholds.rows_factor, count_rows(last), [count_rows(sync) for sync in before]),
        ("records changed", thresholds.changes_factor, count_written(last), [count_written(sync) for sync in before]),
    )
    for what, factor, count, counts in compared:
        usual = median(counts)
        fewer = what.startswith("rows") and count * factor < usual
        if max(count, usual) >= FEW and usual and (count > usual * factor or fewer):
            text = f"{count:,} {what}; in the runs before it were {usual:,.0f}."
            found.append(Finding(Kind.UNUSUAL, text, "Look whether the report is complete and right.", last))
            break
    return found


def find_match_rate(sync: SyncRecord) -> float | None:
    """The percent of the rows with a key that found a record; None without such rows."""
    rows = sync.rows
    asked = sum(count for outcome, count in rows.items() if outcome not in NOT_ASKED)
    found = asked - sum(rows.get(outcome, 0) for outcome in NOT_FOUND)
    return 100 * found / asked if asked else None


def count_rows(sync: SyncRecord) -> int:
    """The number of rows of the report."""
    return sum(sync.rows.values())


def count_written(sync: SyncRecord) -> int:
    """The number of records written."""
    return sync.count_lines(WRITTEN)


def find_missed(spec: IntegrationSpec, history: Sequence[SyncRecord], now: datetime, since: datetime) -> list[Finding]:
    """Find the run that was due and never came."""
    tick = spec.times.last(now - GRACE)
    if tick is None or tick < since:
        return []
    due = max(spec.times.deadline(tick), spec.times.quiet_until(tick) or tick)
    if now < due + GRACE or any(sync.started_at >= tick for sync in history):
        return []
    text = f"The run that was due at {due:%Y-%m-%d %H:%M} UTC never came."
    return [Finding(Kind.LATE, text, "Look whether Dagster's daemon runs.", command="Look: integration-center doctor")]


def say_counts(sync: SyncRecord) -> str:
    """`8 updated · 3 refused by a duplicate rule`: the report's rows by outcome, and why records were refused."""
    return outcome_words.say_counts(sync.rows, refused=sync.refused)
