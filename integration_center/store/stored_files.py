"""What the index of stored files says of each: what it is, under which key it is kept, and since when."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol


class FileKind(StrEnum):
    """What a stored file holds."""

    REPORT = "report"
    PLAN = "plan"
    LEDGER = "ledger"
    DAY_READ = "day read"
    """The report of one day, as a sync read it."""
    SNAPSHOT = "snapshot"
    WRITES = "writes"
    """The ledger of a push whose writes belong to a snapshot."""
    KNOWN_RECORDS = "known records"
    ERROR = "error"


@dataclass(frozen=True)
class Place:
    """What a file is, whichever version of it is stored.

    Attributes:
        name: unique: the path below the storage folder at which releases before the index kept the file.
        kind: what the file holds.
        slug: the report or integration that the file belongs to.
        day: the UTC day of its rows.
        run_id: the run that the file belongs to; of a report, the run that stored it.
        org_id: the org whose records the file holds.
    """

    name: str
    kind: FileKind
    slug: str
    day: date | None = None
    run_id: str | None = None
    org_id: str | None = None


@dataclass(frozen=True)
class StoredFile:
    """One line of the index.

    Attributes:
        place: what the file is.
        key: the name of the object that holds the content. An object never changes; another version has another key.
        stored_at: when this version was stored, UTC.
        rows: how many rows the file has; None for a file without rows.
        identity: which version of its source the file holds, if it has a source.
        details: what else is known of the content without opening it. It never holds a value of a record.
    """

    place: Place
    key: str
    stored_at: datetime
    rows: int | None = None
    identity: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class FileIndex(Protocol):
    """Where each stored file is. All hosts of an installation share one index."""

    def find(self, name: str) -> StoredFile | None:
        """Return the line of a place; None when nothing is stored there."""

    def list(
        self,
        kind: FileKind,
        slug: str | None = None,
        *,
        run_id: str | None = None,
        org_id: str | None = None,
        before: date | None = None,
        most: int | None = None,
    ) -> Sequence[StoredFile]:
        """List the lines that meet all conditions, the newest day first."""

    def put(self, file: StoredFile, *, shares: bool = False) -> Sequence[str]:
        """Note a stored file, in place of an earlier version, and return the keys that became unused.

        Args:
            file: what is noted.
            shares: whether another place has, or had, the object of the file.
        """

    def put_absent(self, files: Sequence[StoredFile]) -> int:
        """Note files at places where nothing is stored, and return how many there were."""

    def remove(self, names: Collection[str]) -> Sequence[str]:
        """Remove lines, and return the keys that became unused."""

    def is_used(self, key: str) -> bool:
        """Return whether a line names the object."""

    def list_keys(self) -> Set[str]:
        """Return the keys of all objects that a line names."""

    def find_older(self, limit: datetime) -> Sequence[str]:
        """Return the names of the places whose files were stored before `limit`."""

    def find_unused(self, limit: datetime | None = None, prefix: str = "") -> Sequence[str]:
        """Return the keys of the objects that became unused before `limit`; only those that begin with `prefix`.

        Without a limit all of them: then the clocks of hosts do not matter.
        """

    def forget(self, keys: Collection[str]) -> None:
        """Note that unused objects are deleted."""
