"""Store which records the syncs of an integration wrote to an org, and when their people were last in the report."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from integration_center.files.polars_errors import UNREADABLE
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import write_slices
from integration_center.store.stored_files import FileKind, Place
from integration_center.sync.absence import KNOWN
from integration_center.sync.people_sum import PEOPLE, PeopleSum

KNOWN_FOLDER = "known"
SEEN_AGAIN = "seen_again"
"""In the index: the newest day in the file, and the day on which all people of that day were seen again."""
NEWEST = "newest"
"""In the index: the day of the ledger whose sum is there, see `find_seen`."""


class KnownRecords:
    """The frames of known records, one for each integration, org and object.

    Args:
        frames: the store of all frames.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames

    def read(
        self, slug: str, org_id: str, object_name: str, columns: Sequence[str] = tuple(KNOWN)
    ) -> pl.DataFrame | None:
        """Read columns of the frame of known records; None when it is not there, or damaged, and has to be built."""
        stored = self.scan(slug, org_id, object_name)
        if stored is None:
            return None
        try:
            return stored.select(columns).collect()
        except UNREADABLE:
            return None

    def scan(self, slug: str, org_id: str, object_name: str) -> pl.LazyFrame | None:
        """Scan the frame of known records; None when it is not there, or is no such frame. Its rows may be damaged."""
        stored = self._frames.index.find(find_known(slug, org_id, object_name).name)
        file = self._frames.open(stored) if stored else None
        if stored is None or file is None:
            return None
        try:
            known = file.scan().select(*KNOWN).cast(pl.Schema(KNOWN))
            known.collect_schema()
        except UNREADABLE:
            return None
        return known.with_columns(_read_last_seen(stored.details))

    def find_seen(self, slug: str, org_id: str, object_name: str) -> tuple[PeopleSum, date] | None:
        """Return what `KnownPeople.seen` says; None when it is not known."""
        stored = self._frames.index.find(find_known(slug, org_id, object_name).name)
        if stored is None or PEOPLE not in stored.details:
            return None
        return PeopleSum.read(stored.details[PEOPLE]), date.fromisoformat(stored.details[NEWEST])

    def note_seen_again(
        self, slug: str, org_id: str, object_name: str, newest: date, day: date, people: PeopleSum | None
    ) -> None:
        """Note that all people of the newest day, and no others, were seen again. The file stays as it is.

        Args:
            slug: of the integration.
            org_id: the org.
            object_name: the object.
            newest: the newest day of `last_seen`, as `scan` returns it.
            day: the later day.
            people: the sum of the ledger in which they were seen, if it is known.
        """
        stored = self._frames.index.find(find_known(slug, org_id, object_name).name)
        if stored is None:
            return
        noted = _read_seen_again(stored.details)
        written = noted[0] if noted and noted[1] == newest else newest
        details = {SEEN_AGAIN: [written.isoformat(), day.isoformat()], **_describe(people, day)}
        self._frames.describe_again(stored, details)

    def write(
        self,
        slug: str,
        org_id: str,
        object_name: str,
        known: Iterable[pl.DataFrame],
        seen: tuple[PeopleSum, date] | None = None,
    ) -> None:
        """Store the frame of known records, given in slices.

        Args:
            slug: of the integration.
            org_id: the org.
            object_name: the object.
            known: the slices.
            seen: what `find_seen` returns from now on.
        """
        new = self._frames.begin(find_known(slug, org_id, object_name))
        write_slices(known, pl.Schema(KNOWN), new.path)
        self._frames.publish(new, details=_describe(*seen) if seen else None, only_version=True)


def find_known(slug: str, org_id: str, object_name: str) -> Place:
    """Find the place of an integration's known records in one org."""
    name = f"{KNOWN_FOLDER}/{slug}/{org_id}.{object_name.lower()}.parquet"
    return Place(name, FileKind.KNOWN_RECORDS, slug, org_id=org_id)


def _describe(people: PeopleSum | None, newest: date) -> dict[str, Any]:
    return {PEOPLE: people.as_dict(), NEWEST: newest.isoformat()} if people else {}


def _read_seen_again(details: Mapping[str, Any]) -> tuple[date, date] | None:
    """Read the newest day in the file, and the day on which its people were seen again; None without a note."""
    noted = details.get(SEEN_AGAIN)
    return (date.fromisoformat(noted[0]), date.fromisoformat(noted[1])) if noted else None


def _read_last_seen(details: Mapping[str, Any]) -> pl.Expr:
    """Return the column `last_seen`, with what is noted beside the file."""
    seen, noted = pl.col("last_seen"), _read_seen_again(details)
    return pl.when(seen == noted[0]).then(pl.lit(noted[1])).otherwise(seen).alias("last_seen") if noted else seen
