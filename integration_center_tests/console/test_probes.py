"""What machines ask the console: whether it lives, whether it is ready, and its figures."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette

from integration_center.cli.serve import build_dagster_parts
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.database.figures import Figures
from integration_center.errors import ServiceUnavailable
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.webserver import find_dagster_url, find_webserver, require_named
from integration_center.settings import Settings
from integration_center.web.json_log import log_as_json
from integration_center_tests.console.browser import InProcess
from integration_center_tests.pipeline.center import PLAIN, Center, logins

DAGSTER = "http://dagster-webserver:3000"
LOCATIONS = {
    "data": {
        "repositoriesOrError": {
            "nodes": [{"name": "__repository__", "location": {"name": "team"}, "jobs": [{"name": "undo_sandbox"}]}]
        }
    }
}


def with_settings(console: Console, **changes: Any) -> Console:
    settings = console.installation.settings.model_copy(update=changes)
    return replace(console, installation=replace(console.installation, settings=settings))


def ask(console: Console, path: str, host: str = "10.1.2.3:3001", **headers: str) -> httpx.Response:
    """As a probe asks: by the address of the pod, without a session."""
    app: Starlette = build_app(console)
    with httpx.Client(transport=InProcess(app), base_url=f"http://{host}") as client:
        return client.get(path, headers=headers)


def read_figures(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("integration_center_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_console_lives_by_whatever_name_it_is_asked(console: Console) -> None:
    assert ask(console, "/health/live").text == "ok"
    assert ask(console, "/").status_code == 421
    assert "set-cookie" not in ask(console, "/health/live").headers


def test_it_is_ready_with_its_database_its_storage_and_dagster(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = with_settings(console, dagster_url=DAGSTER)
    with respx.mock(assert_all_called=False) as mocked:
        mocked.post(f"{DAGSTER}/graphql").respond(json=LOCATIONS)
        answer = ask(named, "/health/ready")
        assert (answer.status_code, answer.json()) == (200, {"database": True, "storage": True, "dagster": True})
        mocked.post(f"{DAGSTER}/graphql").mock(side_effect=httpx.ConnectError("no route"))
        answer = ask(named, "/health/ready")
        assert (answer.status_code, answer.json()["dagster"]) == (503, False)
    console.installation.settings.storage.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert ask(named, "/health/ready").json()["storage"] is False


@pytest.mark.proof
def test_figures_are_those_of_the_log(console: Console, center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    assert ran.success, ran.error
    org_id = console.installation.accounts.get(Environment.SANDBOX).org_id
    console.installation.leases.take(org_id, "Contact", "run", is_finished=lambda run: False)
    left = Figures(console.installation.engine).list_calls_left()
    answer = ask(console, "/metrics", host="localhost:3001")
    figures = read_figures(answer.text)
    assert figures["runs", "Completed"] == 1
    assert figures["runs", "Failed"] == 0
    assert figures["rows", "logins_to_leads", "updated"] == len(PLAIN)
    assert 0 <= figures["lag_seconds", "logins_to_leads"] < 86_400
    assert 0 <= figures["lease_age_seconds", "sandbox", "contact"] < 60
    assert figures["api_calls_left", "sandbox"] == left[0].remaining > 0
    assert figures["api_calls_limit", "sandbox"] >= figures["api_calls_left", "sandbox"]
    assert center.lead(PLAIN[0])["Id"] not in answer.text


@pytest.mark.parametrize(
    ("token", "host", "headers", "status"),
    [
        ("", "localhost:3001", {}, 200),
        ("", "10.1.2.3:3001", {}, 403),
        ("", "localhost:3001", {"x-forwarded-for": "1.2.3.4"}, 403),
        ("secret", "localhost:3001", {}, 401),
        ("secret", "10.1.2.3:3001", {"authorization": "Bearer wrong"}, 401),
        ("secret", "10.1.2.3:3001", {"authorization": "Bearer secret"}, 200),
    ],
)
def test_figures_are_for_this_machine_or_who_has_the_token(
    console: Console, token: str, host: str, headers: dict[str, str], status: int
) -> None:
    with_token = with_settings(console, metrics_token=SecretStr(token))
    assert ask(with_token, "/metrics", host, **headers).status_code == status


def test_a_named_dagster_is_the_one_that_is_asked(home: object) -> None:
    settings = Settings(_env_file=None, dagster_url=f"{DAGSTER}/")
    assert find_dagster_url(settings) == DAGSTER
    with respx.mock as mocked:
        mocked.post(f"{DAGSTER}/graphql").respond(json=LOCATIONS)
        found = find_webserver(settings)
        assert found is not None
        assert (found.url, found.locations) == (DAGSTER, frozenset({"team"}))
        require_named(settings, found)
        mocked.post(f"{DAGSTER}/graphql").respond(500)
        with pytest.raises(ServiceUnavailable, match=DAGSTER):
            require_named(settings, find_webserver(settings))


@pytest.mark.parametrize("wrong", ["dagster:3000", "ftp://dagster", "http://", "http://a:b@dagster", "http://x:port"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Settings(_env_file=None, dagster_url=wrong)


@pytest.fixture
def restored_log() -> Iterator[None]:
    """The log of this process goes where it went before."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


def test_logs_may_be_json(restored_log: None, capfd: pytest.CaptureFixture[str]) -> None:
    log_as_json()
    logging.getLogger("integration_center.trial").warning("two\nlines of %s", "text")
    line = json.loads(capfd.readouterr().err)
    said = (line["event"], line["level"], line["logger"])
    assert said == ("two\nlines of text", "warning", "integration_center.trial")
    assert "--log-format" in str(build_dagster_parts(3000, {}, log_format="json")[1])
    assert "--log-format" not in str(build_dagster_parts(3000, {}))
