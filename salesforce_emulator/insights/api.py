"""A local Insights API: WalkMe's documented sign-in and manners, and this project's contract for report rows.

Sign-in follows https://developer.walkme.com/reference/get-authorization-token. WalkMe documents no endpoint for the
rows of reports; paths and bodies are the contract that the `api` report source speaks (docs/how-to/data-engineer.md).
"""

import base64
import binascii
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import polars as pl
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from salesforce_emulator.insights.exports import Export, read_period
from salesforce_emulator.insights.reports import ServedReport, build_reports

CLIENT_ID = "0oEMULATOR"
CLIENT_SECRET = "emulator-insights-secret"  # noqa: S105  (opens nothing but this local server)
SYSTEM_GUID = "3f0c1f6e-5a2b-4c8d-9e7f-102030405060"
REPORTS = f"/public/v1/insights/system/{SYSTEM_GUID}/reports"
EXPORTS = f"/public/v1/insights/system/{SYSTEM_GUID}/exports"
FILES = "/g_reports"
"""Where exported files lie, opened by their signature alone, like those of WalkMe's e-mail subscriptions."""
TOKEN_LIFE = 86_400
PAGE = 1_000

Handler = Callable[[Request], Response]


@dataclass
class Faults:
    """What goes wrong, to be switched on by tests.

    Attributes:
        throttled: how many of the next requests get 429 with `retry_after` seconds.
        failing: how many of the next requests get 503.
        permitted: whether the key may read reports; 403 if not.
        refreshed_at: the time that reports say they were refreshed at, instead of early today.
        exports: whether exports are offered; 404 if not.
        export_looks: how often an export says that it is not ready yet.
        export_error: the message with which all exports fail.
        link_life: seconds for which the address of an exported file is good.
        cut_files: from how many of the next exported files the last lines are missing.
    """

    throttled: int = 0
    retry_after: int = 1
    failing: int = 0
    permitted: bool = True
    refreshed_at: datetime | None = None
    exports: bool = True
    export_looks: int = 1
    export_error: str | None = None
    link_life: float = 900.0
    cut_files: int = 0


@dataclass
class State:
    """What one running API knows, on `app.state.insights`.

    Attributes:
        requests: how many requests came, by `token`, `list`, `report`, `data`, `export`, `look` and `file`.
        tokens: live tokens with the end of their life (`time.monotonic`); clearing it makes them all dead.
        exports: by id.
    """

    reports: dict[str, ServedReport]
    today: Callable[[], date]
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)
    tokens: dict[str, float] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def newest_day(self) -> date:
        """The last day that had ended when the reports were refreshed."""
        return self.refreshed_at.date() - timedelta(days=1)

    @property
    def refreshed_at(self) -> datetime:
        """When all reports were refreshed.

        A quarter past midnight UTC, unlike WalkMe's 09:00, so that a demo started at any hour finds yesterday.
        """
        return self.faults.refreshed_at or datetime.combine(self.today(), time_of_day(0, 15), UTC)


def build_insights_app(*, drops: Path | None, records: int, today: Callable[[], date]) -> Starlette:
    """The local API for one system, `SYSTEM_GUID`.

    Serves `Logins` for the first `records` invented people, `Workflow adoption` (custom, tagged), and every report of
    the folder `drops` (`<slug>/*.csv`, `report.yaml`), whose last file is served as the newest day whatever its date.
    `GET .../reports` lists also what carries no tag. Each value depends on the person and the day alone.

    Args:
        drops: a folder of dropped reports, None for none.
        records: rows of Logins.
        today: the day it is, UTC; reports have data up to the end of the day before.

    Returns:
        The application; `app.state.insights` is its `State`, and `app.state.faults` and `app.state.requests` are
        parts of that.
    """
    state = State(build_reports(drops, records), today)
    app = Starlette(
        routes=[
            Route("/accounts/connect/token", _issue_token, methods=["POST"]),
            Route(REPORTS, _guarded("list", _list_reports)),
            Route(f"{REPORTS}/{{report}}", _guarded("report", _describe_report)),
            Route(f"{REPORTS}/{{report}}/data", _guarded("data", _serve_rows)),
            Route(f"{REPORTS}/{{report}}/exports", _begin_export, methods=["POST"]),
            Route(f"{EXPORTS}/{{export}}", _guarded("look", _look_at_export)),
            Route(FILES + "/{export}.csv", _serve_file),
        ],
        exception_handlers={HTTPException: _refuse},
    )
    app.state.insights, app.state.faults, app.state.requests = state, state.faults, state.requests
    return app


async def _issue_token(request: Request) -> Response:
    state = _state(request)
    _inject_faults(state, "token")
    form = await request.form()
    expected = f"{CLIENT_ID}:{CLIENT_SECRET}"
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
    if not secrets.compare_digest(_read_basic(request).encode(), expected.encode()):
        return JSONResponse({"error": "invalid_client"}, status_code=401)
    token = secrets.token_urlsafe(32)
    state.tokens[token] = time.monotonic() + TOKEN_LIFE
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LIFE})


def _list_reports(request: Request) -> Response:
    state = _state(request)
    wanted = {tag.casefold() for tag in request.query_params.getlist("tag")}
    listed = [
        report
        for report in state.reports.values()
        if not wanted or not wanted.isdisjoint(tag.casefold() for tag in report.tags)
    ]
    limit, offset = _number(request, "limit", PAGE), _number(request, "offset", 0)
    page = listed[offset : offset + limit]
    return JSONResponse({"reports": [report.describe(state.refreshed_at) for report in page]})


def _describe_report(request: Request) -> Response:
    return JSONResponse(_report(request).describe(_state(request).refreshed_at))


def _serve_rows(request: Request) -> Response:
    state, report = _state(request), _report(request)
    query = {name: _number(request, name, -1) for name in ("from", "to") if name in request.query_params}
    rows = _select_rows(state, report, query.get("from"), query.get("to"))
    page = rows.slice(_number(request, "offset", 0), _number(request, "limit", PAGE))
    if "text/csv" in request.headers.get("accept", ""):
        return Response(page.write_csv(), media_type="text/csv; charset=utf-8")
    columns = json.dumps(report.describe(state.refreshed_at)["columns"])
    body = f'{{"columns":{columns},"rows":{page.write_json()},"total":{rows.height}}}'
    return Response(body, media_type="application/json")


def _select_rows(state: State, report: ServedReport, from_: int | None, to: int | None) -> pl.DataFrame:
    """The report's rows for a period in milliseconds; without an end up to the newest day."""
    end_of_newest = datetime.combine(state.newest_day, time_of_day(), UTC) + timedelta(days=1)
    newest_to = round(end_of_newest.timestamp() * 1000)
    end = newest_to if to is None else min(to, newest_to)
    last = (datetime.fromtimestamp(end / 1000, UTC) - timedelta(milliseconds=1)).date()
    rows = report.rows(last)
    return rows.clear() if (from_ or 0) >= end or (report.events and last < state.newest_day) else rows


async def _begin_export(request: Request) -> Response:
    body = await request.body()
    return _guarded("export", lambda request: _add_export(request, body))(request)


def _add_export(request: Request, body: bytes) -> Response:
    state, report = _state(request), _report(request)
    if not state.faults.exports:
        raise HTTPException(404, "not_found")
    asked = read_period(body)
    if asked is None:
        raise HTTPException(400, "invalid_export")
    export = Export(secrets.token_hex(8), _select_rows(state, report, *asked), looks=state.faults.export_looks)
    state.exports[export.id] = export
    return JSONResponse({"exportId": export.id, "status": "queued"}, status_code=202)


def _look_at_export(request: Request) -> Response:
    state = _state(request)
    export = state.exports.get(request.path_params["export"])
    if export is None:
        raise HTTPException(404, "export_not_found")
    base = str(request.base_url).rstrip("/")
    return JSONResponse(export.look(f"{base}{FILES}", state.faults.export_error, state.faults.link_life))


def _serve_file(request: Request) -> Response:
    state = _state(request)
    _inject_faults(state, "file")
    if "authorization" in request.headers:  # as object storage does: one way to sign in at a time
        raise HTTPException(400, "invalid_argument")
    export = state.exports.get(request.path_params["export"])
    if export is None or not export.opens(request.query_params.get("signature", "")):
        raise HTTPException(403, "access_denied")
    with state.lock:
        cut = state.faults.cut_files > 0
        state.faults.cut_files -= cut
    return Response(export.file(cut=cut), media_type="text/csv")


def _guarded(name: str, handler: Handler) -> Handler:
    """`handler` behind the faults, the token and the permission."""

    def serve(request: Request) -> Response:
        state = _state(request)
        _inject_faults(state, name)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or state.tokens.get(token, 0.0) <= time.monotonic():
            raise HTTPException(401, "unauthorized")
        if not state.faults.permitted:
            raise HTTPException(403, "forbidden")
        return handler(request)

    return serve


def _inject_faults(state: State, name: str) -> None:
    with state.lock:
        state.requests[name] += 1
        faults = state.faults
        if faults.throttled > 0:
            faults.throttled -= 1
            raise HTTPException(429, "too_many_requests", headers={"Retry-After": str(faults.retry_after)})
        if faults.failing > 0:
            faults.failing -= 1
            raise HTTPException(503, "unavailable")


def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = error.detail.lower().replace(" ", "_")
    body = {
        "error": {"code": code, "message": f"{request.method} was refused: {code}"},
        "requestId": secrets.token_hex(8),
    }
    return JSONResponse(body, status_code=error.status_code, headers=dict(error.headers or {}))


def _state(request: Request) -> State:
    state: State = request.app.state.insights
    return state


def _report(request: Request) -> ServedReport:
    report = _state(request).reports.get(request.path_params["report"])
    if report is None:
        raise HTTPException(404, "report_not_found")
    return report


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not value.isdecimal():
        raise HTTPException(400, f"invalid_{name}")
    return int(value)


def _read_basic(request: Request) -> str:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""
