"""`inspect`: what a report's file is, and the `report.yaml` that reads it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_center.cli.output import AsJson, Column, console, errors, print_json, print_rows
from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.insights.declared.report_yaml import ReportFile, read_report_file
from integration_center.insights.drop_folders.drop_names import FILE_NAME, find_ending, find_other_kind, name_format
from integration_center.insights.drop_folders.drops import LARGEST
from integration_center.insights.files import Fetched, FilesSource
from integration_center.insights.inspecting.inspection import ColumnLook, Inspection, inspect_fetched
from integration_center.insights.inspecting.saved_proposals import save_proposal, write_proposal
from integration_center.insights.sizes import SizeLimit
from integration_center.insights.source import last_full_day, parse_day
from integration_center.insights.unpacking import find_packing, unpack
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center.wording.near_names import say_nearest
from integration_center.wording.sentences import count

COLUMNS = (
    Column("name", "Column"),
    Column("type", "Looks like"),
    Column("empty", "Empty", right=True),
    Column("distinct", "Different", right=True),
    Column("unique", "Unique", right=True),
    Column("samples", "Samples"),
)

MOST_COLUMNS = 300
"""The most columns that are shown. To draw a table of 20,000 takes longer than to look at them."""
MOST_KEYS = 20


def inspect_report(
    what: Annotated[str, typer.Argument(metavar="FILE|REPORT", help="A file, or a report by its name.")],
    day: Annotated[str | None, typer.Option(metavar="D", help="Of a report: the day; the newest without it.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Write the report.yaml that reads the file, beside it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at a report's file, and find the report.yaml that reads it."""
    path = Path(what)
    fetched, folder = (fetch_file(path), path.parent) if is_path(what) else fetch_report(what, day)
    found = inspect_fetched(fetched)
    if is_path(what) and (note := say_name(path.name, fetched.file)):
        found = replace(found, notes=[*found.notes, note])
    previews = read_settings().previews
    if as_json:
        print_json(describe(found, previews=previews))
    else:
        show(found, previews=previews)
    if save and (place := save_proposal(found, folder)):
        # On standard error beside JSON, which stays alone on standard output.
        (errors if as_json else console).print(f"Written: {place}", markup=False, soft_wrap=True)
    if found.problem:
        raise typer.Exit(1)


def is_path(what: str) -> bool:
    """Return whether a file is meant, and not a report by its name.

    Raises:
        ConfigurationError: it is a folder, or there is no such file.
    """
    path = Path(what)
    if path.exists() and not path.is_dir():
        return True
    is_below = what != path.name and path.parent.is_dir()  # a report may have a slash in its name
    if path.is_dir() and is_below:
        raise ConfigurationError(f"{what} is a folder; name a file in it")
    if not is_below and find_ending(what) is None:
        return False
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no folder {path.parent}")
    names = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    where = f"the folder {path.parent.absolute()} has no file {path.name!r}"
    raise ConfigurationError(f"{where}; {say_nearest(path.name, names)}" if names else f"{where}; it holds no file")


def say_name(name: str, file: ReportFile) -> str | None:
    """Say why no run takes a file of this name; None for a name that fits."""
    if kind := find_other_kind(name):
        return "no run takes a file of this name: {} are not read; {}".format(*kind)
    if file.names.read_day(name):
        return None
    return f"no run takes a file of this name: {file.names.expected}{file.names.advise([name])}"


def fetch_file(path: Path) -> Fetched:
    """A file by its path, with the `report.yaml` beside it.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        beside = path.parent / FILE_NAME
        file = read_report_file(read_regular(beside), str(beside)) if beside.is_file() else ReportFile()
        packed = read_regular(path, most=LARGEST)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    data = bytes(unpack(packed, path.name, limit=file.limit or SizeLimit()))
    return Fetched(path.name, name_format(path.name), data, file, find_packing(packed))


def fetch_report(name: str, day: str | None) -> tuple[Fetched, Path | None]:
    """The file of a report's day, and its folder where that is one of this machine.

    Raises:
        UnknownReport: there is no such report, and no such file.
        NoDataForDay: there is no file of that day.
    """
    try:
        wanted = parse_day(day) if day else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--day") from None
    with open_installation() as installation:
        source, root = installation.source(), installation.settings.walkme_files_root
        if not isinstance(source, FilesSource):
            raise ConfigurationError("reports of the api source are no files; name a file")
        info = source.find(name)
        newest = wanted or source.newest_day(info) or last_full_day(datetime.now(UTC))
        folder = Path(root) / info.id
        return source.fetch(info, newest), folder if folder.is_dir() else None


def describe(found: Inspection, *, previews: bool) -> dict[str, Any]:
    """All that was found, values only where previews are on."""
    described = asdict(found)
    if not previews:
        for column in described["columns"]:
            del column["samples"], column["written"]
    return described


def write_samples(column: ColumnLook) -> list[str]:
    """Write the samples of a column, each with the cell of the file where that differs."""
    pairs = zip(column.written, column.samples, strict=True)
    return [read if cell == read else f"{cell} → {read}" for cell, read in pairs]


def list_keys(names: Sequence[str]) -> str:
    """List the columns that may be the key, as far as a person reads them."""
    more = len(names) - MOST_KEYS
    return ", ".join([*names[:MOST_KEYS], *([f"and {more:,} more"] if more > 0 else [])]) or "no column"


def show(found: Inspection, *, previews: bool) -> None:
    """All that was found, for people."""
    console.print(f"[bold]{escape(found.source)}[/]: {escape(', '.join(found.facts))}", soft_wrap=True)
    if found.columns:
        table = [
            {
                "name": column.name,
                "type": column.type or "text",
                "empty": f"{column.empty:.0%}",
                "distinct": column.distinct,
                "unique": f"{column.unique:.0%}",
                "samples": ", ".join(write_samples(column)) if previews else "hidden",
            }
            for column in found.columns[:MOST_COLUMNS]
        ]
        print_rows(table, COLUMNS, as_json=False, empty="")
        if (more := len(found.columns) - MOST_COLUMNS) > 0:
            console.print(f"and {count(more, 'more column')}; --json lists all")
        console.print(f"May be the key: {list_keys(found.keys)}", markup=False)
    for note in found.notes:
        console.print(f"- {note}", markup=False, soft_wrap=True)
    if found.problem:
        console.print(found.problem, markup=False, soft_wrap=True)
    if found.proposal:
        console.print("What reads some of it:" if found.problem else "report.yaml that reads it:")
        console.print_lines(write_proposal(found).rstrip())
    elif not found.problem:
        doubts = any(FILE_NAME in note for note in found.notes)
        rest = "what is said above may need a line in it." if doubts else "it needs no line in it."
        console.print(f"It is read without {FILE_NAME}; {rest}")
