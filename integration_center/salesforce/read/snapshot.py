"""What was read of an object the last time, and whether the changes since then are enough to bring it up to date.

Rows of an org carry SystemModstamp, its own time of their last change (Object Reference, "System Fields"). A later
read asks for the rows stamped since the watermark, with those in the recycle bin, and lays them over the snapshot.
Where that could miss a change, everything is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import polars as pl

from integration_center.integration.condition import find_fields
from integration_center.store.frames import FrameFile
from integration_center.sync.schema import SObjectField, SObjectSchema

OVERLAP = timedelta(hours=1)
"""A row is stamped before its transaction commits, so rows can appear late with an older stamp."""
FULL_READ_EVERY = timedelta(days=7)
"""Half of the 15 days that the recycle bin keeps deleted records: until then queryAll can tell of every deletion."""
WORTH_LEAVING_OUT = 2_000
"""Known rows of one hour, a page of REST, from which on they are not asked for again."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""Servers of one org may differ by so much."""
DELETED = "IsDeleted"
STAMP = "SystemModstamp"
AUTHOR = "LastModifiedById"
OWN_FIELDS = frozenset({"Id", STAMP, "IsConverted", "CreatedDate", "LastModifiedDate"})
"""Read-only fields of a record that change only with its SystemModstamp."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Basis:
    """What a snapshot rests on; it holds only where all of this is still the same.

    Attributes:
        user_id: whose sight of the records it is.
        columns: a hash of the selected fields and of what describe says of them: types, rights, picklists.
        where: the condition that the records meet.
    """

    org_id: str
    user_id: str
    object: str
    columns: str
    where: str | None
    api_version: str

    def differs(self, other: "Basis") -> str | None:
        """Why a snapshot on this basis does not hold on the other one; None when it does."""
        reasons = (
            (self.org_id != other.org_id, "another org is connected"),
            (self.user_id != other.user_id, "another user is connected"),
            (self.object != other.object, "the object is another one"),
            (self.columns != other.columns, "the mapped fields, or what describe says of them, changed"),
            (self.where != other.where, "the condition changed"),
            (self.api_version != other.api_version, "the API version changed"),
        )
        return next((reason for differs, reason in reasons if differs), None)


@dataclass(frozen=True)
class Span:
    """A stretch of SystemModstamp's time, both ends included."""

    first: datetime
    last: datetime


@dataclass(frozen=True)
class SnapshotInfo:
    """What stands beside the records of a snapshot. Times are the org's own, but for one.

    Attributes:
        watermark: every row stamped before it is in the snapshot, but for those that appear late.
        read_at: what the org's clock said when the read began.
        our_time: what ours said then; only the time passed is taken from it.
        full_at: what the org's clock said when everything was read the last time.
        count: the number of records.
        stamped_at: the latest that the clock that stamps rows is known to have reached; None before anything told.
        newest: the greatest SystemModstamp read.
        known: see `find_known_span`.
        own: in these the connected user wrote rows that are in the snapshot, as `lay_writes` put them there.
    """

    basis: Basis
    watermark: datetime
    read_at: datetime
    our_time: datetime
    full_at: datetime
    count: int
    stamped_at: datetime | None = None
    newest: datetime | None = None
    known: Span | None = None
    own: tuple[Span, ...] = ()


@dataclass(frozen=True)
class OwnWrites:
    """What was written to the org after a snapshot was taken, and proven to be there as it was written.

    Attributes:
        read_at: of the snapshot.
        span: when the rows were stamped; the connected user has changed no others in it.
        rows: how many.
    """

    read_at: datetime
    span: Span
    rows: int


class SnapshotKeeper(Protocol):
    """Where the snapshot of one integration is kept."""

    @property
    def org_id(self) -> str:
        """The connected org."""
        ...

    @property
    def user_id(self) -> str:
        """The connected user."""
        ...

    def find(self) -> SnapshotInfo | None:
        """What stands there, without its records; None when there is nothing, or nothing readable."""
        ...

    def read(self) -> pl.DataFrame | None:
        """The records; None when they are damaged."""
        ...

    def save(self, info: SnapshotInfo, records: pl.DataFrame) -> None:
        """Keep these in place of what stands there: whole, or, where that cannot be written, not at all."""
        ...

    def note_writes(self, writes: OwnWrites, ledger: FrameFile) -> None:
        """Note what a push wrote since, as its ledger tells."""
        ...

    def find_writes(self, info: SnapshotInfo) -> OwnWrites | None:
        """What was noted of own writes since the snapshot of `info`."""
        ...

    def read_writes(self) -> pl.DataFrame | None:
        """Those writes: `Id`, and per field F `after.F` and `changed.F`; None when they are damaged."""
        ...


def find_obstacle(schema: SObjectSchema, columns: Sequence[str], where: str | None) -> str | None:
    """Why the changes of an object's records can never be told from SystemModstamp alone; None when they can.

    Args:
        schema: the object's.
        columns: the fields read.
        where: the condition that narrows the records.
    """
    deciding = find_fields(where) if where else frozenset()
    if deciding is None:
        return "records come to meet the condition, or no longer do, without a change of their own"
    stamp = schema.get(STAMP)
    if stamp is None or not stamp.filterable or schema.get(DELETED) is None:
        return f"{schema.name} has no {STAMP} and {DELETED} to tell changes by"
    if schema.get("IsArchived"):
        return f"{schema.name} archives records, which are then neither changed nor deleted"
    for name in (*columns, *sorted(deciding)):
        field = schema.get(name)
        if field is None:
            return f"{name} is a field of another record"
        if reason := _why_stampless(field):
            return f"{field.name} {reason}"
    return None


def _why_stampless(field: SObjectField) -> str | None:
    """Why a field's value may change while the record's SystemModstamp does not; None when it may not."""
    if field.name in OWN_FIELDS:
        return None
    if field.calculated:
        return "is a formula or roll-up, whose value changes without a new SystemModstamp"
    if field.type == "reference":
        return "is a lookup, which is emptied without a new SystemModstamp when its record is deleted"
    if not (field.custom or field.updateable or field.auto_number):
        return "is read-only, so it may be taken from another record"
    return None


def find_doubt(info: SnapshotInfo | None, basis: Basis, org_time: datetime | None, our_time: datetime) -> str | None:
    """Why everything has to be read this time; None when the changes since the snapshot are enough.

    Args:
        info: of the snapshot; None when there is none.
        basis: what the present read rests on.
        org_time: what the org's clock says now; None when it does not tell.
        our_time: what ours says. A clock that was moved back by less than the time since the last read is ahead of
            where it was, and only behind a clock that ran on.
    """
    if info is None:
        return "there is no readable snapshot yet"
    if difference := info.basis.differs(basis):
        return difference
    if org_time is None:
        return "the org does not tell its time"
    if org_time < info.read_at - CLOCK_TOLERANCE:
        return "the org's clock was moved back since the last read"
    if org_time - info.read_at < our_time - info.our_time - OVERLAP / 2:
        return "since the last read the org's clock has gone less far than ours, so it may have been moved back"
    if org_time - info.full_at >= FULL_READ_EVERY:
        return f"the last full read is {FULL_READ_EVERY.days} days old or older"
    return None


def find_watermark(
    newest: datetime | None, org_time: datetime, info: SnapshotInfo | None = None, first_new: datetime | None = None
) -> datetime:
    """Up to where, in SystemModstamp's time, a read has seen everything but what appears late.

    The org tells its time in the `Date` header. That is the better mark, for a quiet org would otherwise give the rows
    of its last busy hour again and again. But nothing promises that this clock is the one that stamps rows, so it is
    believed only where the stamps bear it out: the newest one is of the last hour, or all that came since the read
    before are later than what the clock said then. Else the newest stamp is the mark.

    Args:
        newest: the greatest SystemModstamp read; None when there are no records.
        org_time: what the org's clock said when the read began.
        info: of the snapshot that this read brought up to date; None after a full read.
        first_new: the smallest SystemModstamp that came since; None when none did.
    """
    if newest is not None and newest >= org_time - OVERLAP:
        return org_time
    if info is not None and first_new is not None and first_new >= info.read_at - OVERLAP:
        return org_time
    marks = [newest, info.watermark if info else None]
    return min(org_time, max((mark for mark in marks if mark is not None), default=EPOCH))


def find_known_span(records: pl.DataFrame, watermark: datetime, stamped_at: datetime | None) -> Span | None:
    """The busiest hour that the next read covers and whose rows the snapshot has for certain: they need not come again.

    Where the `Date` header lags behind the clock that stamps rows, the rows of a large push would come day after day.
    Only one hour is left out: should that clock be moved back, all changes but those stamped in that very hour come.

    Args:
        records: of the snapshot.
        watermark: as in `SnapshotInfo`.
        stamped_at: as there; what was stamped an hour before cannot appear late any more.

    Returns:
        None when there are fewer than `WORTH_LEAVING_OUT` such rows.
    """
    if stamped_at is None:
        return None
    known = (
        records.lazy().filter(pl.col(STAMP) >= watermark - OVERLAP, pl.col(STAMP) < stamped_at - OVERLAP).select(STAMP)
    )
    stamp = pl.col("stamp")
    hours = (
        known.select(pl.col(STAMP).sort(), pl.col(STAMP).sort().alias("stamp"))
        .group_by_dynamic(STAMP, every="10m", period="1h")
        .agg(stamp.len().alias("rows"), stamp.min().alias("first"), stamp.max().alias("last"))
        .filter(pl.col("rows") >= WORTH_LEAVING_OUT)
        .sort("rows", descending=True)
        .head(1)
        .collect()
    )
    return Span(hours["first"].item(), hours["last"].item()) if hours.height else None


def find_newest(*frames: pl.DataFrame) -> datetime | None:
    """The greatest SystemModstamp of these rows."""
    stamps = [frame[STAMP].max() for frame in frames]
    return max((stamp for stamp in stamps if isinstance(stamp, datetime)), default=None)


def find_latest(*moments: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((moment for moment in moments if moment is not None), default=None)
