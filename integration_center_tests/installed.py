"""`make installed`: the wheel in an environment of its own, away from the checkout, as a user has it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import stamina

from integration_center_tests.documents import find_missing, read_blocks

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = (PROJECT, PROJECT / "salesforce_emulator")
LOCK = PROJECT / "requirements" / "production.txt"
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
START_SECONDS = 120


def build_wheels(folder: Path) -> list[Path]:
    """Build the wheels of the product and of the local org into a folder."""
    for package in PACKAGES:
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
        subprocess.run(build, cwd=package, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.whl"))


class Installed:
    """An environment that holds the wheels and what a lock names, and nothing else."""

    def __init__(self, place: Path, lock: Path = LOCK) -> None:
        self.place = place
        self.lock = lock
        self.bin = place / "venv" / "bin"
        self.environment: dict[str, str] = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(place / "user"),
            "LANG": "C.UTF-8",
        }

    def install(self) -> None:
        """Build the wheels and install them."""
        wheels = build_wheels(self.place / "wheels")
        venv.create(self.place / "venv")
        uv = (str(Path(sys.executable).with_name("uv")), "pip")
        target = ("--python", str(self.bin / "python"), "--quiet")
        subprocess.run((*uv, "sync", *target, "--require-hashes", str(self.lock)), check=True)
        subprocess.run((*uv, "install", *target, "--no-deps", *map(str, wheels)), check=True)
        subprocess.run((*uv, "check", "--python", str(self.bin / "python"), "--quiet"), check=True)

    def run(self, *arguments: str) -> str:
        """Run a command; its standard output."""
        print("$ integration-center", *arguments, flush=True)
        done = subprocess.run(
            (str(self.bin / "integration-center"), *arguments),
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stderr}\n{done.stdout}")
        return done.stdout

    @contextmanager
    def up(self, port: int, console_port: int) -> Iterator[None]:
        """Run `up` for the length of the block, and end it as a service manager would."""
        ports = ("--port", str(port), "--console-port", str(console_port))
        print("$ integration-center up", *ports, flush=True)
        command = (str(self.bin / "integration-center"), "up", *ports)
        with subprocess.Popen(command, cwd=self.place, env=self.environment) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def find_ports() -> tuple[int, int]:
    """Two ports that are free now."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def ask(url: str, query: str) -> str:
    """Ask a Dagster web server, as soon as it answers."""
    for attempt in stamina.retry_context(on=httpx.TransportError, timeout=START_SECONDS, attempts=None, wait_max=1):
        with attempt:
            return httpx.post(f"{url}/graphql", json={"query": query}, trust_env=False).text
    raise AssertionError("unreachable")


def main() -> None:
    """Install, and do what a new user does."""
    with TemporaryDirectory(prefix="integration_center_") as name:
        place = Path(name)
        (place / "user").mkdir()
        installed = Installed(place)
        installed.install()
        home = place / "user" / ".integration_center"
        assert installed.run("--version") == f"integration-center {version('integration-center')}\n"
        nothing = f"No integration in {home / 'integrations'}. Run: integration-center new\n"
        assert installed.run("list") == nothing
        assert installed.run("check") == nothing
        said = installed.run("demo")
        for document in ("README.md", "docs/tutorial.md"):
            (shown,) = (text for _, text in read_blocks(document, "text") if "logins_to_leads: " in text)
            assert (missing := find_missing(shown, said)) == [], (document, missing)
        assert "max_retries: 0" in (home / "dagster.yaml").read_text(), "a push would be repeated"
        assert sorted(path.parent.name for path in home.glob("integrations/*/defs.yaml")) == [
            "champions_to_leads",
            "logins_to_leads",
            "logins_to_leads_production",
        ]
        port, console_port = find_ports()
        with installed.up(port, console_port):
            answer = ask(f"http://127.0.0.1:{port}", LOCATION)
            assert re.search(r'"integration_center".*"RepositoryLocation"', answer), answer
            for attempt in stamina.retry_context(on=httpx.TransportError, timeout=START_SECONDS, attempts=None):
                with attempt:
                    page = httpx.get(f"http://127.0.0.1:{console_port}/", trust_env=False, follow_redirects=True)
            assert "Feature champions" in page.text
            ran = json.loads(installed.run("run", "logins_to_leads", "--json"))
            assert (ran["status"], ran["triggered_by"]) == ("Completed", "command line"), ran
        assert json.loads(installed.run("log", "--json"))[0]["run_id"] == ran["run_id"]
        print("installed from the wheel: demo, up, and a sync ran")


if __name__ == "__main__":
    main()
