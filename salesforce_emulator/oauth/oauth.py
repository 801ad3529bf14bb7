"""OAuth 2.0 of the org: consent page, tokens, revocation, introspection, user info.

Errors here are objects (`error`, `error_description`), unlike those of the data APIs. There is no `expires_in`.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from salesforce_emulator.oauth.consent import build_consent_page, build_error_page
from salesforce_emulator.oauth.identity import build_user_info
from salesforce_emulator.oauth.jwt import InvalidAssertion, read_assertion, sign_token
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.sessions import Issued

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class OAuthRefusal(Exception):
    """The token endpoint refuses."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(frozen=True)
class AuthorizationCode:
    """A code on its way to become tokens."""

    redirect_uri: str
    scope: str
    challenge: str | None
    issued: datetime


def build_oauth_routes(org: Org) -> list[Route]:
    """Return the routes below `/services/oauth2`, and the identity URL."""
    server = _OAuthServer(org)
    return [
        Route("/services/oauth2/authorize", server.authorize, methods=["GET", "POST"]),
        Route("/services/oauth2/token", server.token, methods=["POST"]),
        Route("/services/oauth2/revoke", server.revoke, methods=["GET", "POST"]),
        Route("/services/oauth2/introspect", server.introspect, methods=["POST"]),
        Route("/services/oauth2/userinfo", server.user_info, methods=["GET", "POST"]),
        Route("/id/{org_id}/{user_id}", server.user_info, methods=["GET"]),
    ]


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class _OAuthServer:
    def __init__(self, org: Org) -> None:
        self._org = org
        self._codes: dict[str, AuthorizationCode] = {}
        self._used_codes: set[str] = set()
        self._lock = threading.Lock()

    # The consent page

    async def authorize(self, request: Request) -> Response:
        """Show the consent page, and take the answer to it."""
        parameters = dict(request.query_params) if request.method == "GET" else await _form(request)
        app = self._org.app
        if parameters.get("client_id") != app.client_id:
            return build_error_page("invalid_client_id", "client identifier invalid")
        redirect_uri = parameters.get("redirect_uri", "")
        if redirect_uri not in app.redirect_uris:
            return build_error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
        if parameters.get("response_type") != "code":
            return self._redirect(parameters, error="unsupported_response_type", error_description="not supported")
        if app.require_pkce and not parameters.get("code_challenge"):
            description = "missing required code challenge"
            return self._redirect(parameters, error="invalid_request", error_description=description)
        if parameters.get("code_challenge") and parameters.get("code_challenge_method", "S256") != "S256":
            description = "code challenge method must be S256"
            return self._redirect(parameters, error="invalid_request", error_description=description)
        scopes = parameters.get("scope", "api refresh_token").replace("offline_access", "refresh_token").split()
        if not set(scopes) <= {*app.scopes, "full"}:
            return self._redirect(parameters, error="invalid_scope", error_description="the scope is not allowed")
        if request.method == "GET":
            return HTMLResponse(build_consent_page(self._org, parameters, scopes))
        if parameters.get("decision") != "approve":
            description = "end-user denied authorization"
            return self._redirect(parameters, error="access_denied", error_description=description)
        return self._redirect(parameters, code=self._make_code(parameters, " ".join(scopes)))

    def _redirect(self, parameters: Mapping[str, str], **answer: str) -> Response:
        if "state" in parameters:
            answer["state"] = parameters["state"]
        uri = parameters["redirect_uri"]
        return RedirectResponse(f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}", 302)

    def _make_code(self, parameters: Mapping[str, str], scope: str) -> str:
        code = f"aPrx{secrets.token_urlsafe(60)}=="
        made = AuthorizationCode(
            parameters["redirect_uri"], scope, parameters.get("code_challenge"), self._org.clock.now()
        )
        with self._lock:
            self._codes[code] = made
        return code

    # Tokens

    async def token(self, request: Request) -> Response:
        """Exchange a code, a refresh token, an assertion or the client's credentials for tokens."""
        form = await _form(request)
        grants: dict[str, Callable[[Mapping[str, str]], Issued]] = {
            "authorization_code": self._from_code,
            "refresh_token": self._from_refresh_token,
            "client_credentials": self._from_client,
            JWT_BEARER: self._from_assertion,
        }
        grant_type = form.get("grant_type", "")
        try:
            grant = grants.get(grant_type)
            if grant is None:
                raise OAuthRefusal("unsupported_grant_type", "grant type not supported")
            if grant_type != JWT_BEARER:
                self._authenticate_client(request, form)
            issued = grant(form)
        except OAuthRefusal as refusal:
            return JSONResponse(refusal.body, refusal.status, media_type="application/json;charset=UTF-8")
        body = self._body(issued, signed=grant_type != JWT_BEARER)
        return JSONResponse(body, headers={"x-readonlymode": "false"}, media_type="application/json;charset=UTF-8")

    def _authenticate_client(self, request: Request, form: Mapping[str, str]) -> None:
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise OAuthRefusal("invalid_client", "invalid client credentials", 401) from error
        if client_id != self._org.app.client_id:
            raise OAuthRefusal("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(client_secret, self._org.app.client_secret):
            raise OAuthRefusal("invalid_client", "invalid client credentials")

    def _from_code(self, form: Mapping[str, str]) -> Issued:
        code = form.get("code", "")
        with self._lock:
            found = self._codes.pop(code, None)
            used = code in self._used_codes
            self._used_codes.add(code)
        if found is None:
            raise OAuthRefusal("invalid_grant", "expired authorization code" if used else "invalid authorization code")
        age = self._org.clock.now() - found.issued
        if age > timedelta(seconds=self._org.app.code_seconds):
            raise OAuthRefusal("invalid_grant", "expired authorization code")
        if form.get("redirect_uri") != found.redirect_uri:
            raise OAuthRefusal("redirect_uri_mismatch", "redirect_uri must match configuration")
        if found.challenge is not None:
            verifier = form.get("code_verifier")
            if not verifier:
                raise OAuthRefusal("invalid_grant", "missing code verifier")
            if not hmac.compare_digest(_challenge(verifier), found.challenge):
                raise OAuthRefusal("invalid_grant", "invalid code verifier")
        return self._org.sessions.issue(found.scope, with_refresh="refresh_token" in found.scope.split())

    def _from_refresh_token(self, form: Mapping[str, str]) -> Issued:
        issued = self._org.sessions.refresh(form.get("refresh_token", ""))
        if issued is None:
            raise OAuthRefusal("invalid_grant", "expired access/refresh token")
        return issued

    def _from_client(self, form: Mapping[str, str]) -> Issued:
        if not self._org.app.run_as:
            raise OAuthRefusal("invalid_grant", "no client credentials user enabled")
        return self._org.sessions.issue(self._headless_scope(), with_refresh=False)

    def _from_assertion(self, form: Mapping[str, str]) -> Issued:
        app, profile = self._org.app, self._org.profile
        if app.jwt_certificate is None:
            raise OAuthRefusal("invalid_grant", "user hasn't approved this consumer")
        try:
            claims = read_assertion(form.get("assertion", ""), app.jwt_certificate)
        except InvalidAssertion as error:
            raise OAuthRefusal("invalid_grant", "invalid assertion") from error
        if claims.get("iss") != app.client_id:
            raise OAuthRefusal("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (profile.login_host, self._org.url):
            raise OAuthRefusal("invalid_grant", "Audience validation failed")
        left = float(claims.get("exp", 0)) - self._org.clock.now().timestamp()
        if not 0 < left <= 300:
            raise OAuthRefusal("invalid_grant", "expired authorization code")
        if claims.get("sub") != profile.username:
            raise OAuthRefusal("invalid_grant", "user hasn't approved this consumer")
        return self._org.sessions.issue(self._headless_scope(), with_refresh=False)

    def _headless_scope(self) -> str:
        return " ".join(scope for scope in self._org.app.scopes if scope in ("api", "full", "id"))

    def _body(self, issued: Issued, *, signed: bool) -> dict[str, str]:
        org, session = self._org, issued.session
        identity = f"{org.profile.login_host}/id/{org.profile.org_id}/{org.profile.user_id}"
        body = {
            "access_token": session.token,
            "scope": session.scope,
            "instance_url": org.url,
            "id": identity,
            "token_type": "Bearer",
        }
        if signed:
            # Documented as seconds, sent as milliseconds in a string.
            issued_at = str(int(session.issued.timestamp() * 1000))
            key = org.app.client_secret.encode()
            signature = hmac.new(key, f"{identity}{issued_at}".encode(), hashlib.sha256).digest()
            body |= {"issued_at": issued_at, "signature": base64.b64encode(signature).decode()}
        if issued.refresh_token is not None:
            body["refresh_token"] = issued.refresh_token
        if signed and "openid" in session.scope.split():
            body["id_token"] = self._id_token(identity, session.issued)
        return body

    def _id_token(self, identity: str, issued: datetime) -> str:
        seconds = int(issued.timestamp())
        return sign_token(
            {
                "iss": self._org.url,
                "sub": identity,
                "aud": self._org.app.client_id,
                "iat": seconds,
                "exp": seconds + 120,
            }
        )

    # After the tokens

    async def revoke(self, request: Request) -> Response:
        """End a session, or everything of a refresh token."""
        form = dict(request.query_params) if request.method == "GET" else await _form(request)
        if not self._org.sessions.revoke(form.get("token", "")):
            return JSONResponse({"error": "invalid_token", "error_description": "the token is invalid"}, 400)
        return Response(status_code=200)

    async def introspect(self, request: Request) -> Response:
        """Tell whether a token lives, and until when."""
        form = await _form(request)
        try:
            self._authenticate_client(request, form)
        except OAuthRefusal as refusal:
            return JSONResponse(refusal.body, 401)
        org, token = self._org, form.get("token", "")
        refresh_scope = org.sessions.find_refresh(token)
        session = org.sessions.find(token)
        if session is None and refresh_scope is None:
            return JSONResponse({"active": False})
        body: dict[str, Any] = {
            "active": True,
            "scope": session.scope if session else refresh_scope,
            "client_id": org.app.client_id,
            "username": org.profile.username,
            "sub": f"{org.profile.login_host}/id/{org.profile.org_id}/{org.profile.user_id}",
            "token_type": "access_token" if session else "refresh_token",
        }
        if session is not None:
            issued = int(session.issued.timestamp())
            expiry = int((session.last_used + org.sessions.lifetime).timestamp())
            body |= {"exp": expiry, "iat": issued, "nbf": issued}
        return JSONResponse(body)

    async def user_info(self, request: Request) -> Response:
        """Tell who the token's user is; a bad token is 403 with plain text."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return PlainTextResponse("Missing_OAuth_Token", 403)
        if scheme not in ("Bearer", "OAuth") or self._org.sessions.find(token) is None:
            return PlainTextResponse("Bad_OAuth_Token", 403)
        return JSONResponse(build_user_info(self._org), media_type="application/json;charset=UTF-8")
