"""The usual thing with simple-salesforce: read all by Bulk, join in a dict, update all rows that match."""

import csv
import io
from collections import defaultdict
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce

from benchmarks.measure import measured, read_task, tell
from benchmarks.scenario import FIELDS, KEY_COLUMN, KEY_FIELD, OBJECT, Task

QUERY = f"SELECT Id, {KEY_FIELD} FROM {OBJECT} WHERE IsConverted = false"


def sign_in(task: Task) -> Salesforce:
    """The library's client. It speaks https alone, so its addresses are set to the local org's."""
    form = {"grant_type": "client_credentials", "client_id": task.client_id, "client_secret": task.client_secret}
    token = requests.post(f"{task.url}/services/oauth2/token", data=form, timeout=60).json()["access_token"]
    session = requests.Session()
    # The library looks at a job every 5 s, just when the emulator's server closes idle connections.
    session.headers["Connection"] = "close"
    salesforce = Salesforce(instance=urlsplit(task.url).netloc, session_id=token, version="66.0", session=session)
    for name in ("base_url", "bulk2_url"):
        setattr(salesforce, name, getattr(salesforce, name).replace("https://", "http://"))
    return salesforce


def run(task: Task) -> int:
    """One day; the number of records updated."""
    leads = getattr(sign_in(task).bulk2, OBJECT)
    ids: dict[str, list[str]] = defaultdict(list)
    for page in leads.query(QUERY):
        for record in csv.DictReader(io.StringIO(page)):
            ids[record[KEY_FIELD].lower()].append(record["Id"])
    with open(task.report, encoding="utf-8", newline="") as file:
        updates = [
            {"Id": record_id}
            | {
                field: row[column].replace(" ", "T") + "Z" if column.endswith("Login") else row[column]
                for column, field in FIELDS.items()
            }
            for row in csv.DictReader(file)
            for record_id in ids.get(row[KEY_COLUMN].lower(), ())
        ]
    results = leads.update(records=updates)
    return sum(result["numberRecordsProcessed"] - result["numberRecordsFailed"] for result in results)


def main() -> None:
    task = read_task()
    with measured() as measurement:
        measurement.written = run(task)
    tell(measurement)


if __name__ == "__main__":
    main()
