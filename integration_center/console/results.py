"""What a run came to, in a colour and in sentences: a failure never looks like a success."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.sync.outcomes import BROKEN, Outcome

ResultTone = Literal["success", "warning", "danger", "info"]

CALM = frozenset(
    {
        Outcome.UNCHANGED,
        Outcome.UPDATED,
        Outcome.PLANNED,
        Outcome.SUPERSEDED,
        Outcome.FILTERED,
        Outcome.ROLLED_UP,
        Outcome.ABSENT,
        Outcome.NO_KEY,
        Outcome.DUPLICATE_KEY,
        Outcome.UNMATCHED,
        Outcome.AMBIGUOUS,
        Outcome.INELIGIBLE,
    }
) - frozenset(BROKEN)
"""Outcomes that a sound run has."""
TROUBLED: Sequence[Outcome] = tuple(outcome for outcome in reversed(Outcome) if outcome not in CALM)
"""All others, the worst first: somebody has to look at these lines."""
WORDS: Mapping[str, str] = {
    "failed": "refused by Salesforce",
    "rejected": "not sent, because a value does not fit",
    "conflict": "left alone, because somebody changed them meanwhile",
    "unprocessed": "not processed by Salesforce",
    "unknown": "of unknown end",
    "held": "held",
    "overridden": "changed again by the org",
}
"""Outcomes in a sentence; another one speaks for itself."""


@dataclass(frozen=True)
class Reason:
    """Why lines ended as they did, and how many."""

    outcome: Outcome
    text: str
    lines: int


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        text: sentences, the worst first.
    """

    tone: ResultTone
    text: str


def count_troubled(sync: SyncRecord) -> dict[Outcome, int]:
    """Count the lines that somebody has to look at by outcome, the worst first."""
    lines = sync.counts.get("lines", {})
    return {outcome: lines[outcome] for outcome in TROUBLED if lines.get(outcome)}


def tone_of(sync: SyncRecord) -> ResultTone:
    """The colour of a run: success only when it has ended well, with every line as it should be."""
    if sync.status is SyncStatus.FAILED:
        return "danger"
    if sync.status is SyncStatus.RUNNING:
        return "info"
    if sync.error or count_troubled(sync):
        return "warning"
    return "info" if sync.status is SyncStatus.PLANNED else "success"


def say_why(sync: SyncRecord, reasons: Sequence[Reason] = ()) -> str:
    """Say why a run needs a look: the sentence of its line, and what happened to lines in trouble. Empty if it is fine.

    Args:
        sync: the run.
        reasons: why lines are in trouble, the most frequent first, as far as they are known.
    """
    said = [sync.error or "", say_troubled(sync, reasons)]
    return " ".join(sentence(text) for text in said if text)


def say_troubled(sync: SyncRecord, reasons: Sequence[Reason] = ()) -> str:
    """`3 refused by Salesforce: Score needs a manager's approval`; empty when no line is in trouble."""
    parts = []
    for outcome, lines in count_troubled(sync).items():
        why = next((reason.text for reason in reasons if reason.outcome is outcome), "").rstrip(".")
        known = why and why in (sync.error or "")
        parts.append(f"{lines:,} {say_outcome(outcome)}{f': {why}' if why and not known else ''}")
    return "; ".join(parts)


def say_outcome(outcome: Outcome) -> str:
    """An outcome as a sentence says it."""
    return WORDS.get(outcome.value, outcome.value.replace("_", " "))


def judge(sync: SyncRecord, reasons: Sequence[Reason] = ()) -> Result:
    """Say what an ended run came to.

    Args:
        sync: its line in the log.
        reasons: why lines are in trouble, the most frequent first.
    """
    updated = sync.counts.get("lines", {}).get(Outcome.UPDATED, 0)
    troubled = say_troubled(sync, reasons)
    counted = ", ".join(part for part in (f"{updated:,} updated" if updated else "", troubled) if part)
    said = [sentence(sync.error)] if sync.error else []
    if sync.status is SyncStatus.FAILED:
        said = said or ["The run failed."]
    elif sync.status is SyncStatus.WAITING:
        said = ["The plan waits for approval. Nothing was sent to Salesforce."]
    elif sync.status is SyncStatus.PLANNED:
        said.append("This is the plan. Nothing was sent to Salesforce.")
    elif not said and not troubled:
        said.append(_say_completed(sync, updated))
    if troubled:
        said.append(sentence(counted))
    return Result(tone_of(sync), " ".join(said))


def _say_completed(sync: SyncRecord, updated: int) -> str:
    """A run in which nothing went wrong."""
    if updated:
        return "The run is completed."
    if sync.counts.get("lines", {}).get(Outcome.UNCHANGED):
        return "The run is completed. Everything was already right, so nothing was written."
    return "The run is completed. Nothing was written."


def sentence(text: str) -> str:
    """`text` with a full stop. Its first letter stays: the style sheet shows it large."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
