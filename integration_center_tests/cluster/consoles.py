"""Two consoles on two hosts behind nginx, as the documentation sets it up: one of them is killed, and nobody notices.

`make cluster-test` runs these. They need what `celery_hosts` needs, and nginx.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration_center.cli.embedded import free_port
from integration_center_tests.cluster.deployment import SECOND_CONSOLE, Deployment, open_deployment, wait_until
from integration_center_tests.cluster.hosts import can_enter
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.test_operations import follow
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.nginx import ACCESS, needs_nginx, proxying, read_documented
from integration_center_tests.passwords import HASH, PASSWORD
from integration_center_tests.pipeline.center import COUNT, PLAIN, email, logins
from integration_center_tests.postgresql import Server
from salesforce_emulator.server import Emulator

pytestmark = [
    needs_nginx,
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(600),
]

NAME = "center.acme.example"
SLUG = "logins_to_lead"
CONSOLES = ("console", SECOND_CONSOLE)
ROUNDS = range(2 * len(CONSOLES))
VARIABLES = {
    "INTEGRATION_CENTER_USERS": f"ann:admin:{HASH}",
    "INTEGRATION_CENTER_TRUSTED_PROXIES": "127.0.0.1",
    "INTEGRATION_CENTER_CALLBACK_URL": f"https://{NAME}/oauth/callback",
    "INTEGRATION_CENTER_DEFS": "database",
}


class ByName(httpx.BaseTransport):
    """Finds the proxy on this machine, whatever name is asked for."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1", port=self._port)
        passed_on = httpx.Request(request.method, url, headers=request.headers, content=request.read())
        return self._transport.handle_request(passed_on)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, emulator_process: tuple[Emulator, Any], postgresql_server: Server
) -> Iterator[Deployment]:
    """All parts, and a second console; the integrations are in the database, and there are none."""
    folder = tmp_path_factory.mktemp("consoles")
    with open_deployment(folder, emulator_process[0], postgresql_server, VARIABLES, two_consoles=True) as deployment:
        yield deployment


@contextmanager
def browsing(deployment: Deployment, folder: Path, *, sticky: bool) -> Iterator[Browser]:
    """The browser of somebody who has signed in through the proxy."""
    port = free_port()
    here = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "10.0.0.11:3001": f"127.0.0.1:{deployment.ports[CONSOLES[0]]}",
        "10.0.0.12:3001": f"127.0.0.1:{deployment.ports[CONSOLES[1]]}",
        "# ip_hash;": "ip_hash;" if sticky else "",
    }
    with (
        proxying(folder, port, read_documented("several-hosts.md", here)),
        httpx.Client(transport=ByName(port), base_url=f"https://{NAME}", follow_redirects=True, timeout=60) as client,
    ):
        ann = Browser(client)
        ann.submit(ann.open("/"), "/sign-in", {"name": "ann", "password": PASSWORD})
        yield ann


def list_answering(deployment: Deployment, folder: Path, since: int = 0) -> set[str]:
    """The consoles that answered requests, without those that were asked in vain before."""
    by_address = {f"127.0.0.1:{deployment.ports[part]}": part for part in CONSOLES}
    lines = (folder / ACCESS).read_text(encoding="ascii").splitlines()[since:]
    return {by_address[line.rpartition(" ")[2]] for line in lines}


def count_requests(folder: Path) -> int:
    """How many requests there were."""
    return len((folder / ACCESS).read_text(encoding="ascii").splitlines())


def read_counts(deployment: Deployment) -> list[Any]:
    """The count that each person's Lead has."""
    store = deployment.cluster.emulator.sandbox.store
    return [store.records("Lead", "Email = ?", (email(number),))[0][COUNT] for number in PLAIN]


def await_end(ann: Browser, run: str) -> Seen:
    """Look at the page of a run until it has ended, as the script of the page does."""
    pages: list[Seen] = []

    def ended() -> bool:
        pages.append(ann.open(run))
        return not any(said.get("data-refresh") for _, said in pages[-1].tags)

    wait_until(ended, f"the end of {run}")
    return pages[-1]


def test_somebody_works_from_sign_in_to_sign_out_while_a_console_is_killed(
    deployment: Deployment, tmp_path: Path
) -> None:
    org, before = deployment.cluster.emulator.sandbox, read_counts(deployment)
    deployment.cluster.drop(logins(PLAIN))
    with browsing(deployment, tmp_path, sticky=False) as ann:
        user = WizardUser.begin(ann)
        user.to_mapping()
        user.press("plan")
        for _ in ROUNDS:
            assert f"A run would update {len(PLAIN)} records." in ann.open(user.seen.path).text
        saved = user.send(user.seen.path, {"go": ["save"]})
        assert "Logins to Lead is saved." in saved.text
        assert list_answering(deployment, tmp_path) == set(CONSOLES)

        held = org.faults.hold("*/composite/sobjects", method="PATCH", when="before")
        run = ann.submit(ann.open(f"/integrations/{SLUG}"), f"/integrations/{SLUG}/run").path
        wait_until(held.reached.is_set, "the push")
        shown = f"Sending the changes: 0 of {len(PLAIN)} records sent"
        wait_until(lambda: all(shown in ann.open(run).text for _ in ROUNDS), "the numbers on each console")
        deployment.kill_part(CONSOLES[0])
        asked = count_requests(tmp_path)
        for _ in ROUNDS:
            assert shown in ann.open(run).text
        assert "Running" in ann.open("/").text
        assert list_answering(deployment, tmp_path, asked) == {CONSOLES[1]}
        held.release()
        assert f"Completed: {len(PLAIN)} records were updated." in await_end(ann, run).text
        assert read_counts(deployment) == [7 + number for number in PLAIN]
        deployment.start_part(CONSOLES[0])
        deployment.await_parts()

        for path in ("/log", f"/integrations/{SLUG}/log", f"/integrations/{SLUG}"):
            assert all(run in ann.open(path).targets for _ in ROUNDS), path
        found = ann.post(f"{run}/ledger", {"csrf_token": ann.token(), "text": email(PLAIN[0])})
        assert all(email(PLAIN[0]) in ann.open(found.path).text for _ in ROUNDS)
        assert all(email(PLAIN[1]) not in ann.open(found.path).text for _ in ROUNDS)
        exported = [ann.open(f"{run}/ledger.csv").html for _ in ROUNDS]
        assert len(set(exported)) == 1
        assert len(list(csv.DictReader(io.StringIO(exported[0].removeprefix("\ufeff"))))) == len(PLAIN)

        planned = follow(ann, ann.open(f"{run}/undo"))
        assert f"{len(PLAIN)} records would get the values from before the run back." in planned.text
        undo = ann.submit(planned, f"{run}/undo").path
        await_end(ann, undo)
        assert read_counts(deployment) == before
        ann.submit(ann.open("/accounts"), "/sign-out")
        assert all(ann.open("/").path.startswith("/sign-in") for _ in ROUNDS)
    # Our log closes the line of a run a moment before Dagster ends the run.
    wait_until(lambda: deployment.list_statuses() == ["SUCCESS"], "the end of all runs")
    assert deployment.count_leases() == 0


def test_a_browser_that_is_kept_at_one_console_goes_on_at_the_other(deployment: Deployment, tmp_path: Path) -> None:
    with browsing(deployment, tmp_path, sticky=True) as ann:
        assert all(ann.open("/").status == 200 for _ in ROUNDS)
        (one,) = list_answering(deployment, tmp_path)
        deployment.kill_part(one)
        asked = count_requests(tmp_path)
        assert all(ann.open("/accounts").path == "/accounts" for _ in ROUNDS)
        assert list_answering(deployment, tmp_path, asked) == set(CONSOLES) - {one}
        deployment.start_part(one)
        deployment.await_parts()
