"""Store the frames of reports, each with information about it. Files have mode 0600."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from integration_center.files.file_lock import hold_lock
from integration_center.insights.catalogue import ColumnType, ReportInfo, ReportKind
from integration_center.insights.source import Report, ReportSource
from integration_center.store.frames import write_frame

EVENTS: ReportKind = "events"


def source_folder(slug: str) -> str:
    """Name the rows that an integration took from an asset, among the frames of reports."""
    return f"{slug}__source"


@dataclass(frozen=True)
class StoredReport:
    """The information stored with a report frame.

    Attributes:
        likely_types: see `Report`; None for a frame of an earlier version, whose text may have been altered.
        notes: see `Report`.
    """

    identity: str
    kind: ReportKind
    latest_by: str | None
    refreshed_at: datetime | None
    rows: int
    likely_types: Mapping[str, ColumnType] | None
    notes: Sequence[str] = ()


class ReportFolder:
    """The stored frames of reports: `<storage>/insights/<report>/<day>.parquet`."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def path(self, report_slug: str, day: date) -> Path:
        """Return the path of the report's frame of `day`."""
        return self.storage / "insights" / report_slug / f"{day.isoformat()}.parquet"

    @contextmanager
    def locked(self, report_slug: str, day: date) -> Iterator[None]:
        """Lock the report of `day`, so that two runs at the same time fetch it once."""
        path = self.path(report_slug, day).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with hold_lock(path):
            yield

    def stored(self, report_slug: str, day: date) -> StoredReport | None:
        """Return the information about the stored frame of `day`, without its rows; None if no frame can be read."""
        path = self.path(report_slug, day)
        if not path.exists():
            return None
        try:
            metadata = pl.read_parquet_metadata(path)
            rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError):
            return None  # damaged, so it will be fetched again
        if "identity" not in metadata:
            return None
        refreshed_at = metadata.get("refreshed_at")
        return StoredReport(
            identity=metadata["identity"],
            kind="events" if metadata["kind"] == "events" else "snapshot",
            latest_by=metadata.get("latest_by") or None,
            refreshed_at=datetime.fromisoformat(refreshed_at) if refreshed_at else None,
            rows=rows,
            likely_types=json.loads(metadata["likely_types"]) if "likely_types" in metadata else None,
            notes=json.loads(metadata.get("notes", "[]")),
        )

    def write(self, report: Report) -> StoredReport:
        """Store a report's frame with its identity."""
        metadata = {
            "identity": report.identity,
            "kind": report.info.kind,
            "latest_by": report.info.latest_by or "",
            "refreshed_at": report.refreshed_at.isoformat() if report.refreshed_at else "",
            "stored_at": datetime.now(UTC).isoformat(),
            "likely_types": json.dumps(dict(report.likely_types)),
            "notes": json.dumps([*report.notes]),
        }
        write_frame(report.frame, self.path(report.info.slug, report.day), metadata)
        return StoredReport(
            identity=report.identity,
            kind=report.info.kind,
            latest_by=report.info.latest_by,
            refreshed_at=report.refreshed_at,
            rows=report.frame.height,
            likely_types=report.likely_types,
            notes=report.notes,
        )

    def newest_kind(self, report_slug: str) -> ReportKind | None:
        """Return the kind of the report from its newest stored frame; None when there is no frame."""
        folder = self.path(report_slug, date.min).parent
        for path in sorted(folder.glob("*.parquet"), reverse=True):
            if stored := self.stored(report_slug, date.fromisoformat(path.stem)):
                return stored.kind
        return None

    def newest_day(self, report_slug: str) -> date | None:
        """Return the newest day of which a frame of the report is stored; None when there is no frame."""
        folder = self.path(report_slug, date.min).parent
        for path in sorted(folder.glob("*.parquet"), reverse=True):
            if self.stored(report_slug, day := date.fromisoformat(path.stem)):
                return day
        return None

    def rows_before(self, report_slug: str, day: date) -> int | None:
        """Return the number of rows of the newest stored frame before `day`; None when there is no such frame."""
        folder = self.path(report_slug, day).parent
        older = sorted((path for path in folder.glob("*.parquet") if path.stem < day.isoformat()), reverse=True)
        for path in older:
            if stored := self.stored(report_slug, date.fromisoformat(path.stem)):
                return stored.rows
        return None


def fetch_day(source: ReportSource, folder: ReportFolder, info: ReportInfo, day: date) -> tuple[StoredReport, bool]:
    """Return the stored report of `day`, and whether it was fetched. A current frame is not fetched again.

    A frame is current when the source has nothing newer, and the same declared columns were kept as text.

    Raises:
        NoDataForDay: the source has no data for the day. Another day never replaces it.
    """
    with folder.locked(info.slug, day):
        if stored := find_current(source, folder, info, day):
            return stored, False
        report = source.read(info, day)
        return folder.write(replace(report, identity=report.identity + _name_text_columns(info))), True


def find_current(source: ReportSource, folder: ReportFolder, info: ReportInfo, day: date) -> StoredReport | None:
    """Return the stored frame of `day` if it equals what the source would return; None when it has to be fetched.

    Raises:
        NoDataForDay: the source has no data for the day.
    """
    stored = folder.stored(info.slug, day)
    if stored is None or stored.identity != source.identity(info, day) + _name_text_columns(info):
        return None
    return stored


def _name_text_columns(info: ReportInfo) -> str:
    return f" text: {sorted(info.text_columns & info.columns.keys())}"
