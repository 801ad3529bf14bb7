import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from integration_center_tests.emulator.conftest import fetch_token, http_get, http_post
from salesforce_emulator.server import Emulator, EmulatorConfig, PortTaken

SCRIPT = """
import sys
from salesforce_emulator.server import EmulatorConfig, serve
serve(EmulatorConfig(records=20, insights=True))
"""


def test_folder_is_reused_with_its_rows_and_refresh_tokens(tmp_path: Path) -> None:
    config = EmulatorConfig(records=50, data=tmp_path / "orgs", insights=False)
    with Emulator(config) as first:
        issued = first.sandbox.org.sessions.issue("api refresh_token", with_refresh=True)
        with first.sandbox.store.writing() as connection:
            connection.execute("UPDATE Lead SET City = 'Kept'")
    with Emulator(config) as second:
        assert second.sandbox.store.count("Lead", "City = 'Kept'") == second.sandbox.store.count("Lead", "1")
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(issued.refresh_token),
            "client_id": second.sandbox.client_id,
            "client_secret": second.sandbox.client_secret,
        }
        assert http_post(f"{second.sandbox.url}/services/oauth2/token", data=form).status_code == 200


def test_temporary_folder_goes_away() -> None:
    with Emulator(EmulatorConfig(records=10, insights=False)) as emulator:
        folder = emulator.sandbox.store.path.parent
        assert folder.exists()
    assert not folder.exists()


def test_connections_outlast_the_pauses_of_clients_that_poll() -> None:
    with Emulator(EmulatorConfig(records=1)) as emulator:
        # Seen in the settings, because to see it on the wire takes more than uvicorn's own five seconds.
        assert [server.config.timeout_keep_alive for server in emulator._servers] == [75, 75, 75]


def test_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"in use: port {port}"):
            Emulator(EmulatorConfig(records=1, sandbox_port=port, insights=False)).start()


def test_tokens_of_one_org_mean_nothing_to_the_other() -> None:
    with Emulator(EmulatorConfig(records=1, insights=False)) as emulator:
        headers = {"Authorization": f"Bearer {fetch_token(emulator.sandbox)}"}
        path = "/services/data/v66.0/limits"
        assert http_get(f"{emulator.sandbox.url}{path}", headers=headers).status_code == 200
        assert http_get(f"{emulator.production.url}{path}", headers=headers).status_code == 401


@pytest.mark.sampled
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_foreground_says_when_it_is_ready_and_ends_on_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-W", "error", "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        described = json.loads(process.stdout.readline())
        assert set(described) == {
            *(f"{name}_{key}" for name in ("sandbox", "production") for key in ("url", "client_id", "client_secret")),
            *(f"insights_{key}" for key in ("url", "client_id", "client_secret", "system_guid")),
        }
        assert http_get(f"{described['production_url']}/services/data").status_code == 200
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
