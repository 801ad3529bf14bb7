"""What a run came to, in a colour and in sentences: a failure never looks like a success."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from integration_center.access.audit import Action, AuditEntry
from integration_center.console.plain_words import make_plain, say_on_page
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.pipeline.runs.run_endings import BY_PEOPLE
from integration_center.sync.outcome_words import OUTCOME_WORDS, TROUBLED, say_records
from integration_center.sync.outcomes import Outcome
from integration_center.wording.sentences import capitalize_first, count

ResultTone = Literal["success", "warning", "danger", "info"]


@dataclass(frozen=True)
class Reason:
    """Why records ended as they did, and how many.

    Attributes:
        text: for people, with a number or an id left out where it differs from record to record.
        lines: how many records.
        key: what `group_reason` makes of the reason, by which a ledger can be narrowed to these records.
    """

    outcome: Outcome
    text: str
    lines: int
    key: str = ""


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        headline: the one sentence that answers whether all is well.
        text: more sentences, the worst first; empty when the headline says all.
    """

    tone: ResultTone
    headline: str
    text: str = ""


def count_troubled(sync: SyncRecord) -> dict[Outcome, int]:
    """Count the records that somebody has to look at by outcome, the worst first."""
    lines = sync.lines
    return {outcome: lines[outcome] for outcome in TROUBLED if lines.get(outcome)}


def tone_of(sync: SyncRecord) -> ResultTone:
    """The colour of a run: success only when it has ended well, with every record as it should be."""
    if sync.status is SyncStatus.FAILED:
        return "warning" if sync.held or is_cancelled(sync) else "danger"
    if sync.status is SyncStatus.WAITING:
        return "warning"
    if sync.status is SyncStatus.RUNNING:
        return "info"
    if sync.said or count_troubled(sync):
        return "warning"
    return "info" if sync.status is SyncStatus.PLANNED else "success"


def say_status(sync: SyncRecord) -> str:
    """Name the status of a run; one that a limit or a person stopped asks for another step than a failure."""
    if sync.status is not SyncStatus.FAILED:
        return sync.status.value
    return "Held" if sync.held else "Cancelled" if is_cancelled(sync) else sync.status.value


def is_cancelled(sync: SyncRecord) -> bool:
    """Whether a person ended the run."""
    return bool(sync.said and sync.said.sentence.startswith(BY_PEOPLE))


def name_run(name: str, sync: SyncRecord | None, entry: AuditEntry | None) -> str:
    """Say what a run is, as its page is headed: `Undo of Logins to Leads`.

    Args:
        name: of its integration.
        sync: its line in the log; None before there is one.
        entry: its entry in the audit log, which is there first; None when it has none.
    """
    acted = entry.action if entry else None
    if sync.undoes if sync else acted is Action.UNDID:
        return f"Undo of {name}"
    if sync.retries if sync else acted is Action.RETRIED:
        return f"{name}: {say_retry(sync)}"
    return f"Run of {name}"


def say_retry(sync: SyncRecord | None) -> str:
    """Say what a retry did: `tried 3 failed records again`."""
    tried = sum(sync.lines.values()) if sync else 0
    return f"tried {count(tried, 'failed record')} again" if tried else "tries failed records again"


def say_why(sync: SyncRecord, reasons: Sequence[Reason] = ()) -> str:
    """Say why a run needs a look: the sentence of its log entry, and what happened to records in trouble.

    Args:
        sync: the run.
        reasons: why records are in trouble, the most frequent first, as far as they are known.

    Returns:
        Sentences; empty if the run is fine.
    """
    said = [say_on_page(sync.said), say_troubled(sync, reasons)]
    return " ".join(sentence(text) for text in said if text)


def say_troubled(sync: SyncRecord, reasons: Sequence[Reason] = ()) -> str:
    """`3 records were refused: Score needs a manager's approval`; empty when no record is in trouble."""
    parts = []
    for outcome, lines in count_troubled(sync).items():
        why = next((reason.text for reason in reasons if reason.outcome is outcome), "").rstrip(".")
        known = why and why in say_on_page(sync.said)
        parts.append(f"{say_records(lines, outcome)}{f': {why}' if why and not known else ''}")
    return "; ".join(parts)


def judge(sync: SyncRecord) -> Result:
    """Say what an ended run came to."""
    troubled = [say_records(lines, outcome) for outcome, lines in count_troubled(sync).items()]
    clauses = " and ".join(troubled)
    error = sentence(say_on_page(sync.said)) if sync.said else ""
    tone = tone_of(sync)
    if sync.status is SyncStatus.FAILED:
        if sync.held:
            return Result(tone, "Held: nothing was sent to Salesforce.", sentence(sync.held))
        rest = " and ".join(
            say_records(lines, outcome)
            for outcome, lines in count_troubled(sync).items()
            if f"{lines:,} {OUTCOME_WORDS[outcome].counted}" not in error
        )
        if is_cancelled(sync):
            return Result(tone, capitalize_first(error), sentence(rest) if rest else "")
        said = " ".join(part for part in (error, sentence(rest) if rest else "") if part)
        return Result(tone, "The run failed.", said)
    if sync.status is SyncStatus.WAITING:
        return Result(tone, "The plan waits for approval. Nothing was sent to Salesforce.", error)
    if sync.status is SyncStatus.PLANNED:
        text = " ".join(part for part in (error, sentence(clauses) if clauses else "") if part)
        return Result(tone, _say_planned(sync), text)
    if clauses:
        return Result(tone, f"Completed, {clauses}.", error)
    return Result(tone, "Completed, but look at this:" if error else _say_completed(sync), error)


def _say_planned(sync: SyncRecord) -> str:
    planned = sync.lines.get(Outcome.PLANNED, 0)
    would = "1 record would be updated" if planned == 1 else f"{planned:,} records would be updated"
    return f"This is a plan: {would if planned else 'no record would be updated'}. Nothing was sent to Salesforce."


def _say_completed(sync: SyncRecord) -> str:
    """A run in which nothing went wrong."""
    lines = sync.lines
    if updated := lines.get(Outcome.UPDATED, 0):
        return f"Completed: {say_records(updated, Outcome.UPDATED)}."
    if lines.get(Outcome.UNCHANGED):
        return "Everything was already up to date."
    return "Completed: there was nothing to write."


def sentence(text: str) -> str:
    """`text` with a full stop, without folders. Its first letter stays: the style sheet shows it large."""
    text = make_plain(text)
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
