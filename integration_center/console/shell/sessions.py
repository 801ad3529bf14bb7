"""The session: a few values in one cookie, encrypted and authenticated by the installation's key.

It holds the CSRF token, messages for the next page and who signed in. A cookie holds 4 kB, so nothing large goes in.
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integration_center.accounts.encryption import Cipher
from integration_center.errors import ConfigurationError

COOKIE = "integration_center_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over https: with this prefix browsers take it from this host alone, never from a sibling of its domain."""
PURPOSE = "console session"
LIFETIME = 12 * 3600
"""Seconds without a request after which a session is over."""
RENEWED_AFTER = 600
LARGEST = 3_800
MESSAGE_LENGTH = 600
MESSAGES = 3
MESSAGE_BYTES, MESSAGES_BYTES = 1_850, 1_900
"""Of one message and of all, as JSON: what `LARGEST` leaves beside the rest, encrypted and in base64."""

STATELESS = ("/static/", "/health")
"""Below these no cookie is set."""

Tone = Literal["success", "warning", "danger", "info"]


@dataclass
class Session:
    """What the browser keeps for us.

    Attributes:
        values: text, numbers and lists that JSON can hold; change them through `set` and `pop`.
        csrf: the token that every change must carry.
        changed: whether the cookie has to be sent.
    """

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    values: dict[str, Any] = field(default_factory=dict)
    seen: float = 0.0
    changed: bool = True

    def get(self, name: str, default: Any = None) -> Any:
        """The value called `name`."""
        return self.values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Keep a value."""
        self.values[name] = value
        self.changed = True

    def pop(self, name: str, default: Any = None) -> Any:
        """Take a value out."""
        if name not in self.values:
            return default
        self.changed = True
        return self.values.pop(name)

    def renew(self) -> None:
        """Forget everything and take another CSRF token: on sign-in and sign-out."""
        self.csrf, self.values, self.changed = secrets.token_urlsafe(24), {}, True

    def flash(self, text: str, tone: Tone = "success") -> None:
        """Show a message on the next page."""
        kept = [*self.get("messages", []), [tone, _cut(text)]][-MESSAGES:]
        while _measure(kept) > MESSAGES_BYTES:
            del kept[0]
        self.set("messages", kept)

    def take_messages(self) -> list[tuple[Tone, str]]:
        """The messages for this page; a second time there are none."""
        return [(tone, text) for tone, text in self.pop("messages", [])]

    @classmethod
    def read(cls, cookie: str, cipher: Cipher, now: float) -> Self:
        """The session of a cookie; a new one when the cookie is not ours, or too old."""
        try:
            content = json.loads(cipher.decrypt(cookie)) if cookie else {}
        except ConfigurationError:
            content = {}  # made with another key, or by somebody else
        if content.get("purpose") != PURPOSE or now - content["seen"] > LIFETIME:
            return cls(seen=now)
        stale = now - content["seen"] > RENEWED_AFTER
        return cls(content["csrf"], content["values"], seen=now if stale else content["seen"], changed=stale)

    def write(self, cipher: Cipher) -> str:
        """The cookie.

        Raises:
            ValueError: more was kept than a cookie can hold.
        """
        content = {"purpose": PURPOSE, "seen": self.seen, "csrf": self.csrf, "values": self.values}
        cookie = cipher.encrypt(_dump(content))
        if len(cookie) > LARGEST:
            raise ValueError(f"the session holds {len(cookie):,} bytes; a cookie holds {LARGEST:,}")
        return cookie


def _dump(content: object) -> str:
    # Not in ASCII: that takes up to three times the room, and a name in Japanese would not fit.
    return json.dumps(content, ensure_ascii=False)


def _measure(content: object) -> int:
    return len(_dump(content).encode())


def _cut(text: str) -> str:
    """As much of a message as one may have."""
    cut = text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"
    while _measure(cut) > MESSAGE_BYTES:
        cut = cut[: len(cut) * 9 // 10 - 1] + "…"
    return cut


class Sessions:
    """ASGI middleware: `request.state.session`, and its cookie on the answer when it changed.

    Args:
        app: what comes after.
        cipher: of the installation.
    """

    def __init__(self, app: ASGIApp, cipher: Cipher) -> None:
        self.app = app
        self.cipher = cipher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(STATELESS):  # static files are kept by browsers
            scope.setdefault("state", {})["session"] = Session(changed=False)
            await self.app(scope, receive, send)
            return
        header = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
        name, secure = (SECURE_COOKIE, "; Secure") if scope["scheme"] == "https" else (COOKIE, "")
        session = Session.read(cookie_parser(header).get(name, ""), self.cipher, time.time())
        scope.setdefault("state", {})["session"] = session

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and session.changed:
                cookie = f"{name}={session.write(self.cipher)}; Path=/; HttpOnly; SameSite=Lax{secure}"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)
