"""Store the frames of reports, each with information about it. Files have mode 0600."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import polars as pl

from integration_center.files.file_lock import hold_lock
from integration_center.files.polars_errors import UNREADABLE
from integration_center.insights.catalogue import ColumnType, ReportInfo, ReportKind
from integration_center.insights.source import Report, ReportSource
from integration_center.store.frame_store import FrameStore, NewVersion
from integration_center.store.frames import FrameFile, count_height, write_frame, write_slices
from integration_center.store.stored_files import FileKind, Place, StoredFile
from integration_center.sync.mapping.doubts import Doubt, read_doubts, write_doubts
from integration_center.sync.row_numbers import USUAL, RowNumbers

logger = logging.getLogger(__name__)

EVENTS: ReportKind = "events"
KIND = "kind"
"""The Parquet metadata by which a file shows that it holds a report."""


def source_folder(slug: str) -> str:
    """Name the rows that an integration took from an asset, among the frames of reports."""
    return f"{slug}__source"


@dataclass(frozen=True)
class StoredReport:
    """The information stored with a report frame.

    Attributes:
        likely_types: see `Report`; None for a frame of an earlier version, whose text may have been altered.
        notes: see `Report`.
        content: see `Report`.
        numbers: see `Report`.
        doubts: see `Report`.
    """

    identity: str
    kind: ReportKind
    latest_by: str | None
    refreshed_at: datetime | None
    rows: int
    likely_types: Mapping[str, ColumnType] | None
    notes: Sequence[str] = ()
    content: str | None = None
    numbers: RowNumbers = USUAL
    doubts: Mapping[str, Doubt] = field(default_factory=dict)


@dataclass(frozen=True)
class RowsBefore:
    """How many rows the stored report of an earlier day has."""

    report_slug: str
    day: date
    rows: int


class ReportFolder:
    """The stored frames of reports, one a day.

    Args:
        frames: the store of all frames.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames

    @contextmanager
    def locked(self, report_slug: str, day: date) -> Iterator[None]:
        """Lock the report of `day` on this machine, so that two of its runs at the same time fetch it once.

        Nothing depends on the lock: runs on two machines may both fetch a report, and store the same rows.
        """
        path = self._frames.objects.root / find_report(report_slug, day).name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with hold_lock(path.with_suffix(".lock")):
            yield

    def stored(self, report_slug: str, day: date) -> StoredReport | None:
        """Return the information about the stored frame of `day`, without its rows; None when there is no frame."""
        found = self._frames.index.find(find_report(report_slug, day).name)
        return _read_stored(found) if found else None

    def file(self, report_slug: str, day: date) -> FrameFile | None:
        """Return the stored frame of `day`; None when there is none, or it is damaged and has to be fetched again."""
        file = self._frames.fetch(find_report(report_slug, day).name)
        if file is None:
            return None
        try:
            file.scan().collect_schema()
        except UNREADABLE as error:
            logger.warning("the frame of %s %s cannot be read (%s)", report_slug, day, type(error).__name__)
            return None
        return file

    def locate(self, report_slug: str, day: date) -> str | None:
        """Return the address of the stored frame of `day`, for people."""
        return self._frames.locate(find_report(report_slug, day).name)

    def fetch(self, source: ReportSource, info: ReportInfo, day: date, run_id: str | None = None) -> StoredReport:
        """Read a report from its source, and store its rows as they are read.

        Args:
            source: the source of reports.
            info: the report.
            day: the UTC day.
            run_id: the run that fetches it.

        Raises:
            NoDataForDay: the source has no data for the day.
            UnreadableReport: the data cannot be read.
        """
        new = self._frames.begin(find_report(info.slug, day, run_id))

        def keep(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
            return write_slices(slices, schema, new.path, {KIND: info.kind}).scan()

        report = source.read(info, day, keep)
        text_columns = _name_text_columns(info)
        content = report.content + text_columns if report.content else None
        return self._publish(replace(report, identity=report.identity + text_columns, content=content), new)

    def write(self, report: Report, run_id: str | None = None) -> StoredReport:
        """Store a report that is in memory with its identity.

        Args:
            report: the report of one day.
            run_id: the run that fetched it.
        """
        new = self._frames.begin(find_report(report.info.slug, report.day, run_id))
        write_frame(report.frame, new.path, {KIND: report.info.kind})
        return self._publish(report, new)

    def _publish(self, report: Report, new: NewVersion) -> StoredReport:
        info = StoredReport(
            identity=report.identity,
            kind=report.info.kind,
            latest_by=report.info.latest_by,
            refreshed_at=report.refreshed_at,
            rows=count_height(report.rows),
            likely_types=report.likely_types,
            notes=report.notes,
            content=report.content,
            numbers=report.numbers,
            doubts=report.doubts,
        )
        self._frames.publish(new, identity=info.identity, details=describe_report(info))
        return info

    def repeat(
        self, source: ReportSource, info: ReportInfo, day: date, run_id: str | None = None
    ) -> StoredReport | None:
        """Store the frame of the day before also for `day`, if the source has the same data for both.

        None where the data is other data, or has to be read to find out. A frame whose notes name its file is read
        again, so that they name the right one.
        """
        before, text_columns = self._newest(info.slug, before=day), _name_text_columns(info)
        stored = _read_stored(before) if before else None
        if before is None or stored is None or stored.likely_types is None or stored.notes or not stored.content:
            return None
        if not stored.content.endswith(text_columns):
            return None
        identity = source.repeats(info, day, stored.content.removesuffix(text_columns))
        file = self.file(info.slug, before.place.day) if identity and before.place.day else None
        if identity is None or file is None:
            return None
        mark = source.marks(info, [day]).get(day)
        repeated = replace(stored, identity=identity + text_columns, refreshed_at=mark.modified if mark else None)
        details = describe_report(repeated)
        self._frames.publish_file(
            find_report(info.slug, day, run_id), file, identity=repeated.identity, details=details
        )
        return repeated

    def list_notes(self, report_slug: str, days: Iterable[date]) -> list[str]:
        """List what was found about the files of the stored frames of `days`, without repeats; see `Report.notes`."""
        stored = [self.stored(report_slug, day) for day in days]
        return list(dict.fromkeys(note for each in stored if each for note in each.notes))

    def newest_kind(self, report_slug: str) -> ReportKind | None:
        """Return the kind of the report from its newest stored frame; None when there is no frame."""
        newest = self._newest(report_slug)
        return _read_stored(newest).kind if newest else None

    def newest_day(self, report_slug: str) -> date | None:
        """Return the newest day of which a frame of the report is stored; None when there is no frame."""
        newest = self._newest(report_slug)
        return newest.place.day if newest else None

    def rows_before(self, report_slug: str, day: date) -> RowsBefore | None:
        """Return the number of rows of the newest stored frame before `day`; None when there is no such frame."""
        newest = self._newest(report_slug, before=day)
        if newest is None or newest.place.day is None or newest.rows is None:
            return None
        return RowsBefore(report_slug, newest.place.day, newest.rows)

    def forget(self, report_slug: str, day: date) -> bool:
        """Delete the stored frame of `day`; whether there was one."""
        name = find_report(report_slug, day).name
        there = self._frames.index.find(name) is not None
        self._frames.delete([name])
        return there

    def _newest(self, report_slug: str, before: date | None = None) -> StoredFile | None:
        found = self._frames.index.list(FileKind.REPORT, report_slug, before=before, most=1)
        return found[0] if found else None


def find_report(report_slug: str, day: date, run_id: str | None = None) -> Place:
    """Find the place of a report's frame."""
    return Place(f"insights/{report_slug}/{day.isoformat()}.parquet", FileKind.REPORT, report_slug, day, run_id)


def describe_report(report: StoredReport) -> dict[str, str]:
    """Describe a stored report for the index."""
    return {
        "identity": report.identity,
        "kind": report.kind,
        "latest_by": report.latest_by or "",
        "refreshed_at": report.refreshed_at.isoformat() if report.refreshed_at else "",
        "stored_at": datetime.now(UTC).isoformat(),
        "notes": json.dumps([*report.notes]),
        **({"content": report.content} if report.content else {}),
        **({"doubts": write_doubts(report.doubts)} if report.doubts else {}),
        **({"numbers": numbers} if (numbers := report.numbers.write()) else {}),
        **({"likely_types": json.dumps(dict(report.likely_types))} if report.likely_types is not None else {}),
    }


def _read_stored(file: StoredFile) -> StoredReport:
    details = file.details
    refreshed_at = details.get("refreshed_at")
    return StoredReport(
        identity=file.identity or "",
        kind="events" if details.get("kind") == "events" else "snapshot",
        latest_by=details.get("latest_by") or None,
        refreshed_at=datetime.fromisoformat(refreshed_at) if refreshed_at else None,
        rows=file.rows or 0,
        likely_types=json.loads(details["likely_types"]) if "likely_types" in details else None,
        notes=json.loads(details.get("notes", "[]")),
        content=details.get("content"),
        numbers=RowNumbers.read(details.get("numbers")),
        doubts=read_doubts(details.get("doubts")),
    )


def fetch_day(
    source: ReportSource, folder: ReportFolder, info: ReportInfo, day: date, run_id: str | None = None
) -> tuple[StoredReport, bool]:
    """Return the stored report of `day`, and whether it was fetched. A current frame is not fetched again.

    A frame is current when the source has nothing newer, and the same declared columns were kept as text. Where the
    source has the same data as for the day before, that day's frame is stored for both.

    Args:
        source: the source of reports.
        folder: the stored frames.
        info: the report.
        day: the UTC day.
        run_id: the run that asks.

    Raises:
        NoDataForDay: the source has no data for the day. Another day never replaces it.
    """
    with folder.locked(info.slug, day):
        if stored := find_current(source, folder, info, day):
            return stored, False
        if repeated := folder.repeat(source, info, day, run_id):
            return repeated, True
        return folder.fetch(source, info, day, run_id), True


def find_current(source: ReportSource, folder: ReportFolder, info: ReportInfo, day: date) -> StoredReport | None:
    """Return the stored frame of `day` if it equals what the source would return; None when it has to be fetched.

    Raises:
        NoDataForDay: the source has no data for the day.
    """
    stored = folder.stored(info.slug, day)
    if stored is None or stored.identity != source.identity(info, day) + _name_text_columns(info):
        return None
    return stored if folder.file(info.slug, day) else None


def _name_text_columns(info: ReportInfo) -> str:
    return f" text: {sorted(info.text_columns & info.columns.keys())}"
