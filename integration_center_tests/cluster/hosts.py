"""Hosts of a cluster on one machine: each has its own host name, processes and disk, and shares nothing but servers.

A host is a set of Linux namespaces (UTS, PID, mount). All hosts have their `DAGSTER_HOME` at the same path, as
containers do, and none sees the disk of another.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENTER = """
hostname "$1"
mount --bind "$2" "$3"
mount -t tmpfs none "$4"
shift 4
exec "$@"
"""
"""Gives the namespaces a name and a disk, hides the disks of the others, and goes on as the command."""
NAMESPACES = ("unshare", "--uts", "--pid", "--mount", "--fork", "--kill-child=SIGKILL", "--mount-proc")
PROGRAM = Path(sys.executable).parent / "integration-center"
LONGEST = 240
"""Seconds that a command may take: a lost host is given up after a minute."""


def can_enter() -> bool:
    """Whether this machine lets us make namespaces."""
    command = [*find_namespaces(), "true"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def find_namespaces() -> tuple[str, ...]:
    """The command that makes namespaces; root needs no user of its own in them."""
    return NAMESPACES if os.geteuid() == 0 else (*NAMESPACES, "--user", "--map-root-user")


@dataclass(frozen=True)
class Host:
    """One host.

    Attributes:
        name: its host name.
        folder: of the cluster.
        variables: the environment of its processes.
    """

    name: str
    folder: Path
    variables: Mapping[str, str]

    @property
    def disk(self) -> Path:
        """Its `DAGSTER_HOME`, as this machine sees it."""
        return self.folder / "disks" / self.name

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of ours on the host."""
        seen = self.folder / "home"
        for folder in (self.disk, seen):
            folder.mkdir(parents=True, exist_ok=True)
        script = ("sh", "-ec", ENTER, "host", self.name, str(self.disk), str(seen), str(self.disk.parent))
        return subprocess.Popen(
            [*find_namespaces(), *script, str(PROGRAM), *arguments],
            env={**self.variables, "DAGSTER_HOME": str(seen)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run a command of ours on the host to its end, and return what it printed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, f"{self.name}: {' '.join(arguments)}\n{out}\n{err}"
        return out

    def ask(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def lose(self, process: "subprocess.Popen[str]") -> None:
        """Lose the host: all its processes at once, and its disk."""
        process.kill()
        process.communicate(timeout=LONGEST)
        shutil.rmtree(self.disk)
