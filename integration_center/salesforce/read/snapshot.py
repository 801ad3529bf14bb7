"""Keep what was last read of an object, and decide whether reading the changes since then is enough.

Rows of an org carry SystemModstamp, the org's own time of their last change (Object Reference, "System Fields"). A
later read asks for the rows stamped since the watermark, including rows in the recycle bin, and updates the snapshot
with them. Where that could miss a change, everything is read again.
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
"""How far each read reaches back before the watermark. A row is stamped before its transaction commits, so rows can
appear late with an older stamp."""
FULL_READ_EVERY = timedelta(days=7)
"""Half of the 15 days for which the recycle bin keeps deleted records. So queryAll can still report every deletion."""
WORTH_LEAVING_OUT = 2_000
"""How many known rows, stamped within one hour, are worth excluding from the next read: one page of REST."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""How much the clocks of one org's servers may differ."""
DELETED = "IsDeleted"
STAMP = "SystemModstamp"
AUTHOR = "LastModifiedById"
OWN_VALUES = frozenset({"Account", "Contact", "Lead"})
"""Objects whose standard fields under field-level security hold values of their own. Other objects show those of a
parent, as a CampaignMember shows those of its Lead."""
OWN_FIELDS = frozenset({"Id", STAMP, "IsConverted", "CreatedDate", "LastModifiedDate"})
"""Read-only fields of a record that change only with its SystemModstamp."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Basis:
    """What a snapshot depends on. The snapshot is valid only while all of this stays the same.

    Attributes:
        user_id: the user who read the records, with that user's access.
        columns: a hash of the selected fields and of their descriptions: types, rights, picklists.
        where: the condition that the records meet.
    """

    org_id: str
    user_id: str
    object: str
    columns: str
    where: str | None
    api_version: str

    def differs(self, other: "Basis") -> str | None:
        """Return why a snapshot with this basis is not valid for the other basis; None when it is."""
        reasons = (
            (self.org_id != other.org_id, "another org is connected"),
            (self.user_id != other.user_id, "another user is connected"),
            (self.object != other.object, "the object changed"),
            (self.columns != other.columns, "the mapped fields, or their descriptions, changed"),
            (self.where != other.where, "the condition changed"),
            (self.api_version != other.api_version, "the API version changed"),
        )
        return next((reason for differs, reason in reasons if differs), None)


@dataclass(frozen=True)
class Span:
    """A span of SystemModstamp values, both ends included."""

    first: datetime
    last: datetime


@dataclass(frozen=True)
class SnapshotInfo:
    """The information kept with the records of a snapshot. All times but `our_time` are the org's.

    Attributes:
        watermark: the snapshot has every row stamped before this time, except rows that appear late.
        read_at: the org's clock when the read began.
        our_time: our own clock at that moment. It is only used to measure how much time has passed.
        full_at: the org's clock at the last full read.
        count: the number of records.
        stamped_at: the latest time that the clock that stamps rows is known to have reached; None when unknown.
        newest: the greatest SystemModstamp read.
        known: the rows to leave out of the next read, see `find_known_span`.
        own: the spans in which the connected user wrote rows that `lay_writes` has added to the snapshot.
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
    """What was written to the org after a snapshot was taken, and proven to be stored as it was written.

    Attributes:
        read_at: the `read_at` of the snapshot.
        span: when the rows were stamped. The connected user has changed no other rows in this span.
        rows: the number of rows.
    """

    read_at: datetime
    span: Span
    rows: int


class StoredSnapshot(Protocol):
    """A stored snapshot, which does not change while it is read."""

    def read_ids(self) -> pl.Series | None:
        """Read the Ids of the records, in their order; None when they are damaged."""
        ...

    def read(self) -> pl.DataFrame | None:
        """Read the records; None when they are damaged."""
        ...


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
        """Return the information about the snapshot; None when there is no snapshot, or it cannot be read."""
        ...

    def open(self) -> "StoredSnapshot | None":
        """Open the snapshot to read it; None when there is none."""
        ...

    def save(self, info: SnapshotInfo, records: pl.DataFrame) -> None:
        """Replace the snapshot. If the new one cannot be written completely, the old one stays."""
        ...

    def note_writes(self, writes: OwnWrites, ledger: FrameFile) -> None:
        """Note what a push wrote after the snapshot, from its ledger."""
        ...

    def find_writes(self, info: SnapshotInfo) -> OwnWrites | None:
        """Return the note of own writes after the snapshot of `info`; None when there is none."""
        ...

    def scan_writes(self) -> pl.LazyFrame | None:
        """Scan the lines of that push: `Id`, null where nothing was written, and per field F `after.F` and `changed.F`.

        None when they are gone.
        """
        ...


def find_obstacle(schema: SObjectSchema, columns: Sequence[str], where: str | None) -> str | None:
    """Return why SystemModstamp alone can never show all changes of an object's records; None when it can.

    Args:
        schema: the schema of the object.
        columns: the fields to read.
        where: the condition that narrows the records.
    """
    deciding = find_fields(where) if where else frozenset()
    if deciding is None:
        return "records can start or stop meeting the condition without being changed themselves"
    stamp = schema.get(STAMP)
    if stamp is None or not stamp.filterable or schema.get(DELETED) is None:
        return f"{schema.name} does not have the fields {STAMP} and {DELETED}, which show changes"
    if schema.get("IsArchived"):
        return f"{schema.name} archives records, which are then neither changed nor deleted"
    for name in (*columns, *sorted(deciding)):
        field = schema.get(name)
        if field is None:
            return f"{name} is a field of another record"
        if reason := _why_stampless(schema, field):
            return f"{field.name} {reason}"
    return None


def _why_stampless(schema: SObjectSchema, field: SObjectField) -> str | None:
    """Return why a field's value may change while the record's SystemModstamp does not; None when it cannot."""
    if field.name in OWN_FIELDS:
        return None
    if field.calculated:
        return "is a formula or roll-up, whose value changes without a new SystemModstamp"
    if field.type == "reference":
        return "is a lookup, which becomes empty without a new SystemModstamp when the record it names is deleted"
    # A user with few rights may only read a key field, which is then read-only as values of other records are.
    own = field.id_lookup or (field.permissionable and schema.name in OWN_VALUES)
    if not (own or field.custom or field.updateable or field.auto_number):
        return "is read-only, so its value may come from another record"
    return None


def find_doubt(info: SnapshotInfo | None, basis: Basis, org_time: datetime | None, our_time: datetime) -> str | None:
    """Return why everything has to be read this time; None when the changes since the snapshot are enough.

    Args:
        info: the information about the snapshot; None when there is none.
        basis: what the present read depends on.
        org_time: the org's clock now; None when the org does not report it.
        our_time: our own clock now. If the org's clock was moved back by less than the time since the last read, only
            the comparison with our clock shows it.
    """
    if info is None:
        return "there is no readable snapshot yet"
    if difference := info.basis.differs(basis):
        return difference
    if org_time is None:
        return "the org does not report its time"
    if org_time < info.read_at - CLOCK_TOLERANCE:
        return "the org's clock was moved back since the last read"
    if org_time - info.read_at < our_time - info.our_time - OVERLAP / 2:
        return "the org's clock has advanced less than ours since the last read, so it may have been moved back"
    if org_time - info.full_at >= FULL_READ_EVERY:
        return f"the last full read is {FULL_READ_EVERY.days} days old or older"
    return None


def find_watermark(
    newest: datetime | None, org_time: datetime, info: SnapshotInfo | None = None, first_new: datetime | None = None
) -> datetime:
    """Find the time, by SystemModstamp, up to which a read has seen everything except rows that appear late.

    The `Date` header has the org's time, which is the better mark: a quiet org would otherwise return the rows of its
    last busy hour in every read. But this clock may not be the clock that stamps rows. So it is used only where the
    stamps confirm it: the newest stamp is at most an hour older, or no new stamp is more than an hour older than the
    clock at the read before. Otherwise the newest stamp is the mark.

    Args:
        newest: the greatest SystemModstamp read; None when there are no records.
        org_time: the org's clock when the read began.
        info: the information about the snapshot that this read updated; None after a full read.
        first_new: the smallest SystemModstamp of the new rows; None when there are none.
    """
    if newest is not None and newest >= org_time - OVERLAP:
        return org_time
    if info is not None and first_new is not None and first_new >= info.read_at - OVERLAP:
        return org_time
    marks = [newest, info.watermark if info else None]
    return min(org_time, max((mark for mark in marks if mark is not None), default=EPOCH))


def find_known_span(records: pl.DataFrame, watermark: datetime, stamped_at: datetime | None) -> Span | None:
    """Find the busiest hour that the next read covers and can leave out, because the snapshot surely has its rows.

    Where the `Date` header is behind the clock that stamps rows, the rows of a large push would be read again every
    day. Only one hour is left out, so that if the clock is moved back, only changes stamped in that hour are missed.

    Args:
        records: the records of the snapshot.
        watermark: the watermark of `SnapshotInfo`.
        stamped_at: the `stamped_at` of `SnapshotInfo`. Rows stamped an hour before it can no longer appear late.

    Returns:
        The span of the hour; None when it has fewer than `WORTH_LEAVING_OUT` such rows.
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
    """Return the greatest SystemModstamp of these rows; None when there is none."""
    stamps = [frame[STAMP].max() for frame in frames]
    return max((stamp for stamp in stamps if isinstance(stamp, datetime)), default=None)


def find_latest(*moments: datetime | None) -> datetime | None:
    """Return the latest of the known moments; None when none is known."""
    return max((moment for moment in moments if moment is not None), default=None)
