"""The switches of an org over HTTP, under `/__emulator__/`, for when it runs in another process."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from salesforce_emulator.org.org import Org
from salesforce_emulator.org.record_events import (
    convert_leads,
    merge_records,
    purge_records,
    undelete_records,
)
from salesforce_emulator.refusals import RowError

Body = dict[str, Any]


def build_admin_routes(org: Org) -> list[Route]:
    """Return the admin routes of an org.

    `GET state`; `GET|POST|DELETE faults`; `GET|DELETE calls`; `POST clock`, `tokens`, `fields`, `org`, `records`.
    Bodies are JSON objects; the keys are the parameters of the Python methods they call.
    """
    admin = _Admin(org)
    return [
        Route("/__emulator__/state", admin.state, methods=["GET"]),
        Route("/__emulator__/faults", admin.faults, methods=["GET", "POST", "DELETE"]),
        Route("/__emulator__/calls", admin.calls, methods=["GET", "DELETE"]),
        Route("/__emulator__/clock", admin.clock, methods=["POST"]),
        Route("/__emulator__/tokens", admin.tokens, methods=["POST"]),
        Route("/__emulator__/fields", admin.fields, methods=["POST"]),
        Route("/__emulator__/org", admin.org, methods=["POST"]),
        Route("/__emulator__/records", admin.records, methods=["POST"]),
    ]


class _Admin:
    def __init__(self, org: Org) -> None:
        self._org = org

    def _state(self) -> Body:
        org = self._org
        return {
            "org": org.profile.name,
            "organization_id": org.profile.org_id,
            "now": org.clock.now().isoformat(),
            "permissions": org.permissions,
            "hidden_fields": [list(pair) for pair in org.schema.hidden()],
            "rotation": org.sessions.rotation,
            "daily_api_limit": org.allowance.maximum,
            "bulk_running": org.bulk.running.is_set(),
            "calls": len(org.calls),
            "faults": org.faults.listing(),
        }

    async def state(self, request: Request) -> JSONResponse:
        """Show the state of the switches."""
        return JSONResponse(self._state())

    async def faults(self, request: Request) -> JSONResponse:
        """Switch faults on (`{"kind": "respond", "status": 503, …}`), or all off."""
        faults = self._org.faults
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            body: Body = await request.json()
            if "error" in body:
                body["error"] = RowError(**{**body["error"], "fields": tuple(body["error"].get("fields", ()))})
            switches: dict[str, Callable[..., object]] = {
                "respond": faults.respond,
                "drop": faults.drop,
                "delay": faults.delay,
                "truncate": faults.truncate,
                "corrupt": faults.corrupt,
                "hold": faults.hold,
                "expire": faults.expire,
                "lock_rows": faults.lock_rows,
                "fail_rows": faults.fail_rows,
                "end_job": faults.end_job,
            }
            kind = body.pop("kind", None)
            if kind not in switches:
                return JSONResponse({"error": f"kind must be one of {', '.join(switches)}"}, 400)
            try:
                switches[kind](**body)
            except TypeError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(faults.listing())

    async def calls(self, request: Request) -> JSONResponse:
        """Show or forget the calls."""
        if request.method == "DELETE":
            self._org.calls.clear()
        rows = [{**asdict(item), "at": item.at.isoformat()} for item in self._org.calls.find()]
        return JSONResponse(rows)

    async def clock(self, request: Request) -> JSONResponse:
        """Move the clock: `{"advance": seconds}`, `{"freeze": "2026-11-23T08:00:00Z"}` `resume` or `reset`."""
        body: Body = await request.json()
        if "freeze" in body:
            moment = body["freeze"]
            self._org.clock.freeze(datetime.fromisoformat(moment) if moment else None)
        if "advance" in body:
            self._org.clock.advance(float(body["advance"]))
        if body.get("resume"):
            self._org.clock.resume()
        if body.get("reset"):
            self._org.clock.reset()
        return JSONResponse(self._state())

    async def tokens(self, request: Request) -> JSONResponse:
        """End tokens: `{"expire": true}` the sessions, `{"revoke": true}` everything; `{"rotation": true}`."""
        body: Body = await request.json()
        if body.get("expire"):
            self._org.sessions.expire_access()
        if body.get("revoke"):
            self._org.sessions.revoke_all()
        if "rotation" in body:
            self._org.sessions.rotation = bool(body["rotation"])
        return JSONResponse(self._state())

    async def fields(self, request: Request) -> JSONResponse:
        """Hide a field or show it again: `{"object": "Lead", "field": "Email", "hidden": true}`."""
        body: Body = await request.json()
        try:
            change = self._org.schema.hide if body.get("hidden", True) else self._org.schema.show
            change(str(body["object"]), str(body["field"]))
        except KeyError as error:
            return JSONResponse({"error": f"unknown: {error}"}, 400)
        return JSONResponse(self._state())

    async def org(self, request: Request) -> JSONResponse:
        """Change `is_sandbox`, `organization_type`, `permissions`, `daily_api_limit` or `bulk_running`.

        `profile` is `integration` or `administrator`; `sharing` is `Read` or `ReadWrite`.
        """
        body: Body = await request.json()
        if "profile" in body:
            narrow = body["profile"] == "integration"
            (self._org.become_integration_user if narrow else self._org.become_administrator)()
        if "sharing" in body:
            self._org.rights.sharing = body["sharing"]
        self._org.pose_as(is_sandbox=body.get("is_sandbox"), organization_type=body.get("organization_type"))
        for name, granted in body.get("permissions", {}).items():
            self._org.set_permission(name, bool(granted))
        if "daily_api_limit" in body:
            self._org.allowance.maximum = int(body["daily_api_limit"])
        if "bulk_running" in body:
            (self._org.bulk.resume if body["bulk_running"] else self._org.bulk.pause)()
        return JSONResponse(self._state())

    async def records(self, request: Request) -> JSONResponse:
        """Do what people do in the org's pages: `{"do": "merge", "sobject": "Lead", "master_id": …, "loser_ids": […]}`.

        The others are `undelete` and `purge` (`sobject`, `ids`) and `convert` (`ids`).
        """
        body: Body = await request.json()
        events: dict[str, Callable[..., None]] = {
            "merge": merge_records,
            "undelete": undelete_records,
            "purge": purge_records,
            "convert": convert_leads,
        }
        event = events.get(body.pop("do", ""))
        if event is None:
            return JSONResponse({"error": f"do must be one of {', '.join(events)}"}, 400)
        try:
            event(self._org, **body)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._state())
