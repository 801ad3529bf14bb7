"""The Dagster UI in a real browser: it works, and pages of other sites cannot use it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from integration_center.access.audit import Action, AuditLog
from integration_center.database.engine import build_engine
from integration_center.pipeline.instance.code_locations import LOCATION
from integration_center.pipeline.instance.webserver import LAUNCH
from integration_center_tests.browser.conftest import EXPECT_MS, REBOUND
from integration_center_tests.browser.services import Services
from integration_center_tests.browser.test_runs import await_dagster

JOB = "retention"
SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": JOB}
MUTATION = (
    f'mutation{{launchRun(executionParams:{{selector:{{repositoryLocationName:"{LOCATION}",'
    f'repositoryName:"__repository__",jobName:"{JOB}"}},runConfigData:{{}}}}){{__typename}}}}'
)
ATTACKS = """
<!doctype html><title>working</title><body>
<form id=form method=post target=frame enctype=text/plain></form><iframe name=frame></iframe>
<script>
const target = %(target)s, mutation = %(mutation)s, url = target + "/graphql?query=" + encodeURIComponent(mutation);
const body = JSON.stringify({query: mutation}), seen = {};
const settled = (name, promise) => promise.then(value => { seen[name] = value; });
const image = new Promise(done => {
  const image = new Image();
  image.onload = () => done("shown"); image.onerror = () => done("refused"); image.src = url;
});
const embedded = tag => new Promise(done => {
  const frame = document.createElement(tag); frame.onload = frame.onerror = () => done("over");
  frame.src = tag == "iframe" ? url : target + "/graphql?query={version}"; document.body.append(frame);
});
const read = options => fetch(target + "/graphql", options).then(answer => answer.text(), () => "refused");
const socket = new Promise(done => {
  const socket = new WebSocket(target.replace("http", "ws") + "/graphql", "graphql-ws");
  socket.onopen = () => done("open"); socket.onerror = () => done("refused");
});
const posted = new Promise(done => {
  document.querySelector("iframe").onload = () => done("over");
  form.action = url; form.submit();
});
Promise.all([
  settled("image", image), settled("frame", embedded("iframe")), settled("script", embedded("script")),
  settled("form", posted), settled("socket", socket),
  settled("text", read({method: "POST", mode: "no-cors", headers: {"content-type": "text/plain"}, body})),
  settled("json", read({method: "POST", headers: {"content-type": "application/json"}, body})),
]).then(() => { window.seen = seen; document.title = "done"; });
</script>
"""


def ask(services: Services, query: str, variables: dict[str, Any] | None = None) -> Any:
    """What a program on this machine asks."""
    answer = httpx.post(f"{services.dagster_url}/graphql", json={"query": query, "variables": variables}, timeout=60)
    return answer.json()["data"]


def count_runs(services: Services) -> int:
    return len(ask(services, "{runsOrError{... on Runs{results{runId}}}}")["runsOrError"]["results"])


@contextmanager
def another_site(page: str) -> Iterator[str]:
    """A web site of somebody else; its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture
def tab(browser_process: Browser) -> Iterator[Page]:
    """A tab that may meet refusals."""
    with browser_process.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(EXPECT_MS)
        yield page


@pytest.mark.proof
@pytest.mark.timeout(200)
def test_a_page_of_another_site_starts_and_reads_nothing(services: Services, tab: Page) -> None:
    await_dagster(services)
    before = count_runs(services)
    attacks = ATTACKS % {"target": json.dumps(services.dagster_url), "mutation": json.dumps(MUTATION)}
    with another_site(attacks) as site:
        tab.goto(site)
        expect(tab).to_have_title("done")
        seen = tab.evaluate("window.seen")
    assert {name: seen[name] for name in ("image", "socket", "json")} == dict.fromkeys(
        ("image", "socket", "json"), "refused"
    )
    assert seen["text"] in {"", "refused"}
    # A link may lead to the UI, and changes nothing either.
    answer = tab.goto(f"{services.dagster_url}/graphql?query={MUTATION}")
    assert answer is not None
    assert answer.status == 405
    assert count_runs(services) == before
    noted = AuditLog(build_engine(f"sqlite:///{services.home}/integration_center.db")).list()
    refused = {entry.detail for entry in noted if entry.action is Action.REFUSED}
    assert refused >= {
        "request to the Dagster UI: Another site may link to this Dagster UI, but not embed or use it.",
        "WebSocket to the Dagster UI: Another site may link to this Dagster UI, but not embed or use it.",
        "request to the Dagster UI: Send what changes something by POST with the content type application/json.",
    }


@pytest.mark.proof
@pytest.mark.timeout(200)
def test_a_name_that_leads_to_this_machine_reads_nothing(services: Services, tab: Page) -> None:
    port = services.dagster_url.rpartition(":")[2]
    answer = tab.goto(f"http://{REBOUND}:{port}/runs")
    assert answer is not None
    assert answer.status == 421
    assert "Dagster UI answers only under these names" in tab.content()


@pytest.mark.proof
@pytest.mark.timeout(200)
def test_the_ui_itself_works_and_hears_of_a_run(services: Services, tab: Page) -> None:
    await_dagster(services)
    sockets: list[str] = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    tab.goto(f"{services.dagster_url}/runs")
    expect(tab.get_by_text("Launched by")).to_be_visible()
    answer = tab.evaluate(
        "([query, variables]) => fetch('/graphql', {method: 'POST', headers: {'content-type': 'application/json'},"
        " body: JSON.stringify({query, variables})}).then(answer => answer.json())",
        [LAUNCH, {"params": {"selector": SELECTOR, "runConfigData": {}}}],
    )
    run_id = answer["data"]["launchRun"]["run"]["runId"]
    tab.goto(f"{services.dagster_url}/runs/{run_id}")
    expect(tab.get_by_text(re.compile("RUN_SUCCESS")).first).to_be_visible()
    assert any(url.endswith("/graphql") for url in sockets)
