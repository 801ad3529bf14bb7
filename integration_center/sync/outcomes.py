"""The outcomes of a ledger line, and how a row's outcome follows from its lines."""

from collections.abc import Mapping
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one line. Declared from best to worst: a row's outcome is that of its worst line.

    The text below each outcome says what it means, then what to do. The reference documentation is made from it.
    """

    UNCHANGED = "unchanged"
    """The org holds the value already.

    Nothing to do. With the reason `org_overrides`, a flow in the org changes the value back each time: correct the
    flow, or remove the mapping.
    """
    UPDATED = "updated"
    """The record was written.

    Nothing to do.
    """
    OVERRIDDEN = "overridden"
    """The record was written, and right after the push the org held something else: a flow, a trigger or another user
    changed it again. `reason` names the fields, and `holds.<field>` has what the org held.

    Look at the flow. The value is sent once more, then left alone (`org_overrides`).
    """
    PLANNED = "planned"
    """The record would be written. Nothing was sent.

    Run the integration.
    """
    SUPERSEDED = "superseded"
    """A newer day (snapshot) or a newer row of the same key (events) is used, or was applied before.

    Nothing to do.
    """
    FILTERED = "filtered"
    """The row does not meet the integration's `filter`.

    Nothing to do.
    """
    ROLLED_UP = "rolled_up"
    """The row is part of a value that is made of all rows with its key (`rows: all`). `reason` names the row that has
    the value's line.

    Nothing to do.
    """
    ABSENT = "absent"
    """An earlier sync of the integration wrote the record, and its person is no longer in the report. The line belongs
    to no row.

    Nothing to do, or say with `when_absent` what to write.
    """
    NO_KEY = "no_key"
    """The key is empty.

    Find out why WalkMe has no identifier for this end user.
    """
    DUPLICATE_KEY = "duplicate_key"
    """Another row with this key is used; or the rows with this key differ, and none of them is used.

    Set `latest_by`, or correct the report.
    """
    UNMATCHED = "unmatched"
    """No record has this key.

    Usual for visitors who are not in Salesforce. Otherwise compare the key in both systems.
    """
    AMBIGUOUS = "ambiguous"
    """More records than allowed have this key.

    Merge the records, or raise `max_matches`.
    """
    INELIGIBLE = "ineligible"
    """The record is a converted Lead, and the connected user lacks View and Edit Converted Leads.

    Nothing to do, or grant the permission.
    """
    HELD = "held"
    """A limit stopped the push, or the mapping does not fit.

    Read the reason, correct the data or the limit, and run again.
    """
    REJECTED = "rejected"
    """The value does not fit the field. This was found before anything was sent.

    Correct the value, widen the field, or set `truncate` or `on_unfit` of the field.
    """
    CONFLICT = "conflict"
    """A key field or mapped field of the record changed after the plan was made. The record was left alone.

    Look at the record. After a sync, run again: the new run makes a new plan.
    """
    FAILED = "failed"
    """Salesforce refused the record. Its code, message and fields are in the ledger.

    Correct what the code names, and run again. For `DUPLICATES_DETECTED`, see `duplicate_rules`.
    """
    UNPROCESSED = "unprocessed"
    """The record was not sent, or Salesforce did not reach it. This is proven.

    Run again.
    """
    UNKNOWN = "unknown"
    """The record was sent, and its result cannot be found out.

    Run again: the new run reads the org first.
    """


BROKEN = (Outcome.REJECTED, Outcome.CONFLICT, Outcome.FAILED, Outcome.UNPROCESSED, Outcome.UNKNOWN)
"""The outcomes that count against `limits.max_failed`."""

WRITTEN = (Outcome.UPDATED, Outcome.OVERRIDDEN)
"""The outcomes of lines that Salesforce accepted, whether or not the org changed the record again."""

MAY_BE_WRITTEN = (*WRITTEN, Outcome.UNKNOWN)
"""The outcomes of lines that were written, or may have been."""

SOUND = (*WRITTEN, Outcome.UNCHANGED)
"""The outcomes of lines that went well. `limits.max_failed` compares `BROKEN` with `BROKEN` and `SOUND` together."""


def count_settled(counts: Mapping[str, int]) -> tuple[int, int]:
    """Count what went wrong, and all that `limits.max_failed` compares it with.

    Args:
        counts: lines, or rows, by outcome.
    """
    broken, sound = (sum(counts.get(outcome, 0) for outcome in outcomes) for outcomes in (BROKEN, SOUND))
    return broken, broken + sound


APPLIED = (*SOUND, Outcome.PLANNED, Outcome.UNKNOWN)
"""The outcomes after which the org holds the row's values, or may hold them. Older events must not replace them."""
