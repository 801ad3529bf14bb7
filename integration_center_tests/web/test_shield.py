"""Whom our web servers answer, judged by the headers alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from integration_center.access.attempts import NO_ADDRESS
from integration_center.access.audit import Action, AuditLog
from integration_center.access.refused_attempts import NOBODY
from integration_center.database.engine import build_engine
from integration_center.pipeline.instance.dagster_ui import (
    REFUSED,
    ChangesByJson,
    build_door,
    describe_refusal,
    may_change,
)
from integration_center.settings import Settings
from integration_center.web.refused_requests import RefusedRequests, note_reason
from integration_center.web.shield import Shield

OPEN = build_door(Settings(_env_file=None))
PROXIED = build_door(Settings(_env_file=None, INTEGRATION_CENTER_DAGSTER_HOSTS=" Dagster.acme.example, "))
MUTATION = "mutation%7BreloadWorkspace%7B__typename%7D%7D"
TWO_OPERATIONS = "operationName=b&query=query%20a%7Bversion%7D%20mutation%20b%7BreloadWorkspace%7B__typename%7D%7D"
HERE = "http://127.0.0.1:3000"


def ask(
    method: str = "GET",
    target: str = "/graphql",
    kind: str = "http",
    scheme: str = "http",
    door: Any = OPEN,
    engine: Engine | None = None,
    version: str = "1.1",
    again: tuple[tuple[str, str], ...] = (),
    **more: str,
) -> tuple[int, dict[str, str]]:
    """The status of the answer to a request (403 for a WebSocket that is closed at once), and its headers.

    `again` are further headers, as they are.
    """
    path, _, query = target.partition("?")
    given = {"host": "127.0.0.1:3000", **{name.replace("_", "-"): value for name, value in more.items()}}
    scope: Scope = {
        "type": kind,
        "http_version": version,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (*given.items(), *again)],
        "scheme": scheme,
    }
    sent: list[Message] = []

    async def answer(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await PlainTextResponse("ran")(scope, receive, send)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    app: Any = Shield(ChangesByJson(answer), door=door, on_refusal=note_reason)
    if engine is not None:
        app = RefusedRequests(app, engine, describe_refusal, REFUSED)
    asyncio.run(app(scope, receive, send))
    first = sent[0]
    if kind == "websocket":
        return (101 if first["type"] == "websocket.accept" else 403), {}
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}


def test_what_the_dagster_ui_refuses_is_noted(tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'center.db'}")
    ask(engine=engine)
    ask(**JSON, engine=engine)
    ask(kind="websocket", engine=engine)
    assert AuditLog(engine).list() == ()
    for _ in range(2):
        ask(target=f"/graphql?query={MUTATION}", engine=engine)
    ask(kind="websocket", origin="https://evil.example", engine=engine)
    ask(host="evil.example", engine=engine)
    ask(method="POST", content_type="text/plain", engine=engine)
    ask(**JSON, origin="https://evil.example", engine=engine)
    entries = AuditLog(engine).list()[::-1]
    assert {(entry.action, entry.who, entry.where) for entry in entries} == {(Action.REFUSED, NOBODY, NO_ADDRESS)}
    assert [entry.times for entry in entries] == [2, 1, 1, 1, 1]
    assert [(entry.detail or "").partition(": ")[0] for entry in entries] == [
        "request to the Dagster UI",
        "WebSocket to the Dagster UI",
        *["request to the Dagster UI"] * 3,
    ]


JSON: dict[str, Any] = {"method": "POST", "content_type": "application/json"}
NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"target": "/graphql?query=%7Bversion%7D"},
        {"target": "/runs?query=not%20graphql"},
        JSON,
        {**JSON, "content_type": "Application/JSON; charset=utf-8", "origin": "http://127.0.0.1:3000"},
        {**JSON, "origin": "http://LOCALHOST:9", "host": "localhost:9", "sec_fetch_site": "same-origin"},
        {"method": "POST", "target": "/report_asset_materialization/x", "content_type": "application/json"},
        {"sec_fetch_site": "cross-site", **NAVIGATION, "target": "/runs"},
        {"sec_fetch_site": "none", **NAVIGATION},
        {"origin": HERE, "sec_fetch_site": "same-origin", "target": "/graphql?query=%7Bversion%7D"},
        {"version": "1.0", "door": PROXIED},
        {"kind": "websocket"},
        {"kind": "websocket", "origin": "http://127.0.0.1:3000", "sec_fetch_site": "same-origin"},
        {**JSON, "host": "dagster.acme.example", "origin": "https://dagster.acme.example", "door": PROXIED},
        {"host": "dagster.acme.example", "x_forwarded_for": "203.0.113.9", "door": PROXIED},
    ],
)
def test_the_ui_itself_and_programs_are_answered(request_: dict[str, Any]) -> None:
    assert ask(**request_)[0] in {200, 101}


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        *((421, {"host": host}) for host in ("evil.example", "127.0.0.1.evil.example", "dagster.acme.example", "")),
        (421, {"host": "evil.example", "kind": "http", **JSON}),
        (403, {"host": "evil.example", "kind": "websocket"}),
        *((405, {"target": f"/graphql?query={MUTATION}", "method": method}) for method in ("GET", "HEAD")),
        (405, {"target": f"/graphql?query=%7Bversion%7D&query={MUTATION}"}),
        (
            405,
            {"target": f"/graphql?{TWO_OPERATIONS}"},
        ),
        (405, {"target": "/graphql?query=subscription%7Ba%7D"}),
        (405, {"target": f"/graphql?query={MUTATION}", "sec_fetch_site": "cross-site", **NAVIGATION}),
        *(
            (415, {"method": "POST", "content_type": kind})
            for kind in (
                "text/plain",
                "text/plain; x=application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "application/graphql",
                "application/json, text/plain",
                "",
            )
        ),
        (415, {"method": "POST", "target": "/report_asset_materialization/x?partition=2026-11-25"}),
        (415, {"method": "DELETE"}),
        (415, {**JSON, "again": (("content-type", "text/plain"),)}),
        (405, {"target": f"/graphql\n?query={MUTATION}"}),  # which a route's own pattern takes for /graphql
        *(
            (403, {**JSON, "origin": origin})
            for origin in ("https://evil.example", "null", "http://127.0.0.1:3001", "http://localhost:3000", "http://[")
        ),
        (403, {**JSON, "origin": HERE, "again": (("origin", "https://evil.example"),)}),
        (403, {**JSON, "sec_fetch_site": "same-site"}),
        (403, {**JSON, "sec_fetch_site": "anything else"}),
        *((403, {"origin": origin, "target": "/runs"}) for origin in ("https://evil.example", "null")),
        (403, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}),
        (403, {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}),
        (403, {"kind": "websocket", "origin": "https://evil.example"}),
        (403, {"kind": "websocket", "origin": "http://localhost:3000"}),
        (
            403,
            {
                "kind": "websocket",
                "origin": "http://127.0.0.1:3000",
                "sec_fetch_site": "cross-site",
                "sec_fetch_mode": "websocket",
            },
        ),
        *(
            (403, {name: "203.0.113.9"})
            for name in (
                *("x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_forwarded_anything", "x_forwarded"),
                *("x_original_forwarded_for", "forwarded", "via", "x_real_ip", "cf_connecting_ip", "true_client_ip"),
                *("x_azure_clientip", "x_amzn_trace_id", "x_envoy_external_address", "fly_client_ip", "cdn_loop"),
            )
        ),
        (403, {"again": (("x_forwarded_for", "203.0.113.9"),)}),
        (403, {"kind": "websocket", "x_forwarded_for": "203.0.113.9"}),
        (403, {"version": "1.0"}),  # nginx, as long as nothing is configured
    ],
)
def test_what_others_send_is_not(status: int, request_: dict[str, Any]) -> None:
    assert ask(**request_)[0] == status


def test_the_methods_and_forms_in_which_a_change_hides() -> None:
    assert may_change("fragment f on Mutation { a } mutation { ...f }")
    assert may_change("# comment\n mutation($a:Int){x(a:$a){y}}")
    for depth in (100, 200, 240, 5_000):  # what nests too deep to be parsed here may be parsed in a thread of Dagster's
        assert may_change("mutation" + "{...on Mutation" * depth + "{a}" + "}" * depth)
    assert not may_change("query mutation { mutation: version }")
    assert not may_change("no graphql at all {")


@pytest.mark.proof
def test_answers_forbid_frames_and_keep_browsers_on_https() -> None:
    _, plain = ask()
    assert plain["x-frame-options"] == "SAMEORIGIN"
    assert "strict-transport-security" not in plain
    _, secure = ask(host="dagster.acme.example", door=PROXIED, scheme="https")
    assert secure["strict-transport-security"].startswith("max-age=")
    # Browsers would then refuse plain http of all else on this machine.
    assert "strict-transport-security" not in ask(scheme="https")[1]


@pytest.mark.proof
def test_two_host_headers_are_none() -> None:
    assert ask(again=(("host", "evil.example"),))[0] == 421
