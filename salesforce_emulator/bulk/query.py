"""Bulk API 2.0 query jobs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.bulk.csv import DELIMITERS, LINE_ENDINGS
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.spool import Spool
from salesforce_emulator.refusals import Refusal, not_found
from salesforce_emulator.schema.fields import COMPOUND_TYPES
from salesforce_emulator.soql.queries import fetch_csv_lines, prepare
from salesforce_emulator.soql.sql import Query

FINISHED = ("JobComplete", "Failed", "Aborted")
MAX_RESULT_PAGES = 5


@dataclass
class QueryJob:
    """One query job; its result stays as it was when the query ran."""

    id: str
    operation: str
    query: Query
    version: str
    created_by: str
    created: datetime
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    state: str = "UploadComplete"
    modified: datetime = field(init=False)
    header: str = ""
    lines: Spool = field(default_factory=Spool)
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.modified = self.created

    def enter(self, state: str, now: datetime) -> None:
        """Change the state."""
        self.state = state
        self.modified = now
        if state in FINISHED:
            self.done.set()

    def short(self) -> dict[str, Any]:
        """Return the answer to the job's creation or abortion."""
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.query.sobject.name,
            "createdById": self.created_by,
            "createdDate": f"{stamp(self.created)}.000+0000",
            "systemModstamp": f"{stamp(self.modified)}.000+0000",
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }

    def full(self) -> dict[str, Any]:
        """Return the answer to a poll."""
        row = self.short() | {"jobType": "V2Query"}
        if self.state in ("InProgress", "JobComplete"):
            row["numberRecordsProcessed"] = len(self.lines)
        return row | {"retries": 0, "totalProcessingTime": 0, "isPkChunkingSupported": True}


class QueryJobs:
    """The query jobs of one org, and the worker that runs them."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: dict[str, QueryJob] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"query-{org.profile.name}")

    def __len__(self) -> int:
        return len(self._jobs)

    def start(self, job: QueryJob) -> None:
        """Register a job and queue it."""
        self._jobs[job.id] = job
        self._worker.submit(self._run, job)

    def find(self, job_id: str) -> QueryJob | None:
        """Return a job by its id."""
        return self._jobs.get(job_id)

    def all(self) -> list[QueryJob]:
        """Return all jobs, oldest first."""
        return list(self._jobs.values())

    def remove(self, job: QueryJob) -> None:
        """Delete a job and its result."""
        del self._jobs[job.id]

    def close(self) -> None:
        """Let no job begin any more and wait for the running one."""
        self._org.bulk.resume()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: QueryJob) -> None:
        org = self._org
        org.bulk.running.wait()
        if job.state in FINISHED:
            return
        job.enter("InProgress", org.clock.now())
        try:
            job.header, job.lines = fetch_csv_lines(
                org, job.query, delimiter=DELIMITERS[job.delimiter], line_ending=LINE_ENDINGS[job.line_ending]
            )
        except Exception:
            job.enter("Failed", org.clock.now())
            raise
        if job.state == "InProgress":
            job.enter("JobComplete", org.clock.now())


def _find(call: Call) -> QueryJob:
    job = call.org.part(QueryJobs).find(str(call.params["id"]))
    if job is None:
        raise not_found()
    if job.version != call.version:
        message = f"The API version of the job is {job.version}, of the request {call.version}"
        raise Refusal(409, "VERSION_MISMATCH", message)
    return job


def create_job(call: Call) -> Answer:
    """`POST /jobs/query`: check the query and queue it."""
    wanted, org = call.json_object(), call.org
    operation = wanted.get("operation")
    if operation not in ("query", "queryAll"):
        raise Refusal(400, "INVALIDJOB", f"InvalidJob : Unable to find the operation: {operation}")
    query = prepare(org, str(wanted.get("query") or ""), with_deleted=operation == "queryAll")
    if not query.sobject.bulk:
        raise Refusal(400, "INVALIDENTITY", f"Entity '{query.sobject.name}' is not supported by the Bulk API.")
    if query.statement.counts or query.aggregate_sql or query.statement.offset:
        message = "Implementation restriction: aggregate functions, COUNT() and OFFSET are not supported by Bulk Query"
        raise Refusal(400, "API_ERROR", message)
    if any(column.field.type in COMPOUND_TYPES for column in query.columns):
        raise Refusal(400, "INVALID_FIELD", "Selecting compound data not supported in Bulk Query")
    line_ending, delimiter = wanted.get("lineEnding", "LF"), wanted.get("columnDelimiter", "COMMA")
    if line_ending not in LINE_ENDINGS or delimiter not in DELIMITERS:
        raise Refusal(400, "INVALIDJOB", "InvalidJob : Invalid line ending or column delimiter")
    profile = org.profile
    job = QueryJob(
        org.new_id("750"), operation, query, call.version, profile.user_id, org.clock.now(), line_ending, delimiter
    )
    created = job.short()
    org.part(QueryJobs).start(job)
    return Answer(data=created)


def poll(call: Call) -> Answer:
    """`GET /jobs/query/{id}`: the job as it is now."""
    return Answer(data=_find(call).full())


def list_jobs(call: Call) -> Answer:
    """`GET /jobs/query`: all jobs on one page."""
    records = [job.full() for job in call.org.part(QueryJobs).all()]
    return Answer(data={"done": True, "records": records, "nextRecordsUrl": None})


def change_state(call: Call) -> Answer:
    """`PATCH /jobs/query/{id}`: abort a job that has not ended."""
    job = _find(call)
    if call.json_object().get("state") != "Aborted":
        raise Refusal(400, "INVALIDJOBSTATE", "Only Aborted is allowed")
    if job.state in FINISHED:
        done = {"JobComplete": "Completed"}.get(job.state, job.state)
        raise Refusal(400, "INVALIDJOBSTATE", f"Aborting already {done} Job not allowed")
    job.enter("Aborted", call.org.clock.now())
    return Answer(data=job.short())


def delete_job(call: Call) -> Answer:
    """`DELETE /jobs/query/{id}`: only when it has ended."""
    job = _find(call)
    if job.state not in FINISHED:
        message = "Error encountered when deleting the job because the job is not terminated"
        raise Refusal(400, "API_ERROR", message)
    call.org.part(QueryJobs).remove(job)
    return Answer(204)


def _page_start(job: QueryJob, locator: str | None) -> int:
    if locator in (None, ""):
        return 0
    # Opaque to clients: the row where the page begins, disguised.
    text = str(locator)
    if not text.startswith("MTAw") or not text[4:].isdigit() or int(text[4:]) >= max(1, len(job.lines)):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return int(text[4:])


def results(call: Call) -> Answer:
    """`GET /jobs/query/{id}/results`: one page of the result."""
    job = _find(call)
    if job.state != "JobComplete":
        raise Refusal(400, "INVALIDJOBSTATE", f"The job is not complete: {job.state}")
    asked = call.query.get("maxRecords")
    if asked is not None and (not asked.isdigit() or int(asked) < 1):
        raise Refusal(400, "INVALID_ARGUMENT", "maxRecords must be a positive number")
    start = _page_start(job, call.query.get("locator"))
    end = min(start + (int(asked) if asked else call.org.bulk.page_rows), len(job.lines))
    headers = {
        "sforce-locator": f"MTAw{end}" if end < len(job.lines) else "null",
        "sforce-numberofrecords": str(end - start),
    }
    return Answer(text=job.header + job.lines.read(start, end), content_type="text/csv", headers=headers)


def result_pages(call: Call) -> Answer:
    """`GET /jobs/query/{id}/resultPages`: addresses of the next pages, for parallel download."""
    job = _find(call)
    if job.state != "JobComplete":
        raise Refusal(400, "INVALIDJOBSTATE", f"The job is not complete: {job.state}")
    size = call.org.bulk.page_rows
    start = _page_start(job, call.query.get("locator"))
    starts = list(range(start, max(len(job.lines), start + 1), size))
    base = f"{call.base}/jobs/query/{job.id}"
    pages = [{"resultUrl": f"{base}/results?locator=MTAw{item}"} for item in starts[:MAX_RESULT_PAGES]]
    more = starts[MAX_RESULT_PAGES:]
    data: dict[str, Any] = {"resultPages": pages, "done": not more}
    if more:
        data["nextRecordsUrl"] = f"{base}/resultPages?locator=MTAw{more[0]}"
    return Answer(data=data)
