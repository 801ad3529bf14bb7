"""The log: history of one integration or of all, the full log of a run, and its ledger."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from integration_center.access.users import Role
from integration_center.console.attention import say_wait
from integration_center.console.dagster import find_stored_status
from integration_center.console.engine import UNFINISHED, UnfinishedRun
from integration_center.console.labels import Labels, find_labels, spec_of_run
from integration_center.console.ledger import find_reasons, read_reasons, scan, stream_csv
from integration_center.console.ledger import read_page as read_ledger
from integration_center.console.ledger_query import SORTS, LedgerQuery
from integration_center.console.pages.runs import count_outcomes, name_of
from integration_center.console.plain_words import say_error
from integration_center.console.results import name_run, say_why
from integration_center.console.searches import LONGEST_TOKEN
from integration_center.console.shell.context import Console, console_of
from integration_center.console.shell.links import record_url, run_url
from integration_center.console.shell.page import Link, Page, change, form_of, read_page, view
from integration_center.console.shell.rendering import attach, redirect, render
from integration_center.console.story import tell_story
from integration_center.console.surroundings import PATIENCE
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanMissing, ServiceUnavailable
from integration_center.pipeline.instance.webserver import RunLog
from integration_center.sync.outcomes import Outcome

PAGE_RUNS = 50


def show_history(request: Request) -> Response:
    """The runs of one integration; also of one that is deleted, whose history stays."""
    slug = request.path_params["slug"]
    file = console_of(request).defs.find(slug)
    values = find_runs(request, slug)
    if file is None and not values["total"]:
        raise HTTPException(404, f"There is no integration {slug!r}, and no run of it.")
    last = values["runs"][0] if values["runs"] else None
    return render(
        request,
        "history.html",
        {**values, "name": name_of(file, last, slug), "slug": slug, "close": f"/integrations/{slug}" if file else "/"},
    )


def show_all(request: Request) -> Response:
    """The runs of all integrations."""
    return render(request, "history.html", {**find_runs(request, None), "name": "", "slug": None, "close": "/"})


def find_runs(request: Request, slug: str | None) -> dict[str, Any]:
    """A page of runs, narrowed as the address says."""
    asked = request.query_params
    console, status = console_of(request), asked.get("status", "")
    environment = console.installation.accounts.names.find(asked.get("environment", ""))
    text = asked.get("q", "").strip()[:255]
    narrowed = {
        "q": text,
        "environment": environment.value if environment else "",
        "status": status if status in set(SyncStatus) else "",
    }
    query = {name: value for name, value in narrowed.items() if value}
    page = read_page(request)
    runs, total = console.installation.syncs.page(
        slug=slug,
        text=text,
        environment=environment,
        status=SyncStatus(narrowed["status"]) if narrowed["status"] else None,
        limit=PAGE_RUNS,
        offset=(page - 1) * PAGE_RUNS,
    )
    path = request.url.path
    base = f"{path}?{urlencode(query)}{'&' if query else ''}"
    starting = [] if query or page > 1 else find_starting_runs(console, slug)
    going = starting or any(run.status is SyncStatus.RUNNING for run in runs)
    return {
        "runs": runs,
        "starting": starting,
        "waits": [] if query or page > 1 else find_waits(console, slug),
        "refresh": f"{base}page={page}" if going else None,
        "reasons": find_reasons(console, runs),
        "say_why": say_why,
        "total": total,
        "page": page,
        "pages": max(1, -(-total // PAGE_RUNS)),
        "narrowed": narrowed,
        "active": bool(query),
        "path": path,
        "base": base,
        "statuses": list(SyncStatus),
        "environments": console.installation.accounts.names.list(),
    }


def find_starting_runs(console: Console, slug: str | None) -> list[tuple[UnfinishedRun, str]]:
    """The runs that have no line in the log yet, of one integration or of all, with the integration's name."""
    runs = console.find_unfinished(console.engine.read(PATIENCE))
    names = {file.slug: file.spec.name for file in console.defs.list() if file.spec}
    syncs = console.installation.syncs
    return [
        (run, names.get(run.slug, run.slug))
        for run in runs.values()
        if slug in (None, run.slug) and syncs.get(run.run_id, run.slug) is None
    ]


def find_waits(console: Console, slug: str | None) -> list[tuple[str, str]]:
    """The names of the integrations that wait for their report, of one or of all, each with what it waits for."""
    specs = {file.slug: file.spec for file in console.defs.list() if file.spec}
    waits = console.installation.waiting.list(console.now(), slug)
    return [(spec.name, say_wait(wait)) for wait in waits if (spec := specs.get(wait.slug))]


def find_sync(request: Request) -> SyncRecord | None:
    """The run of an integration that the address names; None while it has no line in the log, because it is starting.

    Raises:
        HTTPException: 404, there is none.
    """
    slug, run_id = request.path_params["slug"], request.path_params["run_id"]
    console = console_of(request)
    sync = console.installation.syncs.get(run_id, slug)
    if sync is None and find_stored_status(console, run_id) not in UNFINISHED:
        raise HTTPException(404, f"There is no run {run_id!r} of {slug!r} in the log.")
    return sync


def show_run_log(request: Request) -> Response:
    """What a run did, step by step in our own sentences; with `events`, all that Dagster noted."""
    console = console_of(request)
    slug, run_id = request.path_params["slug"], request.path_params["run_id"]
    sync = console.installation.syncs.get(run_id, slug)
    events = "events" in request.query_params or sync is None
    log, missing = _read_events(request, run_id) if events else (None, None)
    if sync is None and log is None and missing is None:
        raise HTTPException(404, f"There is no run {run_id!r} of {slug!r}.")
    labels = find_labels(console, sync.environment, sync.object) if sync else Labels("")
    values = {
        "name": sync.name if sync else slug,
        "run_name": name_run(sync.name if sync else slug, sync, None),
        "sync": sync,
        "steps": tell_story(sync, read_reasons(console.installation, sync), labels.object) if sync else [],
        "events": events,
        "log": log,
        "missing": missing,
        "here": f"/integrations/{slug}/runs/{run_id}",
        "run_url": run_url(console, run_id),
    }
    return render(request, "run_log.html", values)


def _read_events(request: Request, run_id: str) -> tuple[RunLog | None, str | None]:
    """Dagster's events of a run, or why they cannot be shown; neither where Dagster does not know the run."""
    webserver = console_of(request).find_dagster()
    if webserver is None:
        return None, "Dagster does not run just now, so its events cannot be shown."
    try:
        log = webserver.log(run_id, request.query_params.get("after"))
    except ServiceUnavailable:
        return None, "Dagster does not answer just now, so its events cannot be shown. Try again in a moment."
    known = console_of(request).installation.syncs.get(run_id, request.path_params["slug"]) is not None
    if log is None and known:
        return None, "Dagster has no events of this run any more: its history was deleted."
    return log, None


def show_ledger(request: Request) -> Response:
    """The ledger of a run, a page at a time."""
    console, sync = console_of(request), find_sync(request)
    if sync is None:
        here = f"/integrations/{request.path_params['slug']}/runs/{request.path_params['run_id']}"
        return render(request, "ledger_awaited.html", {"here": here})
    labels = find_labels(console, sync.environment, sync.object)
    query = read_query(request)
    file = console.defs.find(sync.slug)
    ledger, missing = None, None
    try:
        ledger = read_ledger(
            console.installation, sync, query, read_page(request), labels.call(spec_of_run(file, sync))
        )
    except PlanMissing as error:
        missing = say_error(error)
    here = f"/integrations/{sync.slug}/runs/{sync.run_id}"
    address = query.address()
    values = {
        "sync": sync,
        "run_name": name_run(sync.name, sync, None),
        "query": query,
        "forgotten": bool(request.query_params.get("find")) and not query.text,
        "labels": labels,
        "ledger": ledger,
        "missing": missing,
        "outcomes": count_outcomes(sync),
        "here": here,
        "base": f"{here}/ledger?{address}{'&' if address else ''}",
        "csv": f"{here}/ledger.csv{'?' if address else ''}{address}",
        "org": record_url(console, sync, ""),
    }
    running = sync.status is SyncStatus.RUNNING
    return render(
        request, "ledger.html", {**values, "running": running}, status=404 if missing and not running else 200
    )


def search_ledger(request: Request) -> Response:
    """Remember what is searched for, and show what is found under an address without it."""
    slug, run_id = request.path_params["slug"], request.path_params["run_id"]
    text = form_of(request).get("text", "").strip()
    query = replace(read_query(request), find=console_of(request).searches.keep(text))
    address = query.address()
    return redirect(request, f"/integrations/{slug}/runs/{run_id}/ledger{'?' if address else ''}{address}")


def download_ledger(request: Request) -> Response:
    """The records of a ledger that the page shows, as CSV."""
    sync = find_sync(request)
    if sync is None:
        raise HTTPException(404, "The run is starting. Its ledger is there once it has made its plan.")
    console, slug = console_of(request), sync.slug
    query = read_query(request)
    if query.find and not query.text:
        raise HTTPException(400, "The search was some time ago, and is no longer remembered. Search again.")
    ledger = scan(console.installation, sync)
    narrowed = f"-{query.outcome.value}" if query.outcome else ""
    name = f"{slug}-{sync.partition_end}-{sync.run_id[:8]}{narrowed}.csv"
    called = find_labels(console, sync.environment, sync.object).call(spec_of_run(console.defs.find(slug), sync))
    return StreamingResponse(stream_csv(ledger, query, called), media_type="text/csv", headers=attach(name))


def read_query(request: Request) -> LedgerQuery:
    """What the address asks of a ledger; what it cannot mean is passed over."""
    asked = request.query_params
    sort = asked.get("sort", "")
    return LedgerQuery(
        outcome=read_outcome(request),
        reason=asked.get("reason", "")[:500],
        text=console_of(request).searches.find(asked.get("find", "")) or "",
        find=asked.get("find", "")[:LONGEST_TOKEN],
        record_row=int(row) if (row := asked.get("record", "")[:10]).isdecimal() else None,
        sort=sort if sort in SORTS else "row",
        descending=bool(asked.get("down")),
    )


def read_outcome(request: Request) -> Outcome | None:
    """The outcome asked for; None for all."""
    asked = request.query_params.get("outcome", "")
    return Outcome(asked) if asked in set(Outcome) else None


PAGE = Page(
    nav=(Link("Log", "/log"),),
    routes=(
        view("/log", show_all),
        view("/integrations/{slug}/log", show_history),
        view("/integrations/{slug}/runs/{run_id}/log", show_run_log),
        view("/integrations/{slug}/runs/{run_id}/ledger", show_ledger),
        change("/integrations/{slug}/runs/{run_id}/ledger", search_ledger, role=Role.VIEWER),
        view("/integrations/{slug}/runs/{run_id}/ledger.csv", download_ledger),
    ),
)
