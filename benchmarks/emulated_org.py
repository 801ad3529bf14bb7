"""The emulator as a process of its own, one for each contestant, so that its work and memory do not count."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.scenario import API

STOP_SECONDS = 30


@dataclass(frozen=True)
class Traffic:
    """What the org's own log says of one day.

    Attributes:
        calls: of the data API, which are those that count against the org's allowance.
        sign_ins: calls of the token endpoint.
        sent, received: bytes of bodies to and from the data API, as on the wire.
        jobs: Bulk 2.0 ingest jobs opened.
        collections: sObject Collections calls that could write.
    """

    calls: int
    sign_ins: int
    sent: int
    received: int
    jobs: int
    collections: int


def summarise(calls: Sequence[dict[str, Any]]) -> Traffic:
    """The log's sums."""
    data = [call for call in calls if call["path"].startswith("/services/data")]
    writing = [call for call in data if call["method"] in ("POST", "PATCH")]
    return Traffic(
        calls=len(data),
        sign_ins=sum(call["path"].startswith("/services/oauth2/token") for call in calls),
        sent=sum(call["bytes_in"] for call in data),
        received=sum(call["bytes_out"] for call in data),
        jobs=sum(call["path"] == f"{API}/jobs/ingest" for call in writing),
        collections=sum(call["path"].startswith(f"{API}/composite/sobjects") for call in writing),
    )


@dataclass(frozen=True)
class EmulatedOrg:
    """The sandbox of a running emulator."""

    url: str
    client_id: str
    client_secret: str

    def forget_calls(self) -> None:
        """Empties the log."""
        httpx.delete(f"{self.url}/__emulator__/calls").raise_for_status()

    def read_traffic(self) -> Traffic:
        """The sums of the log since it was emptied."""
        return summarise(httpx.get(f"{self.url}/__emulator__/calls", timeout=60).raise_for_status().json())

    def move_clock(self, seconds: float) -> None:
        """Lets time pass for the org."""
        httpx.post(f"{self.url}/__emulator__/clock", json={"advance": seconds}).raise_for_status()


class EmulatorRefused(RuntimeError):
    """The emulator does not start with so many records."""


@contextmanager
def emulated_org(records: int, data: Path) -> Iterator[EmulatedOrg]:
    """An org of so many Leads for the length of the block, its rows in the folder `data`.

    Raises:
        EmulatorRefused: the emulator ended instead of listening; its own words are above.
    """
    command = [sys.executable, "-m", "integration_center", "emulator", "--records", str(records), "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise EmulatorRefused(f"the emulator takes no {records:,} records")
        listing = json.loads(line)
        yield EmulatedOrg(*(listing[f"sandbox_{name}"] for name in ("url", "client_id", "client_secret")))
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
