"""Change records as people do in the org's own pages, and no REST or Bulk call does: merge, undelete, purge, convert.

Source: SOAP API Developer Guide, `merge()`, `undelete()`, `emptyRecycleBin()` and `convertLead()`.
"""

from collections.abc import Sequence

from salesforce_emulator.clock import stamp
from salesforce_emulator.org.org import Org

MERGEABLE = frozenset({"Account", "Contact", "Lead"})
MAX_LOSERS = 2


def merge_records(org: Org, sobject: str, master_id: str, loser_ids: Sequence[str]) -> None:
    """Merge up to two records into another one: they go to the recycle bin and name it as MasterRecordId.

    Raises:
        ValueError: the object is not merged, there are too many losers, or a record is not there.
    """
    if sobject not in MERGEABLE or not 0 < len(loser_ids) <= MAX_LOSERS or master_id in loser_ids:
        raise ValueError(f"merge takes one or {MAX_LOSERS} other records of {', '.join(sorted(MERGEABLE))}")
    _require(org, sobject, [master_id, *loser_ids], deleted=False)
    now = stamp(org.clock.now())
    with org.store.writing() as connection:
        connection.execute(f'UPDATE "{sobject}" SET SystemModstamp = ? WHERE Id = ?', (now, master_id))  # noqa: S608
        connection.executemany(
            f'UPDATE "{sobject}" SET IsDeleted = 1, MasterRecordId = ?, SystemModstamp = ? WHERE Id = ?',  # noqa: S608
            [(master_id, now, loser) for loser in loser_ids],
        )


def undelete_records(org: Org, sobject: str, ids: Sequence[str]) -> None:
    """Bring records back from the recycle bin.

    Raises:
        ValueError: one of them is not in it.
    """
    _require(org, sobject, ids, deleted=True)
    now = stamp(org.clock.now())
    with org.store.writing() as connection:
        connection.executemany(
            f'UPDATE "{sobject}" SET IsDeleted = 0, SystemModstamp = ? WHERE Id = ?',  # noqa: S608
            [(now, record_id) for record_id in ids],
        )


def purge_records(org: Org, sobject: str, ids: Sequence[str]) -> None:
    """Remove records for good, from the recycle bin or past it: queryAll no longer knows them."""
    with org.store.writing() as connection:
        connection.executemany(f'DELETE FROM "{sobject}" WHERE Id = ?', [(record_id,) for record_id in ids])  # noqa: S608


def convert_leads(org: Org, ids: Sequence[str]) -> None:
    """Convert Leads: they stay, and most users can edit them no more.

    Raises:
        ValueError: one of them is not there.
    """
    _require(org, "Lead", ids, deleted=False)
    now = stamp(org.clock.now())
    with org.store.writing() as connection:
        connection.executemany(
            'UPDATE "Lead" SET IsConverted = 1, ConvertedDate = ?, SystemModstamp = ? WHERE Id = ?',
            [(now[:10], now, record_id) for record_id in ids],
        )


def _require(org: Org, sobject: str, ids: Sequence[str], *, deleted: bool) -> None:
    for record_id in ids:
        record = org.store.record(sobject, record_id)
        if record is None or bool(record["IsDeleted"]) is not deleted:
            where = "in the recycle bin" if deleted else "there"
            raise ValueError(f"{sobject} {record_id} is not {where}")
