"""The embedded default: the local orgs and Insights API that the demo starts, and that `up` starts again."""

import errno
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import httpx

from integration_center.access.binding import find_addresses
from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.files.regular_files import read_regular
from integration_center.integration.environment import FIRST
from integration_center.settings import DEMO_SETTINGS, Settings

LOOPBACK = "127.0.0.1"
ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors of the system for an address that this machine does not have."""
PORTS = {"sandbox": 8801, "production": 8802, "insights": 8803}
CHOSEN_PORTS = range(20_000, 32_000)
"""Linux gives away ports from 32,768 on, other systems from 49,152 on."""
STOP_SECONDS = 20


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block, ended with SIGTERM, and with SIGKILL when that does not help.

    Args:
        command: what to run.
        environment: added to ours.
        stdout: `subprocess.PIPE` to read its output; ours when None.
    """
    process = subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **(environment or {})}, stdout=stdout, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.stdout:
            process.stdout.close()


@dataclass(frozen=True)
class EmbeddedDemo:
    """The demo's local orgs and Insights API, kept below `DAGSTER_HOME/demo`."""

    home: Path
    ports: Mapping[str, int]
    records: int

    @property
    def folder(self) -> Path:
        """Where its rows and drops are."""
        return self.home / "demo"

    @property
    def drops(self) -> Path:
        """The sample drops, under the day of the demo."""
        return self.folder / "drops"

    @property
    def command(self) -> list[str]:
        """Starts the emulator on the same ports and data each time."""
        ports = [argument for name, port in self.ports.items() for argument in (f"--{name}-port", str(port))]
        options = ["--records", str(self.records), "--data", str(self.folder / "orgs"), "--drops", str(self.drops)]
        return [sys.executable, "-m", "integration_center", "emulator", *options, *ports]

    def lay_out(self, day: date, defs: Path) -> None:
        """Begin with no rows, the sample drops as those of `day`, and the example integrations beside those there are.

        Raises:
            ConfigurationError: the local org is not part of this installation.
        """
        package = find_emulator()
        shutil.rmtree(self.folder, ignore_errors=True)
        for source in sorted((package / "drops").rglob("*")):
            if source.is_file():
                name = f"{day.isoformat()}.csv" if source.suffix == ".csv" else source.name
                copy_file(source, self.drops / source.relative_to(package / "drops").with_name(name))
        for source in sorted((package / "integrations").glob("*/defs.yaml")):
            target = defs / source.parent.name / source.name
            if not target.exists():
                copy_file(source, target)

    def refuse_taken_ports(self) -> None:
        """Check that the ports of the demo are free, which are the same each time it is started.

        Raises:
            ConfigurationError: another program has one of them.
        """
        for name, port in self.ports.items():
            if not is_free(port):
                what = "Insights API" if name == "insights" else f"{name} org"
                raise ConfigurationError(
                    f"port {port} of the demo's {what} is in use, maybe by another demo; end what uses it, or make a"
                    " new demo on free ports: integration-center demo"
                )

    @contextmanager
    def started(self) -> Iterator[dict[str, str]]:
        """The emulator, for the length of the block; gives the settings that reach it.

        Raises:
            ServiceUnavailable: it did not start.
        """
        with running(self.command, stdout=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise ServiceUnavailable("the local org did not start; see its message above")
            yield build_settings(json.loads(line))


def find_emulator() -> Path:
    """Find the folder of the local org's package, which an installation from the wheel does without.

    Raises:
        ConfigurationError: it is not installed.
    """
    found = find_spec("salesforce_emulator")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "the local org is not part of this installation; install it with: pip install 'integration-center[demo]'"
        )
    return Path(found.origin).parent


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, and make the folder that it goes into."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def build_settings(reached: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that lead to an emulator, from what it prints when it is ready."""
    settings = {
        "WALKME_SOURCE": "api",
        "WALKME_API_URL": reached["insights_url"],
        "WALKME_CLIENT_ID": reached["insights_client_id"],
        "WALKME_CLIENT_SECRET": reached["insights_client_secret"],
        "WALKME_SYSTEM_GUID": reached["insights_system_guid"],
    }
    for environment in FIRST:
        prefix = f"SALESFORCE_{environment.value.upper()}"
        settings[f"{prefix}_LOGIN_URL"] = reached[f"{environment.value}_url"]
        settings[f"{prefix}_CLIENT_ID"] = reached[f"{environment.value}_client_id"]
        settings[f"{prefix}_CLIENT_SECRET"] = reached[f"{environment.value}_client_secret"]
    return settings


def write_settings(home: Path, settings: Mapping[str, str]) -> None:
    """Note how the demo is reached, where `read_settings` looks last."""
    path = home / DEMO_SETTINGS
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def choose_ports() -> dict[str, int]:
    """The usual ports, or free ones where a usual one is taken."""
    return {name: port if is_free(port) else free_port() for name, port in PORTS.items()}


def choose_callback(url: str) -> str:
    """The callback URL, on a free port where its own is taken, as by the console of another installation."""
    parts = httpx.URL(url)
    taken = parts.port is not None and not is_free(parts.port)
    return str(parts.copy_with(port=free_port())) if taken else url


def is_free(port: int) -> bool:
    """Whether a port of this machine can be listened on."""
    return not find_obstacle(port)


def find_obstacle(port: int, address: str = LOOPBACK) -> int:
    """The number of the system's error when a port of this machine cannot be listened on; 0 when it can."""
    is_v6 = ":" in address
    try:
        with socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_v6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the server does
            probe.bind((address, port))
    except OSError as error:
        return error.errno or errno.EADDRINUSE
    return 0


def refuse_taken(port: int, option: str, host: str = LOOPBACK) -> None:
    """Check that a port can be listened on, at all addresses of `host` that this machine has.

    Raises:
        ConfigurationError: says why it cannot, and names the option that chooses another.
    """
    reasons = {find_obstacle(port, address) for address in find_addresses(host)}
    others = reasons - ABSENT
    if not others:
        raise ConfigurationError(f"this machine has no address {host}; choose one that it has with --host")
    if errno.EACCES in others:
        raise ConfigurationError(f"port {port} may not be opened by this user; choose one from 1024 on with {option}")
    if any(others):
        raise ConfigurationError(say_taken(port, option))


def say_taken(port: int, option: str) -> str:
    """Say that another program has a port, and which option chooses another one."""
    return f"port {port} is in use; choose another with {option}, or end what uses it"


def free_port() -> int:
    """Any free port of this machine, of those that no system gives away by itself.

    A port that the system chose it may give to another program before this one listens on it.
    """
    return next(port for port in random.sample(CHOSEN_PORTS, len(CHOSEN_PORTS)) if is_free(port))


def embedded_demo(settings: Settings) -> EmbeddedDemo | None:
    """The demo of this home, when the settings lead to it; None when there is none, or real orgs are set."""
    noted = settings.dagster_home / "demo" / "demo.json"
    if not noted.exists():
        return None
    try:
        state = json.loads(read_regular(noted))
        ports = {name: int(state["ports"][name]) for name in PORTS}
        demo = EmbeddedDemo(settings.dagster_home, ports, int(state["records"]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        raise ConfigurationError(
            f"{noted} does not say how the demo is reached; remove it, or run the demo again: integration-center demo"
        ) from None
    reached = f"http://127.0.0.1:{demo.ports['sandbox']}"
    return demo if settings.sandbox_login_url == reached else None
