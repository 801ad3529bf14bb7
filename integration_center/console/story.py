"""The log of a run in our own sentences: one line a step with its time, problems marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from integration_center.console.results import Reason, judge, sentence, tone_of
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.pipeline.names import BY_USER
from integration_center.sync.outcome_words import say_counts, say_records
from integration_center.sync.outcomes import Outcome
from integration_center.wording.sentences import capitalize_first, count


@dataclass(frozen=True)
class Step:
    """One line.

    Attributes:
        at: UTC.
        tone: `danger` or `warning` for a problem; empty for a line that only says what happened.
    """

    at: datetime
    text: str
    tone: str = ""


def tell_story(sync: SyncRecord, reasons: Sequence[Reason], object_label: str) -> list[Step]:
    """Tell what a run did, as far as our own log knows it.

    Args:
        sync: the run.
        reasons: why records are in trouble, the most frequent first.
        object_label: what people call the object.
    """
    lines, rows = sync.lines, sync.rows
    org = f" in {sync.environment.title}" if sync.environment else ""
    steps = [Step(sync.started_at, f"{_say_start(sync)} It works on the data of {_say_days(sync)}.")]
    if sync.read_at and not sync.releases:  # the plan that a release sends was made by the run before
        whole = f"Read {count(sum(rows.values()), 'row')} of {sync.report}"
        part = f"Took {count(sum(lines.values()), 'record')} of the earlier run"
        compared = f"{whole if sync.is_of_report else part}, and compared them with {object_label}{org}."
        steps.append(Step(sync.read_at, compared))
    if sync.held and sync.read_at:
        steps.append(Step(sync.read_at, f"Held, so that nothing is sent: {sentence(sync.held)}", "warning"))
    if sync.applied_at:
        sent = _count_sent(lines)
        text = (
            f"Began to send {count(sent, 'record')} to Salesforce."
            if sent
            else "There was nothing to send to Salesforce."
        )
        steps.append(Step(sync.applied_at, text))
    if sync.ended_at:
        steps += _tell_end(sync, reasons, sync.ended_at)
    elif sync.status is SyncStatus.RUNNING and not sync.read_at:
        what = f"the report and {object_label}" if sync.is_of_report else object_label
        steps.append(Step(sync.started_at, f"Reads {what}{org} …"))
    return steps


def _tell_end(sync: SyncRecord, reasons: Sequence[Reason], at: datetime) -> list[Step]:
    result = judge(sync)
    steps = [
        Step(at, f"{say_records(reason.lines, reason.outcome)}: {sentence(reason.text)}", "warning")
        for reason in reasons
        if reason.outcome is not Outcome.HELD  # the reason of all of them is a step of its own, or the end
    ]
    if counted := say_counts(sync.lines):
        steps.append(Step(at, f"{counted}."))
    tone = tone_of(sync)
    text = " ".join(capitalize_first(part) for part in (result.headline, result.text) if part)
    steps.append(Step(at, text, tone if tone in ("danger", "warning") else ""))
    return steps


def _say_start(sync: SyncRecord) -> str:
    if sync.undoes:
        return "Started to undo an earlier run."
    if sync.retries:
        return "Started to try the failed records of an earlier run again."
    if sync.releases:
        return "Started to send the plan of an earlier run, which somebody released."
    if sync.triggered_by == "schedule":
        return "Started by the schedule."
    return "Started by hand." if sync.triggered_by == BY_USER else f"Started by {sync.triggered_by}."


def _say_days(sync: SyncRecord) -> str:
    if sync.partition_start == sync.partition_end:
        return f"{sync.partition_end}"
    return f"{sync.partition_start} to {sync.partition_end}"


def _count_sent(lines: Mapping[str, int]) -> int:
    sent = (Outcome.UPDATED, Outcome.OVERRIDDEN, Outcome.FAILED, Outcome.UNPROCESSED, Outcome.UNKNOWN)
    return sum(lines.get(outcome.value, 0) for outcome in sent)
