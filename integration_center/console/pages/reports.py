"""The reports, and the page of one: what its newest file is, and a form for its `report.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.lookups import Answer, wait_for
from integration_center.console.pages.sample import find_place
from integration_center.console.plain_words import LABELS, say_error
from integration_center.console.report_form import (
    COLUMN_OPTIONS,
    SECTIONS,
    TYPE_WORDS,
    ReportForm,
    build_file,
    name_input,
    read_form,
    show_file,
)
from integration_center.console.report_trial import Trial, say_file, try_file
from integration_center.console.shell.context import Console, console_of, note, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.errors import EditedMeanwhile, IntegrationCenterError, ReportError, UnreadableReport
from integration_center.insights.catalogue import ReportInfo
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.declared.report_yaml_edit import KeptReportFile, read_kept, save_report_file
from integration_center.insights.drop_folders.drop_names import NotTaken
from integration_center.insights.files import FilesSource
from integration_center.insights.source import ReportSource

PATIENCE = 20.0
"""Seconds that a page waits for a file to be read."""
KEPT = 60.0
LARGE = 4
NOT_HERE = "The reports are not in a folder of this machine, so their options cannot be saved here."


@dataclass(frozen=True)
class ListedReport:
    """A report of the list.

    Attributes:
        newest: the newest day; None without any.
        problem: why it cannot be read; None where it can.
    """

    info: ReportInfo
    newest: date | None
    problem: str | None


def show_reports(request: Request) -> Response:
    """All reports, and files that no run reads."""
    console = console_of(request)
    answer = ask_for_reports(console)
    if not wait_for([answer], PATIENCE):
        values: dict[str, Any] = {"reports": None, "not_taken": [], "is_files": True, "offers_sample": False}
        return render(request, "reports.html", values)
    reports, not_taken = answer.get()
    is_files = console.installation.settings.walkme_source == "files"
    has_none = not any(each.newest for each in reports)
    values = {
        "reports": reports,
        "not_taken": not_taken,
        "is_files": is_files,
        "offers_sample": has_none and user_of(request).may_change and find_place(console) is not None,
    }
    return render(request, "reports.html", values)


def ask_for_reports(console: Console) -> Answer[tuple[list[ListedReport], list[NotTaken]]]:
    """Ask for the reports in the background; see `list_all`. The answer is kept for a while."""
    return console.lookups.ask(("report list",), lambda tell: list_all(console.interactive.source()), kept=10.0)


def list_all(source: ReportSource) -> tuple[list[ListedReport], list[NotTaken]]:
    """List the reports, and the files that no run reads."""
    listed = []
    for info in source.list_reports():
        newest, problem = None, info.problem
        if not problem:
            try:
                newest = source.newest_day(info)
            except ReportError as error:
                problem = say_error(error)
        listed.append(ListedReport(info, newest, problem))
    return listed, source.list_not_taken() if isinstance(source, FilesSource) else []


def show_report(request: Request) -> Response:
    """What the newest file of a report is, and what its `report.yaml` says."""
    info, kept = open_report(request)
    return show(request, info, kept, show_file(kept.file), begin_trial(request, info, kept.file))


def take_report(request: Request) -> Response:
    """Check what was typed on the newest file, take over a proposal, open the options of a column, or save."""
    info, kept = open_report(request)
    typed, go = form_of(request), form_of(request).get("go", "")
    form = read_form(lambda name: typed.get(name, ""), typed.getlist("column"))
    file, problems = build_file(form)
    form = replace(form, problems=problems)
    if go.startswith("column-") and (name := go.removeprefix("column-")) not in form.columns:
        form = replace(form, columns={**form.columns, name: dict.fromkeys((o.name for o in COLUMN_OPTIONS), "")})
    if file is None:
        return show(request, info, kept, form, None, status=422)
    answer = begin_trial(request, info, file)
    if go == "take":
        return take_proposal(request, info, kept, file, answer)
    if go not in ("save", "save-anyway"):
        return show(request, info, kept, form, answer)
    if go == "save":
        ready = answer is None or wait_for([answer], PATIENCE)
        trial, problem = find_trial(answer) if ready else (None, "It is still being tried; press Save again.")
        if problem or (trial and trial.refused):
            return show(request, info, kept, form, answer, status=422, stopped=problem or "")
    return save(request, info, typed.get("version", ""), file)


def take_proposal(
    request: Request, info: ReportInfo, kept: KeptReportFile, file: ReportFile, answer: Answer[Trial | None] | None
) -> Response:
    """Show the form with what was proposed for the newest file."""
    trial = find_trial(answer)[0] if answer is not None and wait_for([answer], PATIENCE) else None
    proposed = file.add(trial.found.proposal) if trial else file
    return show(request, info, kept, show_file(proposed), begin_trial(request, info, proposed))


def save(request: Request, info: ReportInfo, version: str, file: ReportFile) -> Response:
    """Save the `report.yaml`."""
    folder, console = find_folder(request, info), console_of(request)
    if folder is None:
        raise HTTPException(409, NOT_HERE)
    here = f"/reports/{info.slug}"
    try:
        changed = save_report_file(folder, version, file)
    except EditedMeanwhile as error:
        return redirect(request, here, say_error(error), "danger")
    if changed:
        note(
            request,
            Action.CHANGED,
            detail=f"how {info.name} is read: {', '.join(LABELS.get(name, name) for name in changed)}",
        )
    console.forget_reports()
    return redirect(request, here, "The options of the report are saved." if changed else "Nothing was changed.")


def show(
    request: Request,
    info: ReportInfo,
    kept: KeptReportFile,
    form: ReportForm,
    answer: Answer[Trial | None] | None,
    *,
    status: int = 200,
    stopped: str | None = None,
) -> Response:
    """Show the page of a report.

    Args:
        request: what it answers.
        info: the report.
        kept: its `report.yaml` as it is now.
        form: what the form holds.
        answer: what the form makes of the newest file; None where that cannot be tried.
        status: of HTTP.
        stopped: why it was not saved; None where nobody tried, empty where the trial says it.
    """
    ready = answer is not None and wait_for([answer], PATIENCE)
    trial, problem = find_trial(answer) if ready else (None, None)
    values: dict[str, Any] = {
        "info": info,
        "kept": kept,
        "form": form,
        "sections": SECTIONS,
        "column_options": COLUMN_OPTIONS,
        "name_input": name_input,
        "trial": trial,
        "trial_problem": problem,
        "waiting": answer is not None and not ready,
        "stopped": stopped,
        "may_save": find_folder(request, info) is not None,
        "not_here": NOT_HERE,
        "previews": console_of(request).installation.settings.previews,
        "type_words": TYPE_WORDS,
        "say_file": say_file,
        "columns": list_columns(trial, form),
        "here": f"/reports/{info.slug}",
    }
    return render(request, "report.html", values, status=status)


def list_columns(trial: Trial | None, form: ReportForm) -> Sequence[str]:
    """List the columns that options can be given to: those of the file that have none yet."""
    if trial is None:
        return []
    renamed = {own["name"] for own in form.columns.values() if own.get("name")}
    return [column.name for column in trial.found.columns if column.name not in renamed | form.columns.keys()]


def open_report(request: Request) -> tuple[ReportInfo, KeptReportFile]:
    """Find the report of an address, and its `report.yaml`.

    Raises:
        HTTPException: 404 where there is no such report, or reports are no files.
    """
    console, slug = console_of(request), request.path_params["slug"]
    source = console.interactive.source()
    if not isinstance(source, FilesSource):
        raise HTTPException(404, "The reports come from an API, so there are no files to look at.")
    info = next((each for each in source.list_reports() if each.slug == slug), None)
    if info is None:
        raise HTTPException(404, f"There is no report {slug!r}, or it has no tag that makes it visible.")
    folder = find_folder(request, info)
    return info, read_kept(folder) if folder else KeptReportFile("", source.find_description(info))


def find_folder(request: Request, info: ReportInfo) -> Path | None:
    """Find the folder of a report's files; None where it is not on this machine, or leads out of the root."""
    settings = console_of(request).installation.settings
    root = Path(settings.walkme_files_root)
    if "://" in settings.walkme_files_root or not root.is_dir():
        return None
    folder = root / info.id
    return folder if folder.is_dir() and folder.resolve().is_relative_to(root.resolve()) else None


def begin_trial(request: Request, info: ReportInfo, file: ReportFile) -> Answer[Trial | None] | None:
    """Begin to try a `report.yaml` on the newest file of a report."""
    source = console_of(request).interactive.source()
    if not isinstance(source, FilesSource):
        return None
    key = ("file", "trial", info.slug, file.model_dump_json())
    return console_of(request).lookups.ask(key, lambda tell: try_file(source, info.id, file), kept=KEPT, most=LARGE)


def find_trial(answer: Answer[Trial | None] | None) -> tuple[Trial | None, str | None]:
    """Return a trial, and why there is none."""
    if answer is None:
        return None, None
    try:
        trial = answer.get()
    except (UnreadableReport, IntegrationCenterError) as error:
        return None, say_error(error)
    return trial, None


PAGE = Page(
    nav=(Link("Reports", "/reports"),),
    routes=(
        view("/reports", show_reports),
        view("/reports/{slug}", show_report),
        change("/reports/{slug}", take_report),
    ),
)
