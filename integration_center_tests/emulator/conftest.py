"""One running emulator a test module, wiped clean of switches before each test."""

import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from salesforce_emulator.org.org import Org
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

# Loading certificates costs more than any of these calls, and loopback needs none.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
http_get = partial(httpx.get, verify=NO_CERTIFICATES)
http_post = partial(httpx.post, verify=NO_CERTIFICATES)
API = "/services/data/v66.0"
RECORDS = 700


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(EmulatorConfig(records=RECORDS, insights=False)) as running:
        yield running


@pytest.fixture
def handle(emulator: Emulator) -> Iterator[OrgHandle]:
    """The sandbox, with all switches in their first position again after the test."""
    handle = emulator.sandbox
    org = handle.org
    yield handle
    handle.faults.clear()
    handle.calls.clear()
    org.saves.clear()
    handle.clock.reset()
    org.bulk.resume()
    org.bulk.batch_rows, org.bulk.page_rows = 10_000, 50_000
    org.allowance.maximum = 100_000
    org.sessions.rotation = False
    org.app.jwt_certificate = None
    for sobject, field in org.schema.hidden():
        org.schema.show(sobject, field)
    for name in org.permissions:
        org.set_permission(name, True)
    org.pose_as(is_sandbox=True, organization_type="Enterprise Edition")


@pytest.fixture
def org(handle: OrgHandle) -> Org:
    return handle.org


def fetch_token(handle: OrgHandle) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": handle.client_id,
        "client_secret": handle.client_secret,
    }
    answer = http_post(f"{handle.url}/services/oauth2/token", data=form)
    return str(answer.json()["access_token"])


@pytest.fixture
def api(handle: OrgHandle) -> Iterator[httpx.Client]:
    """A client of the data API with a session; its base address ends in the version."""
    headers = {"Authorization": f"Bearer {fetch_token(handle)}"}
    with httpx.Client(base_url=f"{handle.url}{API}", headers=headers, timeout=30, verify=NO_CERTIFICATES) as client:
        handle.calls.clear()
        yield client


Soql = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def soql(api: httpx.Client) -> Soql:
    """Run a statement and return all of its records, page after page."""

    def run(statement: str) -> list[dict[str, Any]]:
        page = api.get("/query", params={"q": statement})
        assert page.status_code == 200, page.text
        body = page.json()
        records: list[dict[str, Any]] = body["records"]
        while not body["done"]:
            body = api.get(str(api.base_url.copy_with(path=body["nextRecordsUrl"]))).json()
            records += body["records"]
        return records

    return run


@pytest.fixture
def lead_ids(org: Org) -> list[str]:
    """Ids of living, unconverted Leads."""
    rows = org.store.rows("SELECT Id FROM Lead WHERE IsDeleted = 0 AND IsConverted = 0 ORDER BY Id")
    return [record_id for (record_id,) in rows]
