"""The outcomes of a line of the ledger, and how a row's outcome follows from its lines."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one line. Declared from best to worst: a row's outcome is its worst line."""

    UNCHANGED = "unchanged"
    UPDATED = "updated"
    OVERRIDDEN = "overridden"
    PLANNED = "planned"
    SUPERSEDED = "superseded"
    NO_KEY = "no_key"
    DUPLICATE_KEY = "duplicate_key"
    UNMATCHED = "unmatched"
    AMBIGUOUS = "ambiguous"
    INELIGIBLE = "ineligible"
    HELD = "held"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    FAILED = "failed"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


BROKEN = (Outcome.REJECTED, Outcome.CONFLICT, Outcome.FAILED, Outcome.UNPROCESSED, Outcome.UNKNOWN)
"""The outcomes that count against `limits.max_failed`."""

WRITTEN = (Outcome.UPDATED, Outcome.OVERRIDDEN)
"""The outcomes of records that Salesforce took, whether or not the org changed them again."""

MAY_BE_WRITTEN = (*WRITTEN, Outcome.UNKNOWN)
"""The outcomes of lines that the org holds, or may hold."""

SOUND = (*WRITTEN, Outcome.UNCHANGED)
"""The outcomes they are set against."""

APPLIED = (*SOUND, Outcome.PLANNED, Outcome.UNKNOWN)
"""The outcomes after which the org holds the row's values, or may hold them: older events must not replace these."""
