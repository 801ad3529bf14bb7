"""The floor: the least httpx and Polars that writes the same rows. No retries, no proof, no history."""

import io
import time
from typing import Any

import httpx
import polars as pl

from benchmarks.measure import measured, read_task, tell
from benchmarks.scenario import API, FIELDS, KEY_COLUMN, KEY_FIELD, OBJECT, Task

FIRST, LAST, LOGINS = FIELDS.values()
QUERY = f"SELECT Id,{KEY_FIELD},{FIRST},{LAST},{LOGINS} FROM {OBJECT} WHERE IsConverted = false"
POLL_SECONDS = 0.5


def sign_in(task: Task) -> httpx.Client:
    """A client of the org, with a token of the client-credentials flow."""
    form = {"grant_type": "client_credentials", "client_id": task.client_id, "client_secret": task.client_secret}
    token = httpx.post(f"{task.url}/services/oauth2/token", data=form).raise_for_status().json()["access_token"]
    return httpx.Client(base_url=task.url, headers={"Authorization": f"Bearer {token}"}, timeout=300)


def await_job(http: httpx.Client, path: str) -> dict[str, Any]:
    """The job when it is complete."""
    while (job := http.get(path).raise_for_status().json())["state"] != "JobComplete":
        if job["state"] in ("Failed", "Aborted"):
            raise RuntimeError(f"the job ended as {job['state']}")
        time.sleep(POLL_SECONDS)
    return dict(job)


def read_records(http: httpx.Client, query: str = QUERY) -> pl.DataFrame:
    """The object's records by a Bulk query, all columns String, an empty cell null."""
    job = http.post(f"{API}/jobs/query", json={"operation": "query", "query": query}).raise_for_status().json()["id"]
    await_job(http, f"{API}/jobs/query/{job}")
    pages, locator = [], ""
    while locator != "null":
        params = {"locator": locator} if locator else {}
        page = http.get(f"{API}/jobs/query/{job}/results", params=params).raise_for_status()
        pages.append(pl.read_csv(page.content, infer_schema=False, null_values=[""]))
        locator = page.headers.get("Sforce-Locator", "null")
    return pl.concat(pages)


def find_updates(report: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The records that differ from their row of the report, with the report's values."""
    rows = report.select(
        pl.col(KEY_COLUMN).str.to_lowercase().alias("key"),
        *(pl.col(name).str.replace(" ", "T") + ".000Z" for name in ("First Login", "Last Login")),
        pl.col("# Logins Last 30 Days").cast(pl.Float64),
    )
    joined = records.with_columns(pl.col(KEY_FIELD).str.to_lowercase().alias("key")).join(rows, on="key")
    same = (pl.col(FIRST).eq_missing(pl.col("First Login")) & pl.col(LAST).eq_missing(pl.col("Last Login"))) & (
        pl.col(LOGINS).cast(pl.Float64).eq_missing(pl.col("# Logins Last 30 Days"))
    )
    return joined.filter(~same).select("Id", *(pl.col(column).alias(field) for column, field in FIELDS.items()))


def write_updates(http: httpx.Client, updates: pl.DataFrame) -> int:
    """Sends the updates as one Bulk job and reads who failed; the number of records updated."""
    body = {"object": OBJECT, "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = http.post(f"{API}/jobs/ingest", json=body).raise_for_status().json()["id"]
    path = f"{API}/jobs/ingest/{job}"
    content = io.BytesIO()
    updates.write_csv(content)
    http.put(f"{path}/batches", content=content.getvalue(), headers={"Content-Type": "text/csv"}).raise_for_status()
    http.patch(path, json={"state": "UploadComplete"}).raise_for_status()
    ended = await_job(http, path)
    pl.read_csv(http.get(f"{path}/failedResults").raise_for_status().content, infer_schema=False)
    return int(ended["numberRecordsProcessed"]) - int(ended["numberRecordsFailed"])


def run(task: Task) -> int:
    """One day; the number of records updated."""
    with sign_in(task) as http:
        report = pl.read_csv(task.report)
        updates = find_updates(report, read_records(http))
        return write_updates(http, updates) if updates.height else 0


def main() -> None:
    task = read_task()
    with measured() as measurement:
        measurement.written = run(task)
    tell(measurement)


if __name__ == "__main__":
    main()
