"""Hosts of a cluster on one machine: each has its own host name, processes and disk, and shares nothing but servers.

A host is a set of Linux namespaces (UTS, PID, mount, and network where the cluster has one). All hosts have their
`DAGSTER_HOME` at the same path, as containers do, and none sees the disk of another. A host's processes see each other.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration_center_tests.cluster.network import Network, find_ports

BOOT = """
hostname "$1"
mount --bind "$2" "$3"
mount -t tmpfs none "$4"
echo booted
exec sleep infinity
"""
"""Gives the namespaces a name and a disk, hides the disks of the others, and stays as the host's first process."""
NAMESPACES = ("unshare", "--uts", "--pid", "--mount", "--fork", "--kill-child=SIGKILL", "--mount-proc")
PROGRAMS = Path(sys.executable).parent
LONGEST = 240
"""Seconds that a command may take: a lost host is given up after a minute."""


def can_enter() -> bool:
    """Whether this machine lets us make namespaces."""
    command = [*find_namespaces(), "true"]
    return (
        shutil.which("unshare") is not None
        and shutil.which("nsenter") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def find_namespaces() -> tuple[str, ...]:
    """The command that makes namespaces; root needs no user of its own in them."""
    return NAMESPACES if os.geteuid() == 0 else (*NAMESPACES, "--user", "--map-root-user")


def find_inner_id(process: Path) -> int:
    """The id that a process has in the innermost namespace, from its folder in `/proc`."""
    status = (process / "status").read_text(encoding="utf-8", errors="replace")
    (ids,) = (line for line in status.splitlines() if line.startswith("NSpid:"))
    return int(ids.split()[-1])


@dataclass
class Host:
    """One host.

    Attributes:
        name: its host name.
        folder: of the cluster.
        variables: the environment of its processes.
        network: how it reaches all others; without one it is on the network of this machine.
    """

    name: str
    folder: Path
    variables: Mapping[str, str]
    network: Network | None = None
    _first: "subprocess.Popen[str] | None" = field(default=None, init=False, repr=False)
    _started: "list[subprocess.Popen[str]]" = field(default_factory=list, init=False, repr=False)

    @property
    def disk(self) -> Path:
        """Its `DAGSTER_HOME`, as this machine sees it."""
        return self.folder / "disks" / self.name

    @property
    def home(self) -> Path:
        """Its `DAGSTER_HOME`, as its processes see it."""
        return self.folder / "home"

    def boot(self) -> None:
        """Make its namespaces, unless it is up."""
        if self._first is not None:
            return
        for folder in (self.disk, self.home):
            folder.mkdir(parents=True, exist_ok=True)
        script = ("sh", "-ec", BOOT, "host", self.name, str(self.disk), str(self.home), str(self.disk.parent))
        apart = () if self.network is None else ("--net",)
        command = [*find_namespaces(), *apart, *script]
        self._first = subprocess.Popen(
            command, env=dict(self.variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._first.stdout is not None
        assert self._first.stdout.readline() == "booted\n"
        if self.network is not None:
            self.network.join(self.name, self._find_first(), find_ports(self.variables.values()))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of ours on the host, whose output is read."""
        return self._enter(["integration-center", *arguments], subprocess.PIPE)

    def serve(self, *command: str) -> "subprocess.Popen[str]":
        """Start a process that stays; its output is in a file of the cluster."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            return self._enter(list(command), log)

    def run(self, *arguments: str) -> str:
        """Run a command of ours on the host to its end, and return what it printed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, f"{self.name}: {' '.join(arguments)}\n{out}\n{err}"
        return out

    def ask(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def list_processes(self) -> list[int]:
        """List the processes of the host but its first, oldest first, by the ids that this machine knows them by.

        This machine gives low ids out again after some 32,000 processes. In the host, the oldest has the lowest.
        """
        own = os.readlink(f"/proc/{self._find_first()}/ns/pid")
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == own:
                    found[int(entry.name)] = find_inner_id(entry)
        return [pid for pid in sorted(found, key=found.__getitem__) if pid != self._find_first()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the host."""
        entered = [process.pid for process in self._started if process.poll() is None]
        # nsenter stops itself when its child stops, and would do so a second time after it was stopped from here.
        for pid in [*self.list_processes(), *(entered if number is signal.SIGCONT else ())]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def lose(self) -> None:
        """Lose the host: all its processes at once, and its disk."""
        self.halt()
        shutil.rmtree(self.disk)

    def halt(self) -> None:
        """End all processes of the host at once."""
        if self._first is None:
            return
        self._first.kill()  # the kernel ends all others with the first process of their namespace
        self._first.communicate(timeout=LONGEST)
        for process in self._started:
            process.kill()
            process.communicate(timeout=LONGEST)
        if self.network is not None:
            self.network.leave(self.name)
        self._first = None
        self._started.clear()

    def _enter(self, command: list[str], output: Any) -> "subprocess.Popen[str]":
        self.boot()
        name, *arguments = command
        enter = ("nsenter", "--target", str(self._find_first()), "--uts", "--pid", "--mount")
        apart = () if self.network is None else ("--net",)
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        process = subprocess.Popen(
            [*enter, *apart, *user, f"--wd={self.folder}", "--", str(PROGRAMS / name), *arguments],
            env={**self.variables, "DAGSTER_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE if output is subprocess.PIPE else subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def _find_first(self) -> int:
        """The id of its first process, the one child of `unshare`."""
        assert self._first is not None
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text(encoding="ascii")
        return int(children.split()[0])
