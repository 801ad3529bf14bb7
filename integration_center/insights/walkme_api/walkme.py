"""Make signed-in requests to the WalkMe API: token, retries, and errors by type.

Sign-in follows https://developer.walkme.com/reference/get-authorization-token, and status codes follow
https://developer.walkme.com/reference/response-headers. 429, error bodies and retries are our own contract.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, TypeVar
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    RateLimited,
    ReportError,
    ServiceUnavailable,
    UnknownReport,
)
from integration_center.remote import SERVICE_POLICY, read_retry_after, trust_certificates
from integration_center.wording.addresses import check_url
from integration_center.wording.answers import UNKNOWN_CODE, Redactor, clean_answer, read_code

Answer = TypeVar("Answer")

TOKEN_PATH = "/accounts/connect/token"  # noqa: S105  (a path, not a secret)
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
EXPORTED = "the file of an export"
"""The name in errors of the file at a presigned address."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
TOKEN_LIFE = 86_400.0
"""The life of a token in seconds, as WalkMe documents it, for tokens without a readable `expires_in`."""
EARLY = 60.0
"""A token is no longer used this many seconds before its end."""


class InvalidRequest(ReportError):
    """WalkMe refused the content of a request (400)."""


class LinkExpired(Exception):
    """The address of a file is refused. The caller has to request a new one."""


class WalkMeSession:
    """Requests through one HTTP client, signed in where needed.

    Requests that fail with a temporary error are sent again. After that, all methods raise:

    * `AccessRefused`: the key is refused, or lacks the permission.
    * `UnknownReport`: nothing is at the path.
    * `InvalidRequest`: the content of the request is refused.
    * `ReportError`, `ConfigurationError`: any other refusal.
    * `RateLimited`, `ServiceUnavailable`: the server asked for too long a wait, or no attempt had a readable answer.
    """

    def __init__(self, api: "WalkMeApi", client: httpx.Client) -> None:
        self._api = api
        self._client = client

    def get(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        """Get the JSON object at a path under the base URL."""
        return SERVICE_POLICY.retry(self._api.ask_once)(self._client, "GET", path, params=params)

    def post(self, path: str, body: Mapping[str, str | int]) -> dict[str, Any]:
        """Post a JSON body, and return the JSON object of the answer. After a lost answer the request is sent again."""
        return SERVICE_POLICY.retry(self._api.ask_once)(self._client, "POST", path, json=body)

    def download(self, url: str, file: IO[bytes]) -> None:
        """Download the file at a presigned address into `file`, from its beginning. No token is sent there.

        Raises:
            LinkExpired: the address is refused (403, 404 or 410).
            ServiceUnavailable: the address is not one of a file, or every attempt was cut off.
        """
        SERVICE_POLICY.retry(self._api.download_once)(self._client, url, file)


class WalkMeApi:
    """The API of one data centre, signed in with one key.

    Args:
        base_url: the base URL, such as https://api.walkme.com.
        client_id: the client id of a key from Admin > Access Management > API Keys.
        client_secret: the client secret of the same key.
        client: the client for all requests, which stays open. Without it, each session opens and closes its own.
    """

    def __init__(
        self, base_url: str, client_id: str, client_secret: str, *, client: httpx.Client | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._auth = httpx.BasicAuth(client_id, client_secret)
        self._client_secret = client_secret
        self._client = client
        self._lock = threading.Lock()
        self._token = ""
        self._token_ends = 0.0

    def __repr__(self) -> str:
        return f"WalkMeApi({self._base_url!r})"

    @contextmanager
    def session(self) -> Iterator[WalkMeSession]:
        """Open a session, whose requests share connections."""
        if self._client is not None:
            yield WalkMeSession(self, self._client)
            return
        with httpx.Client(verify=trust_certificates(), timeout=TIMEOUT) as client:
            yield WalkMeSession(self, client)

    def ask_once(self, client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send one request of a session, without retries except after a refused token."""
        token = self._sign_in(client)
        answer = self._send(client, method, path, headers=_bearer(token), **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # The token may have been revoked early. One new token is tried, then the refusal counts.
            token = self._sign_in(client, instead_of=token)
            answer = self._send(client, method, path, headers=_bearer(token), **options)
        answer = clean_answer(answer, Redactor([token]))
        if not answer.is_success:
            raise _refusal(answer, path)
        return _read_object(answer, path)

    def download_once(self, client: httpx.Client, url: str, file: IO[bytes]) -> None:
        """Make one download of a session, without retries. The address is secret, so no error names it."""
        try:
            address = check_url(urljoin(self._base_url, url))
        except ValueError:
            raise ServiceUnavailable(f"{EXPORTED} has an address that is not https://") from None
        file.seek(0)
        file.truncate()
        try:
            with client.stream("GET", address) as answer:
                if answer.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.GONE}:
                    raise LinkExpired
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    signature = [value for _, value in parse_qsl(urlsplit(address).query)]
                    raise _refusal(clean_answer(answer, Redactor([address, *signature])), EXPORTED)
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        except (httpx.InvalidURL, httpx.RequestError) as error:
            raise ServiceUnavailable(f"{EXPORTED} could not be fetched completely ({type(error).__name__})") from None

    def _sign_in(self, client: httpx.Client, *, instead_of: str | None = None) -> str:
        """Return the current token, or a new one if it ends or is `instead_of`. Threads share it, and one renews it."""
        with self._lock:
            if self._token and self._token != instead_of and time.monotonic() < self._token_ends:
                return self._token
            answer = self._send(client, "POST", TOKEN_PATH, data={"grant_type": "client_credentials"}, auth=self._auth)
            if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
                raise AccessRefused(
                    f"WalkMe refused the client id and secret ({answer.status_code} at {TOKEN_PATH}); make a key under"
                    " Admin > Access Management > API Keys and put its id and secret into the settings"
                )
            if answer.status_code != httpx.codes.OK:
                raise _refusal(clean_answer(answer, Redactor([self._client_secret])), TOKEN_PATH)
            body = _read_object(answer, TOKEN_PATH)
            token, life = body.get("access_token"), body.get("expires_in")
            if not isinstance(token, str) or not token:
                raise ServiceUnavailable(f"WalkMe answered {TOKEN_PATH} without access_token")
            # A token that ends earlier than expected is refused with 401, and then renewed.
            seconds = float(life) if isinstance(life, str) and life.isdecimal() else TOKEN_LIFE
            self._token, self._token_ends = token, time.monotonic() + seconds - EARLY
            return token

    def _send(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return client.request(method, f"{self._base_url}{path}", **options)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise ConfigurationError(
                f"WalkMe cannot be asked for {method} {path} ({type(error).__name__}); check the API's address"
            ) from None
        except httpx.RequestError as error:
            raise ServiceUnavailable(f"WalkMe gave no answer to {method} {path} ({type(error).__name__})") from None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _read_object(answer: httpx.Response, path: str) -> dict[str, Any]:
    """Read the JSON object of an answer, with numbers as the text that was sent: `1.10` must not become `1.1`."""
    try:
        body = json.loads(answer.content, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        raise ServiceUnavailable(f"WalkMe answered {path} with {len(answer.content)} bytes that are not JSON") from None
    if not isinstance(body, dict):
        raise ServiceUnavailable(f"WalkMe answered {path} without a JSON object")
    return body


def _refusal(answer: httpx.Response, path: str) -> Exception:
    """Build the error for an answer other than 200, with WalkMe's code and request id, never its message or body."""
    status = answer.status_code
    sentence = f"WalkMe answered {path} with {status}{_error_code(answer)}"
    seconds = read_retry_after(answer.headers)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(f"{sentence}: too many requests", retry_after=seconds)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable(sentence, retry_after=seconds)
    if status == httpx.codes.UNAUTHORIZED:
        return AccessRefused(
            f"{sentence}, also with a new token; check that the key belongs to this data centre's address"
        )
    if status == httpx.codes.FORBIDDEN:
        return AccessRefused(
            f"{sentence}: the key lacks the permission to read Insights reports of this system;"
            " switch it on (Insights, Read) under Admin > Access Management > API Keys"
        )
    if status == httpx.codes.NOT_FOUND:
        return UnknownReport(f"{sentence}: no such report or system; check the system GUID and the report's name")
    if httpx.codes.is_redirect(status):
        return ConfigurationError(f"{sentence}, a redirect; check the API's address")
    kind = InvalidRequest if status == httpx.codes.BAD_REQUEST else ReportError
    return kind(f"{sentence}; WalkMe's support can look it up by its request id")


def _error_code(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        code, request_id = body["error"]["code"], body["requestId"]
    except (ValueError, KeyError, TypeError):
        return ""
    named = read_code(code) or UNKNOWN_CODE
    return f" {named!r}, request {request_id!r}" if REQUEST_ID.fullmatch(str(request_id)) else f" {named!r}"
