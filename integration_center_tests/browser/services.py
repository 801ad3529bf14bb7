"""Everything a person at the console needs: `integration-center up` on free ports, against two local orgs."""

import csv
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from integration_center.cli.embedded import free_port, running
from integration_center.pipeline.instance.webserver import WEBSERVER_FILE
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import EXAMPLE, HEADER, PLAIN, logins
from salesforce_emulator.server import Emulator, EmulatorConfig

START_SECONDS = 90
RUN_MS = 120_000
"""A run waits for Dagster's queue, starts a process and imports; on a busy machine that takes a while."""
RECORDS = 120


@dataclass(frozen=True)
class Services:
    """A console with its Dagster, as `up` runs them, and the orgs.

    Attributes:
        home: `DAGSTER_HOME`, with the folders `defs` and `drops`.
        url: the console's address.
        dagster_url: the Dagster UI's.
        environment: the settings, as variables.
    """

    home: Path
    url: str
    dagster_url: str
    emulator: Emulator
    environment: Mapping[str, str]

    @contextmanager
    def another_console(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
        """A console of its own over the same installation; its port."""
        port = free_port()
        command = [sys.executable, "-m", "integration_center", "console", "--port", str(port), *arguments]
        with running(command, {**self.environment, **environment}) as process:
            await_port(port, process)
            yield port

    def integrate(self, slug: str, **changes: object) -> None:
        """Write an integration by hand: the example with some attributes changed."""
        folder = self.home / "defs" / slug
        folder.mkdir(parents=True, exist_ok=True)
        content = {"type": "integration_center.Integration", "attributes": {**EXAMPLE, **changes}}
        (folder / "defs.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def drop(self, numbers: Sequence[int] = PLAIN, count: int = 7) -> None:
        """Drop yesterday's Logins for some people, and for one whom no org knows."""
        folder = self.home / "drops" / "logins"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [*logins(numbers, count), ("nobody@nowhere.example", None, None, 1)]
        with (folder / f"{YESTERDAY}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])


@contextmanager
def running_services(home: Path, certificate: Path) -> Iterator[Services]:
    """The services, for the length of the block."""
    console_port, dagster_port = free_port(), free_port()
    url = f"http://localhost:{console_port}"
    for folder in ("defs", "drops"):
        (home / folder).mkdir()
    config = EmulatorConfig(records=RECORDS, redirect_uris=[f"{url}/oauth/callback"])
    with Emulator(config) as emulator:
        orgs = {"SANDBOX": emulator.sandbox, "PRODUCTION": emulator.production}
        environment = {
            "SSL_CERT_FILE": str(certificate),
            "DAGSTER_HOME": str(home),
            "INTEGRATION_CENTER_DEFS": str(home / "defs"),
            "INTEGRATION_CENTER_CALLBACK_URL": f"{url}/oauth/callback",
            "INTEGRATION_CENTER_DATABASE_URL": "",
            "INTEGRATION_CENTER_USERS": "",
            "WALKME_SOURCE": "files",
            "WALKME_FILES_ROOT": str(home / "drops"),
            **{f"SALESFORCE_{name}_LOGIN_URL": org.url for name, org in orgs.items()},
            **{f"SALESFORCE_{name}_CLIENT_ID": org.client_id for name, org in orgs.items()},
            **{f"SALESFORCE_{name}_CLIENT_SECRET": org.client_secret for name, org in orgs.items()},
        }
        ports = ["--port", str(dagster_port), "--console-port", str(console_port)]
        command = [sys.executable, "-m", "integration_center", "up", *ports]
        with running(command, environment, stdout=subprocess.DEVNULL) as process:
            services = Services(home, url, f"http://127.0.0.1:{dagster_port}", emulator, environment)
            services.drop()
            # Noted by `up` once the Dagster UI answers; the console does so earlier.
            await_true((home / WEBSERVER_FILE).exists, process)
            await_port(console_port, process)
            yield services


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens on a port."""

    def listens() -> bool:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    await_true(listens, process)


def await_true(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for what a process brings about; a process that ends, or takes too long, fails the test."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            pytest.fail(f"{process.args!r} ended by itself; its messages are above")
        if time.monotonic() > deadline:
            pytest.fail(f"{process.args!r} was not ready within {START_SECONDS} s")
