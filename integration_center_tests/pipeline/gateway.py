"""A gateway between us and the org, which may answer itself or change what the org answers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

Answer = Callable[[httpx.Request], httpx.Response | None]
Change = Callable[[httpx.Request, bytes], bytes]


@dataclass
class Gateway:
    """Takes every request of the process.

    Attributes:
        answer: an answer of the gateway's own; None passes the request on.
        change: changes the body of a JSON or CSV answer.
        tokens: the access tokens that passed through.
    """

    answer: Answer = lambda request: None
    change: Change = lambda request, body: body
    tokens: set[str] = field(default_factory=set)

    def stand_before(self, monkeypatch: pytest.MonkeyPatch) -> "Gateway":
        """Take the place of httpx's network."""
        network = httpx.HTTPTransport.handle_request

        def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            if token := token_of(request):
                self.tokens.add(token)
            request.read()
            if own := self.answer(request):
                return own
            answer = network(transport, request)
            answer.read()
            changed = self.change(request, answer.content)
            if changed == answer.content:
                return answer
            kept = [(name, value) for name, value in answer.headers.items() if not name.startswith("content-")]
            kind = answer.headers.get("content-type", "application/json")
            return httpx.Response(answer.status_code, headers=[*kept, ("content-type", kind)], content=changed)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
        return self


def token_of(request: httpx.Request) -> str:
    """The access token that a request carries; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""
