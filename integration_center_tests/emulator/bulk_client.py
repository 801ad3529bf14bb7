"""The steps of Bulk API 2.0, as short functions."""

import csv
import io
from typing import Any

import httpx

from salesforce_emulator.bulk.ingest import IngestJobs
from salesforce_emulator.bulk.query import QueryJobs
from salesforce_emulator.org.org import Org

PATIENCE = 20.0


def create_ingest(api: httpx.Client, **described: Any) -> dict[str, Any]:
    answer = api.post("/jobs/ingest", json={"object": "Lead", "operation": "update", "lineEnding": "LF", **described})
    assert answer.status_code == 200, answer.text
    created: dict[str, Any] = answer.json()
    return created


def upload(api: httpx.Client, job: dict[str, Any], content: str | bytes) -> httpx.Response:
    address = str(api.base_url.copy_with(path=f"/{job['contentUrl']}"))
    body = content if isinstance(content, bytes) else content.encode()
    return api.put(address, content=body, headers={"Content-Type": "text/csv"})


def set_state(api: httpx.Client, job: dict[str, Any], state: str) -> httpx.Response:
    return api.patch(f"/jobs/ingest/{job['id']}", json={"state": state})


def finish_ingest(api: httpx.Client, org: Org, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the job's end (without polling) and return it."""
    running = org.part(IngestJobs).find(job["id"])
    assert running is not None
    assert running.done.wait(PATIENCE)
    ended: dict[str, Any] = api.get(f"/jobs/ingest/{job['id']}").json()
    return ended


def ingest(api: httpx.Client, org: Org, content: str | bytes, **described: Any) -> dict[str, Any]:
    """Run a whole job and return it as it ended."""
    job = create_ingest(api, **described)
    assert upload(api, job, content).status_code == 201
    assert set_state(api, job, "UploadComplete").status_code == 200
    return finish_ingest(api, org, job)


def read_results(api: httpx.Client, job: dict[str, Any], kind: str) -> list[dict[str, str]]:
    text = api.get(f"/jobs/ingest/{job['id']}/{kind}/").text
    return list(csv.DictReader(io.StringIO(text, newline="")))


def create_query(api: httpx.Client, statement: str, **described: Any) -> dict[str, Any]:
    answer = api.post("/jobs/query", json={"operation": "query", "query": statement, **described})
    assert answer.status_code == 200, answer.text
    created: dict[str, Any] = answer.json()
    return created


def finish_query(api: httpx.Client, org: Org, job: dict[str, Any]) -> dict[str, Any]:
    running = org.part(QueryJobs).find(job["id"])
    assert running is not None
    assert running.done.wait(PATIENCE)
    ended: dict[str, Any] = api.get(f"/jobs/query/{job['id']}").json()
    return ended
