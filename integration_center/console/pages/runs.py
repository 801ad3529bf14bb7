"""Run Now and Plan: start a run, watch it, see what came of it."""

from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.dagster import NOT_RUNNING, DagsterDown, launch_once, start
from integration_center.console.labels import Labels, find_labels, spec_of_run
from integration_center.console.ledger import LedgerLine, first_lines, read_reasons
from integration_center.console.pages.integrations import find_file, read_back
from integration_center.console.progress import watch
from integration_center.console.report_notes import read_notes
from integration_center.console.results import count_troubled, judge, name_run
from integration_center.console.shell.context import Console, address_of, console_of, note, user_of
from integration_center.console.shell.links import record_url, run_url
from integration_center.console.shell.page import Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import AccountError, PlanError
from integration_center.insights.source import last_full_day, parse_day
from integration_center.integration_files.reading import DefsFile
from integration_center.pipeline.jobs.decisions import decide_release, reject
from integration_center.pipeline.jobs.release import require_releasable
from integration_center.pipeline.jobs.retry import (
    count_failed,
    describe_retry,
    request_retry,
    require_retryable,
    require_same_fields,
)
from integration_center.pipeline.jobs.undo import scanned_ledger
from integration_center.pipeline.names import FIRST_DAY
from integration_center.pipeline.runs.ending_runs import cancel_run
from integration_center.sync.outcome_words import TROUBLED, order_counts
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.sample import SAMPLE
from integration_center.wording.remedies import ASK


def run_now(request: Request) -> Response:
    """Start a run that pushes."""
    return _start(request, push=True)


def plan(request: Request) -> Response:
    """Start a dry run: it plans, and sends nothing."""
    return _start(request, push=False)


def _start(request: Request, *, push: bool) -> Response:
    file = find_file(request)
    day = read_day(form_of(request).get("day", ""), last_full_day(console_of(request).now()))
    try:
        started = start(request, file, day, push=push)
    except DagsterDown as error:
        return redirect(request, read_back(request), f"{error}.", "danger")
    to = f"/integrations/{file.slug}/runs/{started.run_id}"
    if started.already:
        said = "It runs already, so nothing was started twice. This is that run."
        return redirect(request, to, said, "info")
    return redirect(request, to)


def read_day(given: str, newest: date) -> date:
    """The UTC day asked for; the newest full one when none is.

    Raises:
        HTTPException: 400, it is none that can be run.
    """
    if not given:
        return newest
    try:
        day = parse_day(given)
    except ValueError:
        raise HTTPException(400, f"The day must look like {newest}.") from None
    if not FIRST_DAY <= day <= newest:
        raise HTTPException(400, f"Days go from {FIRST_DAY} to {newest}, the last UTC day that has ended.")
    return day


def show_run(request: Request) -> Response:
    """A run: its progress while it runs, then its result."""
    console = console_of(request)
    slug, run_id = request.path_params["slug"], request.path_params["run_id"]
    file = console.defs.find(slug)
    progress = watch(console, slug, file.spec if file else None, run_id)
    if progress is None:
        raise HTTPException(404, f"There is no run {run_id!r} of {slug!r}. Its history may have been deleted.")
    sync, installation = progress.sync, console.installation
    ended = sync if progress.ended else None
    trouble = count_troubled(ended) if ended else {}
    may_change = user_of(request).may_change
    labels = find_labels(console, sync.environment, sync.object) if sync else Labels("record")
    values = {
        "slug": slug,
        "run_id": run_id,
        "here": f"/integrations/{slug}/runs/{run_id}",
        "home": f"/integrations/{slug}" if file else "/",
        "name": (name := name_of(file, sync, slug)),
        "heading": name_run(name, sync, None if sync else installation.audit.of_run(run_id, slug)),
        "progress": progress,
        "sync": sync,
        "outcomes": count_outcomes(sync) if sync else [],
        "labels": labels,
        "run_url": run_url(console, run_id),
        "sample": find_sample(console, ended) if ended else [],
        "trouble": trouble,
        "troubled": first_lines(installation, ended, *trouble, most=SAMPLE) if ended and trouble else [],
        "reasons": read_reasons(installation, ended, list(Outcome), labels.call(spec_of_run(file, ended)))
        if ended
        else [],
        "notes": read_notes(installation, ended, file.spec if file else None) if ended else [],
        "result": judge(ended) if ended else None,
        "org": record_url(console, sync, "") if sync else None,
        "may_cancel": may_change and not progress.ended,
        "may_run": may_change and file is not None and file.problem is None,
        "may_undo": may_change and ended is not None and can_undo(ended),
        "newest": last_full_day(console.now()),
        "first": FIRST_DAY,
        "held": ended is not None and may_decide(request, ended) and is_held(console, ended),
        "retryable": count_retryable(console, ended) if ended and may_change else 0,
    }
    return render(request, "run.html", values)


def can_undo(sync: SyncRecord) -> bool:
    """Whether a run wrote something that its undo could take back."""
    lines = sync.lines
    return sync.applied_at is not None and any(lines.get(outcome) for outcome in WRITTEN)


def name_of(file: DefsFile | None, sync: SyncRecord | None, slug: str) -> str:
    """What the integration is called: as its file says now, else as it said then."""
    if file and file.spec:
        return file.spec.name
    return sync.name if sync else slug


def count_outcomes(sync: SyncRecord) -> list[tuple[Outcome, int, int]]:
    """Each outcome that occurs, with its rows and records: first those that somebody has to look at."""
    rows, lines = sync.rows, sync.lines
    calm = [outcome for outcome, _ in order_counts({**rows, **lines}) if outcome not in TROUBLED]
    return [
        (outcome, rows.get(outcome, 0), lines.get(outcome, 0))
        for outcome in (*TROUBLED, *calm)
        if rows.get(outcome) or lines.get(outcome)
    ]


def find_sample(console: Console, sync: SyncRecord) -> list[LedgerLine]:
    """A few lines with the values before and after: those updated, or those that a push would send."""
    counted = sync.lines
    # What the org changed again is shown first: it is what somebody has to look at.
    if shown := next((outcome for outcome in (Outcome.OVERRIDDEN, Outcome.UPDATED) if counted.get(outcome)), None):
        return first_lines(console.installation, sync, shown, most=SAMPLE)
    if counted.get(Outcome.PLANNED) or counted.get(Outcome.HELD):
        return first_lines(console.installation, sync, Outcome.PLANNED, Outcome.HELD, most=SAMPLE)
    return []


def release_held(request: Request) -> Response:
    """Start the release of a held plan, or approve one that waits for it."""
    console, sync, here = find_held(request)
    webserver = console.find_dagster()
    if webserver is None:
        return redirect(request, here, f"{NOT_RUNNING}.", "danger")
    who, reason = user_of(request).name, form_of(request).get("reason", "")
    try:
        wanted, environment, detail = decide_release(
            console.installation, sync, who=who, where=address_of(request), reason=reason
        )
    except PlanError as error:
        return redirect(request, here, f"{error}.", "danger")
    run_id = webserver.launch(wanted)
    note(request, Action.RELEASED, slug=sync.slug, environment=environment, detail=detail, run_id=run_id)
    return redirect(request, f"/integrations/{sync.slug}/runs/{run_id}")


def reject_held(request: Request) -> Response:
    """Reject a held plan, or one that waits for approval."""
    console, sync, here = find_held(request)
    who, reason = user_of(request).name, form_of(request).get("reason", "")
    try:
        reject(console.installation, sync, who=who, where=address_of(request), reason=reason)
    except PlanError as error:
        return redirect(request, here, f"{error}.", "danger")
    return redirect(request, here, "The plan is rejected. Nothing is sent.")


def cancel(request: Request) -> Response:
    """End a run that waits or works. What Salesforce took by then is booked by the run itself."""
    console, (slug, run_id) = console_of(request), (request.path_params["slug"], request.path_params["run_id"])
    here = f"/integrations/{slug}/runs/{run_id}"
    file = console.defs.find(slug)
    progress = watch(console, slug, file.spec if file else None, run_id)
    if progress is None:
        raise HTTPException(404, f"There is no run {run_id!r} of {slug!r}.")
    if progress.ended:
        return redirect(request, here, "It had ended already, so nothing was cancelled.", "info")
    if not cancel_run(console.installation.settings, run_id, user_of(request).name):
        return redirect(request, here, f"The process of the run was not reached. {ASK}", "danger")
    environment = progress.sync.environment if progress.sync else file.spec.environment if file and file.spec else None
    # The entry of the run itself says who started it.
    note(request, Action.CANCELLED, slug=slug, environment=environment, detail=f"run {run_id}")
    return redirect(request, here)


def retry_failed(request: Request) -> Response:
    """Start the retry of the failed records of a run."""
    console, sync = console_of(request), find_logged(request)
    here = f"/integrations/{sync.slug}/runs"
    try:
        environment, spec = require_retryable(console.installation, sync)
        wanted = request_retry(sync, environment, spec, user_of(request).name)
        started = launch_once(console, sync.slug, spec, wanted)
    except (PlanError, DagsterDown) as error:
        return redirect(request, f"{here}/{sync.run_id}", f"{error}.", "danger")
    if started.already:
        said = "This integration runs just now, so nothing was started twice. This is that run."
        return redirect(request, f"{here}/{started.run_id}", said, "info")
    detail = describe_retry(sync)
    note(request, Action.RETRIED, slug=sync.slug, environment=environment, detail=detail, run_id=started.run_id)
    return redirect(request, f"{here}/{started.run_id}")


def count_retryable(console: Console, sync: SyncRecord) -> int:
    """Count the failed records of a run that can be tried again now."""
    try:
        _, spec = require_retryable(console.installation, sync)
        with scanned_ledger(console.installation, sync) as ledger:
            require_same_fields(ledger, sync.slug, spec)
    except (PlanError, AccountError):
        return 0
    return count_failed(sync)


def find_held(request: Request) -> tuple[Console, SyncRecord, str]:
    """The sync that the address names, and the address of its page.

    Raises:
        HTTPException: 404, there is none; 403, its plan waits for an approver, and the user is none.
    """
    sync = find_logged(request)
    if not may_decide(request, sync):
        raise HTTPException(403, "Only an approver may decide about a plan that waits for approval.")
    return console_of(request), sync, f"/integrations/{sync.slug}/runs/{sync.run_id}"


def find_logged(request: Request) -> SyncRecord:
    """Find the line of the log that the address names.

    Raises:
        HTTPException: 404, there is none.
    """
    slug, run_id = request.path_params["slug"], request.path_params["run_id"]
    sync = console_of(request).installation.syncs.get(run_id, slug)
    if sync is None:
        raise HTTPException(404, f"There is no run {run_id!r} of {slug!r} in the log.")
    return sync


def may_decide(request: Request, sync: SyncRecord) -> bool:
    """Whether the user may release or reject the plan. Without sign-in everybody is the user of this machine."""
    user = user_of(request)
    approves = user.role >= Role.APPROVER or not user.signed_in
    return user.may_change and (approves or sync.status is not SyncStatus.WAITING)


def is_held(console: Console, sync: SyncRecord) -> bool:
    """Whether the plan of a run can be released or rejected now."""
    try:
        require_releasable(console.installation, sync, console.now())
    except (PlanError, AccountError):
        return False
    return True


PAGE = Page(
    routes=(
        change("/integrations/{slug}/runs/{run_id}/release", release_held),
        change("/integrations/{slug}/runs/{run_id}/reject", reject_held),
        change("/integrations/{slug}/runs/{run_id}/cancel", cancel),
        change("/integrations/{slug}/runs/{run_id}/retry", retry_failed),
        change("/integrations/{slug}/run", run_now),
        change("/integrations/{slug}/plan", plan),
        view("/integrations/{slug}/runs/{run_id}", show_run),
    ),
)
