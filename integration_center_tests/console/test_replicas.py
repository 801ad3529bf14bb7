"""Several consoles on one PostgreSQL, each a process with a folder of its own, behind a balancer that takes turns."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from integration_center.cli.embedded import free_port
from integration_center.installation import open_installation
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import open_place
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.settings import read_settings
from integration_center_tests.browser.services import await_port
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.test_operations import follow
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.passwords import HASH, PASSWORD
from integration_center_tests.pipeline.center import PLAIN, Center, email, logins
from salesforce_emulator.org.custom_fields import add_custom_field

NAME = "center.acme.example"
SLUG = "logins_to_leads"
REPLICAS = 2
ROUNDS = range(2 * REPLICAS)

pytestmark = pytest.mark.timeout(300)


class TakingTurns(httpx.BaseTransport):
    """Gives each request to the next console, as a proxy does that speaks TLS to browsers."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=next(self._ports))
        headers = {**request.headers, "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
        passed_on = httpx.Request(request.method, url, headers=headers, content=request.read())
        return self._transport.handle_request(passed_on)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture
def center_on_server(
    request: pytest.FixtureRequest, home: Path, on_postgresql: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Center:
    """A center on PostgreSQL, whose integrations are in the database."""
    if not request.config.getoption("--postgresql"):  # then it is there already
        on_postgresql(home)
    monkeypatch.setenv("INTEGRATION_CENTER_STORAGE", str(home / "storage"))  # all hosts have one
    center: Center = request.getfixturevalue("center")
    center.integrate()
    spec = DefsFolder(center.defs, judge_with_dagster).read(SLUG).spec
    text = (center.defs / SLUG / "defs.yaml").read_text(encoding="utf-8")
    assert spec is not None
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    DefsFolder(open_place(read_settings()), judge_with_dagster).create(spec, slug=SLUG, text=text, by="the tests")
    return center


@pytest.fixture
def ann(center_on_server: Center, tmp_path: Path) -> Iterator[Browser]:
    """An admin's browser, which never knows which console answers."""
    with ExitStack() as started:
        ports = [free_port() for _ in range(REPLICAS)]
        processes: list[subprocess.Popen[bytes]] = []
        for number, port in enumerate(ports):
            own = tmp_path / f"replica_{number}"
            own.mkdir()
            environment = {
                **os.environ,
                "DAGSTER_HOME": str(own),
                "INTEGRATION_CENTER_USERS": f"ann:admin:{HASH}",
                "INTEGRATION_CENTER_TRUSTED_PROXIES": "127.0.0.1",
                "INTEGRATION_CENTER_CALLBACK_URL": f"https://{NAME}/oauth/callback",
            }
            command = [sys.executable, "-m", "integration_center", "console", "--port", str(port)]
            processes.append(started.enter_context(subprocess.Popen(command, env=environment, cwd=own)))
            started.callback(processes[-1].terminate)
        for port, process in zip(ports, processes, strict=True):
            await_port(port, process)
        transport = TakingTurns(ports)
        client = started.enter_context(
            httpx.Client(transport=transport, base_url=f"https://{NAME}", follow_redirects=True, timeout=60)
        )
        browser = Browser(client)
        form = browser.open("/")
        browser.submit(form, "/sign-in", {"name": "ann", "password": PASSWORD})
        yield browser


@pytest.mark.proof
def test_what_one_console_has_found_out_each_shows(center_on_server: Center, ann: Browser) -> None:
    center_on_server.drop(logins(PLAIN))
    user = WizardUser.begin(ann, f"/integrations/{SLUG}/edit")
    user.press("plan")
    for _ in ROUNDS:
        assert f"A run would update {len(PLAIN)} records." in ann.open(user.seen.path).text
    assert ann.open(user.seen.path).html.count("<tr") == user.seen.html.count("<tr")

    org = center_on_server.emulator.sandbox
    user.open("mapping")
    assert all("Made_Meanwhile__c" not in ann.open(user.seen.path).text for _ in ROUNDS)  # each knows the fields
    add_custom_field(org.org, "Lead.Made_Meanwhile__c", {"type": "Text", "label": "Made meanwhile", "length": 80})
    org.org.schema.show("Lead", "Made_Meanwhile__c")
    user.press("recheck")
    assert all("Made_Meanwhile__c" in ann.open(f"{user.root}/mapping?list=fields").html for _ in ROUNDS)

    ran = center_on_server.run()
    assert ran.success, ran.error
    person = ann.post("/search", {"csrf_token": ann.token(), "text": email(PLAIN[0])})
    held = [follow(ann, ann.open(f"{person.path}&ask=held")) for _ in ROUNDS]
    assert all("What is stored" in page.text and "Nothing is stored" not in page.text for page in held)
    erased = follow(ann, ann.submit(held[0], "/search/erase", {"sure": "on"}))
    assert all("found nothing" in ann.open(erased.path).text for _ in ROUNDS)
    for _ in ROUNDS:
        assert "Nothing is stored of this person" in follow(ann, ann.open(f"{person.path}&ask=held")).text


@pytest.mark.proof
def test_whichever_console_answers_it_is_one_console(center_on_server: Center, ann: Browser) -> None:
    center_on_server.drop(logins(PLAIN))
    ran = center_on_server.run()
    assert ran.success, ran.error

    ann.submit(ann.open("/"), f"/integrations/{SLUG}/disable")
    pages = [ann.open(f"/integrations/{SLUG}") for _ in ROUNDS]
    assert [f"/integrations/{SLUG}/enable" in str(page.reader.forms) for page in pages] == [True] * len(ROUNDS)

    ledger = f"/integrations/{SLUG}/runs/{ran.run_id}/ledger"
    found = ann.post(ledger, {"csrf_token": ann.token(), "text": email(PLAIN[0])})
    assert [ann.open(found.path).text.count("@") for _ in ROUNDS] == [found.text.count("@")] * len(ROUNDS)
    assert "is not kept any more" not in found.text
    person = ann.post("/search", {"csrf_token": ann.token(), "text": email(PLAIN[0])})
    assert all("What runs wrote" in ann.open(person.path).text for _ in ROUNDS), person.text

    user = WizardUser.begin(ann, f"/integrations/{SLUG}/edit")
    assert all(ann.open(user.seen.path).status == 200 for _ in ROUNDS)

    ann.submit(ann.open("/admin/stop"), "/admin/stop", {"reason": "a wrong report"})
    assert all("a wrong report" in ann.open("/").text for _ in ROUNDS)
    refused = ann.submit(ann.open(f"/integrations/{SLUG}"), f"/integrations/{SLUG}/run", status=409)
    assert "Everything was stopped by" in refused.text
    with open_installation() as installation:
        assert installation.stops.find() is not None

    ann.submit(ann.open("/accounts"), "/sign-out")
    assert all(ann.open("/").path.startswith("/sign-in") for _ in ROUNDS)
