"""`emulator`: the command in the foreground, with all its options."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from integration_center.cli.embedded import find_emulator, free_port
from integration_center_tests.pipeline.commands import Command

CALLBACK = "http://localhost:4711/oauth/callback"


@pytest.mark.proof
def test_its_options_reach_the_orgs_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    port = free_port()
    drops = find_emulator() / "drops"
    options = ("--records", "20", "--data", str(tmp_path / "orgs"), "--drops", str(drops))
    more = ("--sandbox-port", str(port), "--org", "emea-prod:production", "--org", "emea-test:sandbox")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "INTEGRATION_CENTER_CALLBACK_URL": CALLBACK}
    command = [sys.executable, "-m", "integration_center", "emulator", *options, *more]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            reached = json.loads(process.stdout.readline())
            assert reached["sandbox_url"] == f"http://127.0.0.1:{port}"
            assert is_sandbox(reached, "sandbox") is True
            assert is_sandbox(reached, "emea_prod") is False
            assert is_sandbox(reached, "emea_test") is True
            assert ask_to_authorize(reached, CALLBACK).headers["Location"].startswith(CALLBACK)
            assert ask_to_authorize(reached, CALLBACK + "/other").status_code == 400
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert list((tmp_path / "orgs").iterdir()), "--data kept no rows"


def ask_to_authorize(reached: dict[str, str], redirect_uri: str) -> httpx.Response:
    """Begin the flow of a web server, without its challenge: only a redirect URI that is known gets to hear of that."""
    asked = {"response_type": "code", "client_id": reached["sandbox_client_id"], "redirect_uri": redirect_uri}
    return httpx.get(f"{reached['sandbox_url']}/services/oauth2/authorize", params=asked, trust_env=False)


def is_sandbox(reached: dict[str, str], org: str) -> bool:
    """What an org says of itself to a client that signs in with the printed credentials."""
    form = {
        "grant_type": "client_credentials",
        "client_id": reached[f"{org}_client_id"],
        "client_secret": reached[f"{org}_client_secret"],
    }
    with httpx.Client(base_url=reached[f"{org}_url"], trust_env=False) as client:
        token = client.post("/services/oauth2/token", data=form).raise_for_status().json()["access_token"]
        query = {"q": "SELECT IsSandbox FROM Organization"}
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.get("/services/data/v66.0/query", params=query, headers=headers).raise_for_status()
    (organization,) = answer.json()["records"]
    said: bool = organization["IsSandbox"]
    return said


@pytest.mark.parametrize(
    "org", ["emea", "emea:", "emea:elsewhere", "sandbox:sandbox", "production:production", "É:sandbox"]
)
def test_an_org_needs_a_new_name_and_a_kind(command: Command, org: str) -> None:
    code, _, error = command("emulator", "--org", org)
    assert code == 2
    assert "give NAME:KIND, such as emea-prod:production" in error


def test_two_ports_may_not_be_the_same(command: Command) -> None:
    port = str(free_port())
    code, _, error = command("emulator", "--sandbox-port", port, "--insights-port", port)
    assert code == 2
    assert f"--sandbox-port and --insights-port are both {port}; give each its own" in error


def test_a_port_that_is_taken_is_named_with_its_option(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, error = command("emulator", "--production-port", str(port))
    assert code == 1
    assert f"port {port} is in use; choose another with --production-port" in error


def test_a_port_that_is_taken_while_the_orgs_are_filled_is_named_too(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.cli.emulator.refuse_ports", lambda ports: None)  # it was free then
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, error = command("emulator", "--records", "1", "--production-port", str(port))
    assert code == 1
    assert f"port {port} is in use; choose another with --production-port" in error
