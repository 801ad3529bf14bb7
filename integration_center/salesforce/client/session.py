"""One HTTP session with an org: tokens, retries, faults and the meter."""

import copy
import json as jsonlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import stamina

from integration_center.errors import LimitExceeded, OrgError, TransientError
from integration_center.remote import ORG_POLICY, RetryPolicy, trust_certificates
from integration_center.salesforce.client.address import Address, TokenProvider, is_elsewhere, name_host
from integration_center.salesforce.client.compression import RequestCompression
from integration_center.salesforce.client.faults import (
    AnswerLost,
    BusyOrg,
    CutShort,
    Members,
    PerhapsDone,
    Unreachable,
    build_error,
    build_maintenance,
    build_unreachable,
    check_readable,
    is_dead_session,
    is_row_list,
)
from integration_center.salesforce.client.scratch_files import writing_scratch
from integration_center.salesforce.client.usage import Meter, Usage
from integration_center.wording.answers import Redactor, clean_answer

logger = logging.getLogger(__name__)

CLIENT_NAME = "IntegrationCenter"
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
CONNECT_TIMEOUT = 10.0

Body = bytes | Callable[[], Iterable[bytes]]
"""A request body: bytes, or a function that returns new pieces each time the request is sent."""


@dataclass(frozen=True)
class _Call:
    """One request, in a form that can be sent again."""

    method: str
    path: str
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Body | None = field(default=None, repr=False)
    rows_may_fail: bool = False
    idempotent: bool = True
    members: Members = field(default_factory=dict)
    looked: int | None = None


class Session:
    """Requests to one org, as one user.

    Args:
        tokens: provides and renews the access token.
        api_version: the API version, such as `66.0`.
        transport: the transport of the requests; None for the network.
        retries: how often and how long to wait.
        scratch: the folder for the files of uploads and downloads, which hold values of records; None for the system's.

    Attributes:
        meter: adds up what the session costs. Callers report waits that the session does not make itself.
    """

    def __init__(
        self,
        tokens: TokenProvider,
        *,
        api_version: str = "66.0",
        transport: httpx.BaseTransport | None = None,
        retries: RetryPolicy | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._address = Address(tokens)
        self._redactors: dict[str, Redactor] = {}
        self._compression = RequestCompression()
        self.retries = retries or ORG_POLICY
        self.scratch = scratch
        self.meter = Meter()
        self.base_path = f"/services/data/v{api_version}"
        self._client = httpx.Client(
            transport=transport,
            verify=trust_certificates(),
            timeout=httpx.Timeout(self.retries.read_timeout, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=10, max_keepalive_connections=10),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": CLIENT_NAME,
                "Sforce-Call-Options": f"client={CLIENT_NAME}",
            },
        )

    def with_retries(self, retries: RetryPolicy) -> Self:
        """Return the same session (its connections, tokens and meter) with another retry policy."""
        other = copy.copy(self)
        other.retries = retries
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def usage(self) -> Usage:
        """What this session has used so far."""
        return self.meter.usage

    @property
    def instance_url(self) -> str:
        """The org's address, for links."""
        return self._address.current()[0]

    def request(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool,
        json: object = None,
        content: Body | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        rows_may_fail: bool = False,
        members: Members | None = None,
        looked: int | None = None,
    ) -> httpx.Response:
        """Send a request and return the successful answer.

        Args:
            method: the HTTP method.
            path: the path below `/services/data/vXX.X/`, or from `/services/` (or `services/`) on, as answers give it.
            idempotent: whether the request may be repeated when it is unknown if the org carried it out.
            json: a document to send as the body; `content` is used instead when it is None.
            content: the body, see `Body`.
            params: the query of the URL. Never put values of records here.
            headers: additional headers.
            rows_may_fail: whether to also return a 400 whose body is a list of row results (sObject Collections).
            members: the members of the answer's object. An answer without them counts as lost.
            looked: for a write that is not repeated after a busy answer (HTTP 5xx) before the caller has looked at what
                was written: how often the caller has done so for this request. Else None.

        Raises:
            PerhapsDone: the org was busy, and the wait for it is over; only with `looked`.
            TransientError: the org stayed unavailable through all retries; `AnswerLost` when the request may have been
                carried out.
            AccessRefused: the session ended and could not be renewed.
            OrgError: the org refused, with its code; `LimitExceeded` at the daily limit of calls.
        """
        more = dict(headers or {})
        if json is not None:
            content = jsonlib.dumps(json, separators=(",", ":"), ensure_ascii=False).encode()
        if content is not None:
            more.setdefault("Content-Type", "application/json; charset=UTF-8")
        call = _Call(
            method, self._full_path(path), params, more, content, rows_may_fail, idempotent, members or {}, looked
        )
        return self._retry(call, lambda: self._send(call, None))

    def get_json(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        members: Members | None = None,
    ) -> Any:
        """Get the JSON document at `path`. Raises the errors of `request`."""
        return self.request("GET", path, idempotent=True, params=params, headers=headers, members=members).json()

    def download(self, path: str, sink: IO[bytes], *, params: Mapping[str, str] | None = None) -> httpx.Headers:
        """Stream a CSV answer into `sink` and return the headers. A retry starts again from the beginning of `sink`.

        Raises the errors of `request`, and ConfigurationError when the disk is full.
        """
        call = _Call("GET", self._full_path(path), params, {"Accept": "text/csv"})

        def send() -> httpx.Response:
            sink.seek(0)
            sink.truncate()
            return self._send(call, sink)

        with writing_scratch(self.scratch):
            headers = self._retry(call, send).headers
            sink.flush()
        sink.seek(0)
        return headers

    def _full_path(self, path: str) -> str:
        if path.startswith("http"):
            path = self._address.strip(path)
        if "://" in path or path.startswith("//"):
            raise OrgError("Salesforce named an address on another host; the access token is not sent there")
        if path.startswith(("/services/", "services/")):
            return "/" + path.lstrip("/")
        return f"{self.base_path}/{path.lstrip('/')}"

    def _retry(self, call: _Call, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send until the request succeeds, with waits in between. The type of the error decides, never its text."""
        policy = self.retries
        tried = 0
        busy: BusyOrg | None = None
        looked = call.looked or 0

        def judge(error: Exception) -> bool | float:
            if isinstance(error, AnswerLost) and not call.idempotent:
                return False
            seconds = policy.decide(error, tried + looked)
            if seconds is False or tried >= policy.attempts:
                return seconds
            self.meter.count_wait(seconds)
            logger.warning("Salesforce %s, attempt %d: %s; waiting %.1f s", call.method, tried, error, seconds)
            return seconds

        for attempt in stamina.retry_context(on=judge, attempts=policy.attempts, timeout=policy.timeout):
            with attempt:
                tried = attempt.num
                if busy is not None and call.looked is not None:
                    raise PerhapsDone(busy)
                base = self._address.current()[0]
                try:
                    return send()
                except (CutShort, LimitExceeded):
                    raise
                except BusyOrg as error:
                    if error.status >= httpx.codes.INTERNAL_SERVER_ERROR:
                        busy = error
                    raise
                except OrgError as error:
                    if call.idempotent or busy is None:
                        raise
                    # A server in front of the org may say "busy" after the org has carried out the request. The org
                    # then refuses to do it twice.
                    raise AnswerLost(f"{error}, after an earlier attempt that may have been carried out") from None
                except (Unreachable, AnswerLost) as error:
                    safe = isinstance(error, Unreachable) or (call.idempotent and tried >= min(2, policy.attempts))
                    if not (safe and self._has_moved(base)):
                        raise
                    return send()
        raise AssertionError("stamina returns an answer or raises")

    def _has_moved(self, base: str) -> bool:
        """Return whether the token endpoint now names another address than `base`. Requests then go there."""
        try:
            return self._address.look_up(base) is not None
        except TransientError as error:  # the whole network is down: the caller's error says what happened
            logger.warning("the org's address could not be looked up: %s", error)
        return False

    def _send(self, call: _Call, sink: IO[bytes] | None) -> httpx.Response:
        response = self._send_signed(call, sink)
        if self._compression.is_refused(response, _body(response, sink)):
            response = self._send_signed(call, sink)
        if not response.is_success:
            body = _body(response, sink)
            if call.rows_may_fail and response.status_code == httpx.codes.BAD_REQUEST and is_row_list(body):
                return response
            host = name_host(str(response.request.url))
            raise build_error(response.status_code, response.headers, body, host)
        return response

    def _send_signed(self, call: _Call, sink: IO[bytes] | None) -> httpx.Response:
        """Send with the access token. Send once more after the session has ended, and once after the org has moved."""
        base, token = self._address.find_living()
        renewed = moved = False
        while True:
            response = self._exchange(call, base, token, sink)
            body = _body(response, sink)
            if is_dead_session(response.status_code, body):
                if renewed:
                    raise build_maintenance(name_host(base), response.status_code)
                (base, token), renewed = self._address.renew(token), True
            elif is_elsewhere(response.status_code, body):
                found = None if moved else self._address.look_up(base)
                if found is None:
                    return response
                (base, token), moved = found, True
            else:
                self._address.note_answer(base, response.status_code, body)
                return response

    def _exchange(self, call: _Call, base: str, token: str, sink: IO[bytes] | None) -> httpx.Response:
        """Send once and read the answer: a success into `sink` if there is one, any other answer into memory."""
        headers = {**call.headers, "Authorization": f"Bearer {token}"}
        if call.method != "GET":
            headers["Sforce-Auto-Assign"] = "FALSE"  # by default, Salesforce runs assignment rules on updates too
        content = call.content() if callable(call.content) else call.content
        if isinstance(content, bytes) and (smaller := self._compression.compress(content)):
            content, headers["Content-Encoding"] = smaller, "gzip"
        seconds = self.retries.read_timeout if call.idempotent else self.retries.write_timeout
        request = self._client.build_request(
            call.method,
            base.rstrip("/") + call.path,
            params=call.params,
            headers=headers,
            content=content,
            timeout=httpx.Timeout(seconds, connect=CONNECT_TIMEOUT),
        )
        self.meter.count_call(int(request.headers.get("content-length", 0)))
        if (secrets := self._redactors.get(token)) is None:
            secrets = self._redactors.setdefault(token, Redactor([token]))
        try:
            response = self._client.send(request, stream=True)
            try:
                if sink is not None and response.is_success:
                    for piece in secrets.clean_pieces(response.iter_bytes()):
                        sink.write(piece)
                else:
                    response.read()
            finally:
                response.close()
                received = response.headers
                self.meter.count_answer(
                    response.num_bytes_downloaded, received.get("sforce-limit-info"), received.get("date")
                )
        except NEVER_SENT as error:
            raise build_unreachable(name_host(base), error) from None
        except httpx.RequestError as error:
            self._compression.note_loss(request)
            # The text may quote a header, so only the type is kept.
            raise AnswerLost(f"the connection to Salesforce broke ({type(error).__name__})") from None
        if sink is None or not response.is_success:
            response = clean_answer(response, secrets)
        check_readable(response, sink, call.members)
        return response


def _body(response: httpx.Response, sink: IO[bytes] | None) -> bytes:
    return b"" if sink is not None and response.is_success else response.content
