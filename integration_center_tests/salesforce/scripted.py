"""A scripted org: what each test needs of Salesforce, answered as the protocol sheet says."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.sync.schema import SObjectField, SObjectSchema

NO_WAIT = RetryPolicy(attempts=3, wait_initial=0.0, wait_jitter=0.0, retry_after_max=0.0)
Handler = Callable[[httpx.Request], httpx.Response]


class Tokens:
    """Tokens that count their renewals, and renew whenever asked: to ask once is the session's part."""

    def __init__(self, dead_url: str = "https://org.example", live_url: str = "https://org.example") -> None:
        self.renewals = 0
        self.urls = (dead_url, live_url)
        self._lock = threading.Lock()

    def current(self) -> tuple[str, str]:
        return self.urls[min(self.renewals, 1)], f"token-{self.renewals}"

    def renew(self, dead_token: str) -> tuple[str, str]:
        with self._lock:
            self.renewals += 1
            return self.current()


def build_session(handler: Handler, tokens: Tokens | None = None, retries: RetryPolicy = NO_WAIT) -> Session:
    return Session(tokens or Tokens(), transport=httpx.MockTransport(handler), retries=retries)


def build_org(handler: Handler) -> Org:
    return Org(build_session(handler), polling=Polling(sleep=lambda seconds: None))


def play(*answers: httpx.Response | Exception) -> Handler:
    """Gives the answers one after another; one more request is an error."""
    script: Iterator[httpx.Response | Exception] = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = next(script)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


def read_body(request: httpx.Request) -> bytes:
    """The body of a request, as it was before compression."""
    body = request.read()
    return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body


def refuse(status: int, code: str, message: str = "") -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])


LEAD = SObjectSchema(
    "Lead",
    "Lead",
    queryable=True,
    updateable=True,
    fields=(
        SObjectField("Id", "Lead ID", "id", length=18, updateable=False, id_lookup=True),
        SObjectField("SystemModstamp", "System Modstamp", "datetime", updateable=False),
        SObjectField("IsConverted", "Converted", "boolean", updateable=False),
        SObjectField("Email", "Email", "email", length=80, id_lookup=True),
        SObjectField("Company", "Company", "string", length=255),
        SObjectField("Description", "Description", "textarea", length=32_000, filterable=False),
        SObjectField("Logins__c", "Logins", "double", precision=18, scale=0),
        SObjectField("Seats__c", "Seats", "int", digits=8),
        SObjectField("Last_Login__c", "Last Login", "datetime"),
        SObjectField("Active__c", "Active", "boolean"),
    ),
)


def build_id(number: int) -> str:
    """An 18-character Id: digits only, so the checksum is AAA."""
    return f"00Q{number:012d}AAA".replace("00Q", "005", 1)


@dataclass
class BulkOrg:
    """The ingest calls of an org whose jobs end at once; `files` and `counts` may be overridden to lie."""

    failed: dict[str, str] = field(default_factory=dict)
    unprocessed: Sequence[str] = ()
    state: str = "JobComplete"
    error_message: str | None = None
    broken_downloads: dict[str, list[bytes]] = field(default_factory=dict)
    page_rows: int | None = None
    before: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
    calls: list[tuple[str, str]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/services/data/v66.0/jobs/ingest").strip("/")
        self.calls.append((request.method, path))
        body = request.read()
        if answer := self.before(request):
            return answer
        if request.method == "POST":
            job_id = f"750{len(self.states) + 1:012d}AAA"
            self.states[job_id] = "Open"
            return httpx.Response(200, json=self._job(job_id))
        job_id, _, rest = path.partition("/")
        if request.method == "PUT":
            assert request.headers["content-type"] == "text/csv"
            self.uploads[job_id] = body
            return httpx.Response(201)
        if request.method == "PATCH":
            self.states[job_id] = json.loads(body)["state"]
            return httpx.Response(200, json=self._job(job_id))
        if rest:
            return self._page(self._file(job_id, rest), int(request.url.params.get("locator", 0)))
        if self.states[job_id] == "UploadComplete":
            self.states[job_id] = self.state
        return httpx.Response(200, json=self._job(job_id))

    def sent(self, job_id: str) -> list[str]:
        lines = self.uploads.get(job_id, b"").decode().splitlines()[1:]
        return [line.split(",")[0] for line in lines]

    def _job(self, job_id: str) -> dict[str, Any]:
        sent = self.sent(job_id)
        ended = self.states[job_id] not in {"Open", "UploadComplete"}
        job: dict[str, Any] = {"id": job_id, "object": "Lead", "state": self.states[job_id], "apiVersion": 66.0}
        if self.states[job_id] == "Open":
            job["contentUrl"] = f"services/data/v66.0/jobs/ingest/{job_id}/batches"
        if ended:
            job["numberRecordsProcessed"] = len([row for row in sent if row not in self.unprocessed])
            job["numberRecordsFailed"] = len([row for row in sent if row in self.failed])
        if self.error_message and ended:
            job["errorMessage"] = self.error_message
        return job

    def _page(self, file: httpx.Response, start: int) -> httpx.Response:
        if self.page_rows is None:
            return file
        header, *rows = file.content.splitlines(keepends=True)
        end = start + self.page_rows
        locator = str(end) if end < len(rows) else "null"
        return _csv(b"".join([header, *rows[start:end]]), {"Sforce-Locator": locator})

    def _file(self, job_id: str, kind: str) -> httpx.Response:
        if self.broken_downloads.get(kind):
            return _csv(self.broken_downloads[kind].pop(0))
        sent = list(reversed(self.sent(job_id)))  # the order of results is not that of the upload
        match kind:
            case "failedResults":
                rows = [f'"{row}","{self.failed[row]}","9.1E8","{row}"' for row in sent if row in self.failed]
                return _csv("\n".join(['"sf__Id","sf__Error",Logins__c,Id', *rows, ""]).encode())
            case "unprocessedrecords":
                rows = [f"{row},5" for row in sent if row in self.unprocessed]
                return _csv("\n".join(["Id,Logins__c", *rows, ""]).encode())
            case _:
                good = [row for row in sent if row not in self.failed and row not in self.unprocessed]
                rows = [f'"{row}","false","9.1E8","{row}"' for row in good]
                return _csv("\n".join(['"sf__Id","sf__Created",Logins__c,Id', *rows, ""]).encode())


def _csv(content: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(200, content=content, headers={"Content-Type": "text/csv", **(headers or {})})


@dataclass
class RecordingJournal:
    """Remembers the calls to it, in order."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
        self.events.append(("opened", job_id))

    def job_settled(self, job_id: str) -> None:
        self.events.append(("settled", job_id))

    def chunk_sent(self, ids_hash: str) -> None:
        self.events.append(("chunk", ids_hash))
