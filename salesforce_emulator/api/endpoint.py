"""From HTTP to calls and back: sessions, versions, the daily allowance, error bodies."""

import gzip
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from salesforce_emulator.api.call import Answer, Call, Handler
from salesforce_emulator.api.rest import NEWEST_VERSION, OLDEST_VERSION
from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import Refusal, not_found

_SESSION_DEAD = Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


MEDIA = ("application/json", "multipart/form-data")
"""The media types of a body that is not an upload."""


class Endpoint:
    """One data API call as an ASGI application.

    Args:
        handler: what answers the call.
        public: whether it needs no session and does not count.
    """

    def __init__(self, org: Org, handler: Handler, routes: list[Route], *, public: bool = False) -> None:
        self._org = org
        self._handler = handler
        self._routes = routes
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, answer it in a worker thread, send the answer."""
        request = Request(scope, receive)
        body = await request.body()
        call = Call(
            org=self._org,
            method=request.method,
            path=request.url.path,
            params=request.path_params,
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            dispatch=self._dispatch,
        )
        answer = await to_thread.run_sync(self._answer, call)
        pretty = call.headers.get("x-prettyprint") == "1"
        response = Response(answer.body(pretty=pretty), answer.status, dict(answer.headers))
        if answer.data is not None or answer.text is not None:
            response.headers["content-type"] = answer.content_type
        await response(scope, receive, send)

    def _answer(self, call: Call) -> Answer:
        headers: dict[str, str] = {}
        try:
            if not self._public:
                self._authenticate(call)
                headers |= self._spend(call)
            _check_media(call)
            if call.headers.get("content-encoding", "").lower() == "gzip":
                call = replace(call, body=_decompress(call.body))
            answer = self.run(call)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body())
        return replace(answer, headers={**headers, **answer.headers})

    def run(self, call: Call) -> Answer:
        """Answer an authenticated call, or raise its refusal."""
        version = call.params.get("version")
        if version is not None and not _is_supported(str(version)):
            raise not_found()
        return self._handler(call)

    def _authenticate(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if not token:
            raise _SESSION_DEAD
        if scheme not in ("Bearer", "OAuth"):
            raise Refusal(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        session = self._org.sessions.find(token)
        if session is None:
            raise _SESSION_DEAD
        if "api" not in session.scope.split() and "full" not in session.scope.split():
            raise Refusal(403, "INSUFFICIENT_SCOPE", "This session is not valid for use with the REST API")
        if not self._org.rights.permits("PermissionsApiEnabled"):
            raise Refusal(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")

    def _spend(self, call: Call) -> dict[str, str]:
        allowance = self._org.allowance
        used = allowance.spend(self._org.clock.now())
        info = f"api-usage={used}/{allowance.maximum}"
        if allowance.app_maximum is not None:  # every call here is the app's
            info += f"; per-app-api-usage={used}/{allowance.app_maximum}(appName=integration-center)"
        return {"sforce-limit-info": info} if allowance.shown else {}

    def _dispatch(self, call: Call) -> Answer:
        """Answer a call inside another: found by the same routes, not counted again."""
        address = urlsplit(call.path)
        scope: dict[str, Any] = {"type": "http", "method": call.method, "path": address.path}
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL and isinstance(found["endpoint"], Endpoint):
                inner = replace(
                    call,
                    path=address.path,
                    params=found["path_params"],
                    query=dict(parse_qsl(address.query, keep_blank_values=True)),
                )
                try:
                    return found["endpoint"].run(inner)
                except Refusal as refusal:
                    return Answer(refusal.status, refusal.body())
        missing = not_found()
        return Answer(missing.status, missing.body())


def _is_supported(version: str) -> bool:
    major, _, minor = version.partition(".")
    return minor == "0" and major.isdigit() and OLDEST_VERSION <= int(major) <= NEWEST_VERSION


def _check_media(call: Call) -> None:
    """Refuse a body whose media type is missing or not read by these calls; an upload checks its own."""
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.method in ("POST", "PATCH") and call.body and given not in MEDIA:
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"The content type {given or '(none)'} is not supported")


def _decompress(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError) as error:
        raise Refusal(400, "INVALID_CONTENT", "The request body is not valid gzip") from error


async def answer_missing(request: Request, exc: Exception) -> Response:
    """Answer a path that is no resource, in the data APIs' shape."""
    return Response(json.dumps(not_found().body()), 404, media_type="application/json")


async def answer_wrong_method(request: Request, exc: Exception) -> Response:
    """Answer a method that a resource does not know."""
    refusal = Refusal(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed. Allowed are HEAD,GET")
    return Response(json.dumps(refusal.body()), 405, media_type="application/json")
