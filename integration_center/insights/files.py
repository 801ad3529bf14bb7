"""Reports from file drops: `<root>/<report-slug>/<YYYY-MM-DD>*.csv`, as WalkMe's outgoing integrations leave them."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from integration_center.errors import ConfigurationError, UnreadableReport
from integration_center.insights.catalogue import (
    OPTIONAL,
    OUT_OF_THE_BOX,
    ReportInfo,
    find_report,
    fit_columns,
    is_visible,
    report_slug,
)
from integration_center.insights.columns import type_columns
from integration_center.insights.delimited import read_text_frame
from integration_center.insights.report_yaml import FILE_NAME, ReportFile, read_report_file
from integration_center.insights.source import TYPING_RULES, Report, no_data

_DROP = re.compile(r"^(\d{4}-\d{2}-\d{2})(?!\d).*\.csv$", re.IGNORECASE)


@dataclass(frozen=True)
class Folder:
    """One report's folder under the root, and what is known of it without reading a drop."""

    path: Path
    info: ReportInfo
    file: ReportFile


@dataclass(frozen=True)
class Drop:
    """One file of one day, read whole, so that identity and rows are of the same bytes."""

    path: Path
    data: bytes
    modified: datetime


class FilesSource:
    """A `ReportSource` over a local folder; it only reads.

    Names given by callers are compared to the folders that are there, never joined to a path, and a folder or file
    that a link leads out of the root is refused.

    Args:
        root: the folder that holds one folder a report.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser()

    def __repr__(self) -> str:
        return f"FilesSource({str(self._root)!r})"

    def list_reports(self) -> list[ReportInfo]:
        """See `ReportSource.list_reports`; a folder with a broken `report.yaml` is listed with its problem.

        Raises:
            ConfigurationError: the root is no folder that can be read.
        """
        return [folder.info for _, folder in sorted(self._folders().items())]

    def find(self, name: str) -> ReportInfo:
        """See `ReportSource.find`."""
        return find_report(self.list_reports(), name)

    def newest_day(self, report: ReportInfo) -> date | None:
        """See `ReportSource.newest_day`: the newest date in the name of a file."""
        return max(_find_drops(self._folder(report).path), default=None)

    def identity(self, report: ReportInfo, day: date) -> str:
        """See `ReportSource.identity`: a hash of the files of `day` and of what `report.yaml` says."""
        folder = self._folder(report)
        return _identify(folder, self._load(folder, day))

    def read(self, report: ReportInfo, day: date) -> Report:
        """See `ReportSource.read`; the rows of several parts stand in the order of the files' names."""
        folder = self._folder(report)
        drops = self._load(folder, day)
        frames = [read_text_frame(drop.data, self._label(drop.path)) for drop in drops]
        source = " + ".join(self._label(drop.path) for drop in drops)
        frame = _join_parts(frames, source)
        absent = [name for name in folder.file.named_columns if name not in frame.columns]
        if absent:
            raise UnreadableReport(
                f"{source}: {self._label(folder.path / FILE_NAME)} names column {', '.join(map(repr, absent))}, which"
                f" the file lacks; it has {', '.join(map(repr, frame.columns))}. Mend one of the two"
            )
        info = fit_columns(folder.info, frame.columns)
        return Report(
            info=info,
            day=day,
            frame=type_columns(frame, key_column=info.key_column, declared=info.declare(report), source=source),
            identity=_identify(folder, drops),
            refreshed_at=max(drop.modified for drop in drops),
        )

    def _folders(self) -> Mapping[str, Folder]:
        """The visible reports by slug, the always visible ones even where they have no folder yet."""
        try:
            children = sorted(path for path in self._root.iterdir() if path.is_dir() and not path.name.startswith("."))
        except OSError as error:
            raise ConfigurationError(
                f"the folder of report drops {self._root} cannot be read ({type(error).__name__});"
                " make it, or name another one in the settings"
            ) from None
        folders = {
            slug: Folder(self._root / slug, info, ReportFile())
            for slug, info in OUT_OF_THE_BOX.items()
            if slug not in OPTIONAL
        }
        by_slug: dict[str, list[Path]] = defaultdict(list)
        for path in children:
            by_slug[report_slug(path.name)].append(path)
        for slug, paths in by_slug.items():
            folder = self._describe(slug, paths)
            if folder.info.problem or is_visible(slug, folder.info.tags):
                folders[slug] = folder
        return folders

    def _describe(self, slug: str, paths: Sequence[Path]) -> Folder:
        path = paths[0]
        info = OUT_OF_THE_BOX.get(slug) or ReportInfo(slug, slug, path.name)
        try:
            if len(paths) > 1:
                names = ", ".join(repr(each.name) for each in paths)
                raise UnreadableReport(f"folders {names} of {self._root} are one report, {slug!r}; merge them")
            self._check_inside(path)
            self._check_inside(path / FILE_NAME)
            file = read_report_file(path / FILE_NAME)
        except UnreadableReport as error:
            return Folder(path, replace(info, id=path.name, problem=str(error)), ReportFile())
        said = {key: getattr(file, key) for key in ("name", "kind", "key_column", "latest_by") if getattr(file, key)}
        return Folder(path, replace(info, id=path.name, tags=tuple(file.tags), columns=file.columns, **said), file)

    def _folder(self, report: ReportInfo) -> Folder:
        folders = self._folders()
        info = find_report((folder.info for folder in folders.values()), report.slug)
        return folders[info.slug]

    def _load(self, folder: Folder, day: date) -> list[Drop]:
        by_day = _find_drops(folder.path)
        paths = by_day.get(day, [])
        if not paths:
            advice = f"Drop the file as {folder.path / f'{day}.csv'}, then run the day again"
            raise no_data(folder.info, day, max(by_day, default=None), advice)
        if len(paths) > 1 and folder.file.parts is None:
            raise UnreadableReport(
                f"report {folder.info.name!r}: {len(paths)} files for {day} ({', '.join(path.name for path in paths)});"
                f" remove all but one, or say in {folder.path / FILE_NAME} what they are: parts: concat or parts: last"
            )
        return [self._read_drop(path) for path in (paths if folder.file.parts == "concat" else paths[-1:])]

    def _read_drop(self, path: Path) -> Drop:
        self._check_inside(path)
        try:
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            return Drop(path, path.read_bytes(), modified)
        except OSError as error:
            raise UnreadableReport(
                f"{path} cannot be read ({type(error).__name__}); check that it is a file and its permissions"
            ) from None

    def _check_inside(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise UnreadableReport(f"{path} leads out of {self._root}; put the files themselves there")

    def _label(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _find_drops(folder: Path) -> dict[date, list[Path]]:
    """The drops of a folder by day, by name within a day; a name that starts with no date of the calendar is none."""
    drops: dict[date, list[Path]] = defaultdict(list)
    try:
        paths = sorted(folder.iterdir(), key=_natural_order) if folder.is_dir() else []
    except OSError as error:
        raise UnreadableReport(f"{folder} cannot be read ({type(error).__name__}); check its permissions") from None
    for path in paths:
        match = _DROP.match(path.name)
        if match and (day := _parse_day(match[1])):
            drops[day].append(path)
    return drops


def _natural_order(path: Path) -> list[str | int]:
    """Part 9 before part 10, and `2026-11-22` before `2026-11-22-2`, unlike plain text."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.stem)]


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _identify(folder: Folder, drops: Sequence[Drop]) -> str:
    digest = hashlib.sha256(f"{TYPING_RULES}\0{folder.file.model_dump_json()}".encode())
    for drop in drops:
        digest.update(f"\0{drop.path.name}\0{len(drop.data)}\0".encode())
        digest.update(drop.data)
    return f"files:{digest.hexdigest()}"


def _join_parts(frames: Sequence[pl.DataFrame], source: str) -> pl.DataFrame:
    first = frames[0]
    for frame in frames[1:]:
        if sorted(frame.columns) != sorted(first.columns):
            raise UnreadableReport(f"{source}: the parts of one day differ in their columns; send them with one header")
    # By subscript: `select` would read a column called `^.*$` as a pattern.
    return pl.concat([frame[first.columns] for frame in frames])
