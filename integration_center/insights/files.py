"""Read reports from file drops, such as `<root>/<report-slug>/<YYYY-MM-DD>*.csv`."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar

from integration_center.errors import NoDataForDay, ServiceUnavailable, UnreadableReport
from integration_center.files.regular_files import SMALL
from integration_center.insights.catalogue import (
    OPTIONAL,
    OUT_OF_THE_BOX,
    ReportInfo,
    find_report,
    is_visible,
    report_slug,
)
from integration_center.insights.declared.report_yaml import ReportFile, read_report_file
from integration_center.insights.drop_folders.drop_names import (
    FILE_NAME,
    SCHEMA_NAME,
    Format,
    NotTaken,
    find_not_taken,
    find_other_kind,
    find_passed_over,
    group_by_day,
    name_format,
)
from integration_center.insights.drop_folders.drops import Drop, DropChanged, Drops
from integration_center.insights.formats.file_kinds import open_file
from integration_center.insights.report_reader import Described, Part, Parts, ReportReader
from integration_center.insights.sizes import USUAL_LARGEST, SizeLimit
from integration_center.insights.source import TYPING_RULES, Keep, Mark, Report, keep_in_memory, no_data
from integration_center.insights.unpacking import find_packing, unpack
from integration_center.wording.plain_text import is_text, make_printable

READINGS = 3
"""How often files are listed and read, if they change during each reading."""
Found = TypeVar("Found")


@dataclass(frozen=True)
class Folder:
    """One report's folder under the root, and what is known about it without reading a drop."""

    name: str
    info: ReportInfo
    file: ReportFile
    days: Mapping[date, Sequence[Drop]]
    passed_over: Sequence[str] = ()
    """The names of files that are no drops, the newest name last; hidden and unfinished files are left out."""
    not_taken: Sequence[NotTaken] = ()


@dataclass(frozen=True)
class Fetched:
    """A file of a report, unpacked, with the format in its name, its `report.yaml`, and how it was packed."""

    label: str
    named: Format
    data: bytes
    file: ReportFile
    packing: str | None = None


class FilesSource:
    """A `ReportSource` over file drops, wherever they are. It only reads.

    Names from callers are compared with the existing folders, never joined to a path.

    Args:
        drops: the root that holds one folder per report.
        largest: the largest size of an unpacked file, in bytes, unless its `report.yaml` has `max_size`.
    """

    def __init__(self, drops: Drops, *, largest: int = USUAL_LARGEST) -> None:
        self._drops = drops
        self._limit = SizeLimit(largest)

    def __repr__(self) -> str:
        return f"FilesSource({self._drops!r})"

    def list_reports(self) -> list[ReportInfo]:
        """See `ReportSource.list_reports`. A folder with a broken `report.yaml` is listed with its problem.

        Raises:
            ConfigurationError: the root cannot be read.
        """
        folders = self._steadily("the reports", self._folders)
        return [folder.info for _, folder in sorted(folders.items())]

    def find(self, name: str) -> ReportInfo:
        """See `ReportSource.find`."""
        return find_report(self.list_reports(), name)

    def list_not_taken(self) -> list[NotTaken]:
        """List the files under the root that no run reads, each with the reason. Invisible reports are left out.

        Raises:
            ConfigurationError: the root cannot be read.
        """

        def look() -> list[NotTaken]:
            loose = [
                NotTaken("", drop.name, "it is in no report's folder; put it into one, such as logins/")
                for drop in self._drops.files("")
                if not drop.name.startswith(".") and drop.name != SCHEMA_NAME
            ]
            return loose + [each for _, folder in sorted(self._folders().items()) for each in folder.not_taken]

        return self._steadily("the drops", look)

    def newest_day(self, report: ReportInfo) -> date | None:
        """See `ReportSource.newest_day`: it is the newest date in the name of a file."""
        return max(self._steadily(f"report {report.name!r}", lambda: self._folder(report)).days, default=None)

    def missing(self, report: ReportInfo, days: Sequence[date]) -> NoDataForDay | None:
        """See `ReportSource.missing`."""
        folder = self._steadily(f"report {report.name!r}", lambda: self._folder(report))
        missing = [day for day in days if day not in folder.days]
        return self._no_data(folder, missing) if missing else None

    def marks(self, report: ReportInfo, days: Sequence[date]) -> Mapping[date, Mark]:
        """See `ReportSource.marks`: they come from the listing of the folder."""
        folder = self._steadily(f"report {report.name!r}", lambda: self._folder(report))
        return {day: _mark(folder.days[day]) for day in days if day in folder.days}

    def identity(self, report: ReportInfo, day: date) -> str:
        """See `ReportSource.identity`: it depends on the files of `day` and on `report.yaml`."""

        def identify() -> str:
            folder = self._folder(report)
            return _identify(folder, [(drop, self._drops.identify(drop)) for drop in self._pick(folder, day)])

        return self._steadily(f"report {report.name!r}", identify)

    def repeats(self, report: ReportInfo, day: date, content: str) -> str | None:
        """See `ReportSource.repeats`: one file on this machine can be compared with another."""
        rules, _, version = content.partition(" ")

        def compare() -> str | None:
            folder = self._folder(report)
            drop, *others = self._pick(folder, day)
            if others or rules != _hash_rules(folder, drop) or not self._drops.holds(drop, version):
                return None
            return _identify(folder, [(drop, version)])

        return self._steadily(f"report {report.name!r}", compare)

    def read(self, report: ReportInfo, day: date, keep: Keep = keep_in_memory) -> Report:
        """See `ReportSource.read`. The rows of several parts are in the order of the files' names."""
        return self._steadily(f"report {report.name!r}", lambda: self._read(report, day, keep))

    def fetch(self, report: ReportInfo, day: date) -> Fetched:
        """Fetch the last file of a day by name, unpacked but not parsed, to inspect it.

        Raises:
            NoDataForDay: there is no file for `day`.
            UnreadableReport: the file cannot be read or unpacked.
        """

        def fetch() -> Fetched:
            folder = self._folder(report)
            if not (drops := folder.days.get(day)):
                raise self._no_data(folder, [day])
            return self._fetch(drops[-1], folder.file)

        return self._steadily(f"report {report.name!r}", fetch)

    def find_description(self, report: ReportInfo) -> ReportFile:
        """Find what `report.yaml` says of a report; all defaults where there is none, or where it is broken."""
        return self._steadily(f"report {report.name!r}", self._folders)[report.slug].file

    def fetch_newest(self, folder: str, file: ReportFile) -> Fetched | None:
        """Fetch the newest file of a folder as another `report.yaml` would choose it; None without any.

        Raises:
            UnreadableReport: the file cannot be read or unpacked.
        """

        def fetch() -> Fetched | None:
            if folder not in self._drops.folders():
                return None
            days = group_by_day(self._drops.files(folder), file.names)
            return self._fetch(days[max(days)][-1], file) if days else None

        return self._steadily(f"the files of {folder!r}", fetch)

    def _fetch(self, drop: Drop, file: ReportFile) -> Fetched:
        label = f"{drop.folder}/{drop.name}"
        content = self._drops.read(drop)
        with content.reading():
            data = bytes(unpack(content.data, label, limit=file.limit or self._limit))
            return Fetched(label, name_format(drop.name), data, file, find_packing(content.data))

    def _read(self, report: ReportInfo, day: date, keep: Keep) -> Report:
        folder = self._folder(report)
        drops = self._pick(folder, day)
        source = " + ".join(f"{drop.folder}/{drop.name}" for drop in drops)
        described = Described(folder.info, folder.file, f"{folder.name}/{FILE_NAME}")
        openers = [partial(self._open, drop, folder.file, folder.file.limit or self._limit) for drop in drops]
        parts = Parts(source, openers)
        reader = ReportReader(parts, described, report)
        rows = keep(reader.schema, reader.read())
        if reader.settled is not None:
            before, parts = parts, Parts(source, openers)
            reader = ReportReader(parts, described, report, reader.settled)
            rows = keep(reader.schema, reader.read())
            if parts.versions != before.versions:
                raise DropChanged(source)
        return Report(
            info=reader.info,
            day=day,
            rows=rows,
            identity=_identify(folder, zip(drops, parts.versions, strict=True)),
            refreshed_at=max(drop.modified for drop in drops),
            likely_types=reader.likely_types,
            notes=[*parts.notes, *reader.notes],
            numbers=parts.find_numbers(),
            doubts=reader.doubts,
            content=f"{_hash_rules(folder, drops[0])} {parts.versions[0]}" if len(drops) == 1 else None,
        )

    def _open(self, drop: Drop, file: ReportFile, limit: SizeLimit) -> Part:
        """Open one file of a report."""
        content = self._drops.read(drop)
        label = f"{drop.folder}/{drop.name}"
        with content.reading():
            data = unpack(content.data, label, limit=limit)
            return Part(label, open_file(data, label, name_format(drop.name), file, limit=limit), content)

    def _steadily(self, what: str, look: Callable[[], Found]) -> Found:
        """Return what `look` returns, calling it again if the files change meanwhile.

        Raises:
            ServiceUnavailable: the files changed each time.
        """
        for _ in range(READINGS):
            try:
                return look()
            except DropChanged:
                continue
        raise ServiceUnavailable(
            f"{what}: the files changed during each of {READINGS} readings; run the day again later"
        )

    def _folders(self, slug: str | None = None) -> Mapping[str, Folder]:
        """Find the visible reports by slug, or only the report of `slug`. Some are visible even without a folder."""
        names = [name for name in self._drops.folders() if not name.startswith(".")]
        folders = {
            each: Folder(each, info, ReportFile(), {}) for each, info in OUT_OF_THE_BOX.items() if each not in OPTIONAL
        }
        by_slug: dict[str, list[str]] = defaultdict(list)
        for name in names:
            by_slug[report_slug(name)].append(name)
        for each, same in by_slug.items():
            if slug not in (None, each):
                continue
            folder = self._describe(each, same)
            if folder.info.problem or is_visible(each, folder.info.tags):
                folders[each] = folder
        return folders

    def _describe(self, slug: str, names: Sequence[str]) -> Folder:
        name = names[0]
        shown = make_printable(name)
        info = OUT_OF_THE_BOX.get(slug) or ReportInfo(slug, slug, shown)
        try:
            if not is_text(name):
                raise UnreadableReport(f"{self._drops.locate(name)}: the folder's name is not UTF-8; rename the folder")
            if len(names) > 1:
                same, root = ", ".join(map(repr, names)), self._drops.locate("")
                raise UnreadableReport(f"folders {same} of {root} are one report, {slug!r}; merge them")
            files = self._drops.files(name)
            file = self._read_description(files)
        except UnreadableReport as error:
            return Folder(name, replace(info, id=shown, problem=make_printable(str(error))), ReportFile(), {})
        said = {key: getattr(file, key) for key in ("name", "kind", "key_column", "latest_by") if getattr(file, key)}
        info = replace(info, id=name, tags=tuple(file.tags), columns=file.types, **said)
        days = group_by_day(files, file.names)
        not_taken = find_not_taken(name, files, days, file.names, in_parts=file.parts is not None)
        return Folder(name, info, file, days, find_passed_over(files, days), not_taken)

    def _read_description(self, files: Iterable[Drop]) -> ReportFile:
        for drop in files:
            if drop.name == FILE_NAME:
                return read_report_file(
                    bytes(self._drops.read(drop, most=SMALL).data), self._drops.locate(drop.folder, drop.name)
                )
        return ReportFile()

    def _folder(self, report: ReportInfo) -> Folder:
        folders = self._folders(report.slug)
        info = find_report((folder.info for folder in folders.values()), report.slug)
        return folders[info.slug]

    def _pick(self, folder: Folder, day: date) -> Sequence[Drop]:
        """Return the files of `day`, in the order of their names."""
        drops = folder.days.get(day, [])
        if not drops:
            raise self._no_data(folder, [day])
        if len(drops) > 1 and folder.file.parts is None:
            names, place = ", ".join(drop.name for drop in drops), self._drops.locate(folder.name, FILE_NAME)
            raise UnreadableReport(
                f"report {folder.info.name!r}: {len(drops)} files for {day} ({names});"
                f" remove all but one, or set in {place} what they are: `parts: concat` or `parts: last`"
            )
        return drops if folder.file.parts == "concat" else drops[-1:]

    def _no_data(self, folder: Folder, days: Sequence[date]) -> NoDataForDay:
        usual = folder.file.names.write_name(days[0])
        place = self._drops.locate(folder.name, usual)
        each, again = ("the file as", "day") if len(days) == 1 else ("one file a day, such as", "days")
        advice = f"Drop {each} {place}, then run the {again} again"
        if folder.passed_over:
            advice += f". Not taken, because the names {folder.file.names.say_passed_over(folder.passed_over)}"
            advice += "" if folder.days else folder.file.names.advise(folder.passed_over)
        for name in (each for each in folder.passed_over if each.startswith(tuple(map(str, days)))):
            if kind := find_other_kind(name):
                advice += f". {name}: {kind[0]} are not read; {kind[1]}"
                break
        for name in (usual, str(days[0])):
            if self._drops.files(f"{folder.name}/{name}"):
                advice += f". {name} is a folder there; move the file out of it, and name it {usual}"
                break
        return no_data(folder.info, days, max(folder.days, default=None), advice)


def _mark(drops: Sequence[Drop]) -> Mark:
    shown = "\0".join(f"{drop.name} {drop.modified.isoformat()} {drop.version}" for drop in drops)
    return Mark(hashlib.sha256(shown.encode(errors="replace")).hexdigest(), max(drop.modified for drop in drops))


def _hash_rules(folder: Folder, drop: Drop) -> str:
    """Hash all that decides how the bytes of a file are read."""
    rules = f"{TYPING_RULES}\0{folder.file.model_dump_json()}\0{name_format(drop.name)}"
    return hashlib.sha256(rules.encode()).hexdigest()


def _identify(folder: Folder, versions: Iterable[tuple[Drop, str]]) -> str:
    digest = hashlib.sha256(f"{TYPING_RULES}\0{folder.file.model_dump_json()}".encode())
    for drop, version in versions:
        digest.update(f"\0{drop.name}\0{version}".encode())
    return f"files:{digest.hexdigest()}"
