"""A small OpenID Connect provider, as strict as Keycloak in what the console relies on: real HTTP, real signatures."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "center", "the client's secret"


def new_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"}, private=True)


@dataclass
class IdentityProvider:
    """What the provider says. Tests change it between a redirect and the exchange of its code."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: new_key("one"))
    published: list[RSAKey] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    unsigned: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key_requests: int = 0

    def describe(self, request: Request) -> Response:
        at = self.issuer
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{at}/auth",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/certs",
                "end_session_endpoint": f"{at}/logout",
            }
        )

    def list_keys(self, request: Request) -> Response:
        self.key_requests += 1
        return JSONResponse({"keys": [key.as_dict(private=False) for key in self.published or [self.key]]})

    def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def exchange(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or (form["client_id"], form["client_secret"]) != (CLIENT, SECRET)
            or asked["redirect_uri"] != form["redirect_uri"]
            or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": self.sign(asked["nonce"])})

    def sign(self, nonce: str = "", **changes: Any) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "f1d2",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "preferred_username": "olga",
            "groups": ["cs-ops"],
            **self.claims,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.unsigned:
            parts = [json.dumps(part).encode() for part in ({"alg": "none", "kid": "one"}, claims)]
            return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is no longer published."""
        self.key = new_key("two")
        self.published = []


@contextmanager
def serve_provider() -> Iterator[IdentityProvider]:
    """Serve a provider on loopback."""
    provider = IdentityProvider()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.describe),
            Route("/certs", provider.list_keys),
            Route("/auth", provider.authorize),
            Route("/token", provider.exchange, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    provider.issuer = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()
