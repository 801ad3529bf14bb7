"""The OAuth half of an org, at the transport: what the fact sheet says of it, and nothing of our client's habits."""

import base64
import hashlib
import hmac
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import respx
from pydantic import SecretStr

from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import OrgKind
from integration_center.settings import ExternalClientApp

LOGIN_URL = "https://acme--uat.sandbox.my.salesforce.com"
INSTANCE_URL = "https://acme--uat.sandbox.my.salesforce.com"
CLIENT_ID = "3MVG9.consumer.key"
CLIENT_SECRET = "the-consumer-secret-8B1F"
APP = ExternalClientApp(LOGIN_URL, CLIENT_ID, SecretStr(CLIENT_SECRET), OrgKind.SANDBOX)
ORG_ID = "00D000000000001EAA"
OTHER_ORG_ID = "00D000000000002EAA"
USER_ID = "005000000000001AAA"
USERNAME = "integration@acme.example.uat"


class FakeSalesforce:
    """Answers token, revoke, userinfo and queries; `requests` holds what it was asked.

    Attributes:
        queries: what queries of an object get instead of an answer, by the object's name.
    """

    def __init__(self) -> None:
        self.org_id = ORG_ID
        self.is_sandbox = True
        self.organization_type = "Enterprise Edition"
        self.permissions = {"PermissionsModifyAllData": True, "PermissionsApiEnabled": True}
        self.queries: dict[str, httpx.Response] = {}
        self.rotation = False
        self.refresh_token: str | None = None
        self.access_tokens: set[str] = set()
        self.code: tuple[str, str, str] | None = None
        self.refusals: list[httpx.Response | httpx.TransportError] = []
        self.requests: list[httpx.Request] = []
        self.revoked: list[str] = []
        self.changes: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.reachable = True
        self.revocation_fails = False
        self.issued = 0
        self._lock = threading.Lock()
        self._router = respx.MockRouter(assert_all_called=False)
        self._router.route().mock(side_effect=self._answer)

    def __enter__(self) -> Self:
        self._router.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._router.stop()

    def forms(self, path: str) -> list[dict[str, str]]:
        """The forms posted to `path`."""
        found = [request for request in self.requests if request.url.path == path]
        return [dict(parse_qsl(request.content.decode())) for request in found]

    @property
    def token_forms(self) -> list[dict[str, str]]:
        return self.forms("/services/oauth2/token")

    def refuse(self, *refusals: httpx.Response | httpx.TransportError) -> None:
        """What the next token or revoke requests get instead of an answer."""
        self.refusals.extend(refusals)

    def sign_in(self, authorize_url: str) -> str:
        """What a user does in the browser: the page that our callback shows in the end."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self.code = ("code-9d4c", asked["code_challenge"], asked["redirect_uri"])
        return visit(f"{asked['redirect_uri']}?{urlencode({'code': 'code-9d4c', 'state': asked['state']})}")[1]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            if not self.reachable:
                raise httpx.ConnectError("no route", request=request)
            form = dict(parse_qsl(request.content.decode()))
            match request.url.path:
                case "/services/oauth2/token":
                    return self._refused() or self._token(form)
                case "/services/oauth2/revoke":
                    return self._refused() or self._revoke(form)
                case "/services/oauth2/userinfo":
                    return self._userinfo(request)
                case "/services/data/v66.0/query":
                    return self._query(request)
            return httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "not here"}])

    def _refused(self) -> httpx.Response | None:
        if not self.refusals:
            return None
        refusal = self.refusals.pop(0)
        if isinstance(refusal, httpx.TransportError):
            raise refusal
        return refusal

    def _token(self, form: dict[str, str]) -> httpx.Response:
        with_refresh = False
        match form["grant_type"]:
            case "authorization_code":
                assert self.code is not None
                code, challenge, redirect_uri = self.code
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
                    return oauth_error("invalid_grant", "invalid code verifier")
                if (form["code"], form["redirect_uri"]) != (code, redirect_uri):
                    return oauth_error("invalid_grant", "invalid authorization code")
                self.code, with_refresh = None, True
            case "refresh_token":
                if form["refresh_token"] != self.refresh_token:
                    self.refresh_token = None  # replay ends the connection
                    return oauth_error("invalid_grant", "expired access/refresh token")
                with_refresh = self.rotation
        self.issued += 1
        access_token = f"00D000000000001!AQ.access.{self.issued}"
        self.access_tokens.add(access_token)
        identity, issued_at = f"https://test.salesforce.com/id/{self.org_id}/{USER_ID}", "1763900000000"
        signature = hmac.digest(CLIENT_SECRET.encode(), (identity + issued_at).encode(), "sha256")
        body = {
            "access_token": access_token,
            "instance_url": INSTANCE_URL,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
            "signature": base64.b64encode(signature).decode(),
            "scope": "refresh_token api openid",
        }
        if with_refresh:
            self.refresh_token = f"5Aep861.refresh.{self.issued}"
            body["refresh_token"] = self.refresh_token
        return httpx.Response(200, json=body | self.changes)

    def _revoke(self, form: dict[str, str]) -> httpx.Response:
        if self.revocation_fails:
            return httpx.Response(503)
        self.revoked.append(form["token"])
        if form["token"] not in self.access_tokens | {self.refresh_token}:
            return oauth_error("invalid_token", "")
        return httpx.Response(200)

    def _userinfo(self, request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"].removeprefix("Bearer ") not in self.access_tokens:
            return httpx.Response(403, text="Bad_OAuth_Token")
        return httpx.Response(
            200,
            json=self.userinfo or {"user_id": USER_ID, "organization_id": self.org_id, "preferred_username": USERNAME},
        )

    def _query(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Sforce-Call-Options"] == "client=IntegrationCenter"
        table = asked_object(request)
        if table in self.queries:
            return self.queries[table]
        if table == "UserPermissionAccess":
            return found(dict(self.permissions))
        organization = {
            "Id": self.org_id,
            "Name": "Acme <UAT>",
            "OrganizationType": self.organization_type,
            "IsSandbox": self.is_sandbox,
        }
        return found({name: organization[name] for name in selected(request)})


def asked_object(request: httpx.Request) -> str:
    """The object that a query reads."""
    return request.url.params["q"].split(" FROM ")[1].split()[0]


def selected(request: httpx.Request) -> list[str]:
    """The fields that a query selects."""
    return request.url.params["q"].removeprefix("SELECT ").split(" FROM ")[0].split(", ")


def found(*records: dict[str, Any]) -> httpx.Response:
    """The answer to a query."""
    return httpx.Response(200, json={"totalSize": len(records), "done": True, "records": list(records)})


RefusedRefresh = Callable[[str, str, type[IntegrationCenterError], str], str]
"""Takes the code and the description of a refusal, and the error that is expected with a pattern of its text."""


def oauth_error(error: str, description: str, status: int = 400) -> httpx.Response:
    """A refusal of the token endpoint: an object, not the data API's array."""
    return httpx.Response(status, json={"error": error, "error_description": description})


def visit(url: str) -> tuple[int, str]:
    """Status and text of a page, as a browser on this machine gets it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
