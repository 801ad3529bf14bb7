"""What each outcome is called for people: in the console, in alerts and on the terminal.

The name of an outcome (`duplicate_key`) stays in JSON, CSV and the ledger; everywhere else its words are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.refusals import say_refusal
from integration_center.wording.sentences import capitalize_first


@dataclass(frozen=True)
class Words:
    """How people read one outcome.

    Attributes:
        counted: follows a number of records: `485 not found in Salesforce`. Those that are not `calm` also follow
            "was" or "were".
        calm: whether a sound run has such records. All others need somebody to look.
        why: why a record without a reason of its own ended so. Empty where the outcome says all.
    """

    counted: str
    calm: bool = False
    why: str = ""


OUTCOME_WORDS: Mapping[Outcome, Words] = {
    Outcome.UNCHANGED: Words("already up to date", calm=True),
    Outcome.UPDATED: Words("updated", calm=True),
    Outcome.OVERRIDDEN: Words("changed again by the org"),
    Outcome.PLANNED: Words("to be updated", calm=True),
    Outcome.SUPERSEDED: Words("replaced by newer rows", calm=True),
    Outcome.FILTERED: Words("left out by the filter", calm=True, why="the row does not meet the filter"),
    Outcome.ROLLED_UP: Words("combined with other rows", calm=True),
    Outcome.ABSENT: Words("no longer in the report", calm=True),
    Outcome.NO_KEY: Words("without an identifier", calm=True, why="the row has no value in its key column"),
    Outcome.DUPLICATE_KEY: Words("repeated", calm=True),
    Outcome.UNMATCHED: Words("not found in Salesforce", calm=True, why="no record has this key"),
    Outcome.AMBIGUOUS: Words("matched too often", calm=True),
    Outcome.INELIGIBLE: Words("cannot be edited", calm=True),
    Outcome.HELD: Words("held"),
    Outcome.REJECTED: Words("not sent, because a value does not fit"),
    Outcome.CONFLICT: Words("left alone, because somebody changed them meanwhile"),
    Outcome.FAILED: Words("refused"),
    Outcome.UNPROCESSED: Words("not reached before the push stopped"),
    Outcome.UNKNOWN: Words("without a known result"),
}
"""The words of every outcome. A new outcome needs its words here; a test holds that none is missing."""

NOT_KNOWN: Mapping[str, int] = {}

TROUBLED: Sequence[Outcome] = tuple(outcome for outcome in reversed(Outcome) if not OUTCOME_WORDS[outcome].calm)
"""The outcomes of records that somebody has to look at, the worst first."""

SAID_FIRST = (*WRITTEN, Outcome.PLANNED, Outcome.UNCHANGED, Outcome.UNMATCHED)
"""What a list of counts begins with: what became, or would become, of records in Salesforce, and who is missing there.
"""


def order_counts(counts: Mapping[str, int]) -> list[tuple[Outcome, int]]:
    """Order the outcomes that occur as a person reads them: what was written first, what is in trouble last."""
    calm = [outcome for outcome in Outcome if outcome not in (*SAID_FIRST, *TROUBLED)]
    order = dict.fromkeys([*SAID_FIRST, *calm, *reversed(TROUBLED)])
    return [(outcome, counts[outcome.value]) for outcome in order if counts.get(outcome.value)]


def say_counts(counts: Mapping[str, int], between: str = " · ", refused: Mapping[str, int] = NOT_KNOWN) -> str:
    """Say how many records there are of each outcome: `4,363 updated · 485 not found in Salesforce · 3 refused`.

    Args:
        counts: records, or rows, by outcome.
        between: what separates the outcomes.
        refused: the refused records by Salesforce's code, to say why; see `say_refusal`.
    """
    return between.join(
        f"{count:,} {OUTCOME_WORDS[outcome].counted}{say_refusal(refused) if outcome is Outcome.FAILED else ''}"
        for outcome, count in order_counts(counts)
    )


def say_records(count: int, outcome: Outcome) -> str:
    """Say what happened to records in trouble, in a clause: `3 records were refused`."""
    subject = "1 record was" if count == 1 else f"{count:,} records were"
    return f"{subject} {OUTCOME_WORDS[outcome].counted}"


def title_outcome(outcome: Outcome) -> str:
    """Return the words of an outcome as a heading: `Not found in Salesforce`."""
    return capitalize_first(OUTCOME_WORDS[outcome].counted)
