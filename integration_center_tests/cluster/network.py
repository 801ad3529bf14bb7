"""A network between the hosts of a cluster, each of which has its own interface and addresses, and can be cut off.

The servers of the tests listen on loopback. So each host has a relay on its own loopback, which passes connections over
the host's interface to this machine, and relays here pass them on to the servers. Each process finds all others at
`127.0.0.1`, and yet what it sends goes over a cable that can be pulled.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

RELAY = Path(__file__).with_name("relay.py")
SUBNETS = "10.213"
"""Each network takes one of the next number. Its first address is that of this machine."""
HERE = "127.0.0.1"
NUMBERS = {"a": 2, "b": 3, "c": 4, "d": 5}
"""The last part of each host's address."""
PORT = re.compile(r"127\.0\.0\.1:(\d+)")


def can_connect() -> bool:
    """Whether this machine lets us make networks."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"ic{uuid4().hex[:8]}"
    made = subprocess.run(
        ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"], capture_output=True, check=False
    )
    if made.returncode == 0:
        run("link", "del", name)
    entered = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return made.returncode == 0 and entered.returncode == 0


def find_ports(values: Iterable[str]) -> set[int]:
    """The ports of this machine that some settings name."""
    return {int(port) for value in values for port in PORT.findall(value)}


def run(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Network:
    """A bridge on this machine, and a cable to each host.

    Attributes:
        bridge: its name.
        subnet: the first three numbers of its addresses.
        sockets: for a server on a socket, the port by which other hosts reach it, and the socket.
        own: the ports on which a host's own processes listen, by host.
    """

    bridge: str
    subnet: str
    sockets: Mapping[int, str]
    own: Mapping[str, frozenset[int]]
    _relays: "dict[str, subprocess.Popen[str]]" = field(default_factory=dict, init=False, repr=False)

    def open(self, ports: Iterable[int]) -> None:
        """Let the hosts reach the servers of this machine, and this machine those of the hosts."""
        pairs = [f"{self.subnet}.1:{port}={self.sockets.get(port, f'{HERE}:{port}')}" for port in sorted(ports)]
        for host, own in self.own.items():
            pairs += [f"{HERE}:{port}={self.subnet}.{NUMBERS[host]}:{port}" for port in sorted(own)]
        self._relays["this machine"] = start_relay([], pairs)

    def join(self, host: str, first: int, ports: Iterable[int]) -> None:
        """Give a host that has booted an interface, and reach the servers over it.

        Args:
            host: its name.
            first: its first process, which is in its namespaces.
            ports: those that its settings name.
        """
        cable, address, own = self.name_cable(host), f"{self.subnet}.{NUMBERS[host]}", self.own.get(host, frozenset())
        subprocess.run(["ip", "link", "del", cable], check=False, capture_output=True)  # of a host that was lost
        run("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(first))
        run("link", "set", cable, "master", self.bridge, "up")
        enter = ["nsenter", "--target", str(first), "--net", "--uts", "--pid", "--"]
        for arguments in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            subprocess.run([*enter, "ip", *arguments], check=True, capture_output=True)
        pairs = [f"{HERE}:{port}={self.subnet}.1:{port}" for port in sorted(set(ports) - own)]
        pairs += [f"{address}:{port}={HERE}:{port}" for port in sorted(own)]
        self.leave(host)
        self._relays[host] = start_relay(enter, pairs)

    def leave(self, host: str) -> None:
        """Wait for the end of the relay of a host whose processes have ended."""
        if relay := self._relays.pop(host, None):
            relay.kill()
            relay.wait()
            assert relay.stdout is not None
            relay.stdout.close()

    def pull(self, host: str) -> None:
        """Cut a host off: what is sent no longer arrives, and neither side learns of it."""
        run("link", "set", self.name_cable(host), "down")

    def plug(self, host: str) -> None:
        """Connect a host that was cut off."""
        run("link", "set", self.name_cable(host), "up")

    def name_cable(self, host: str) -> str:
        """The name of this machine's end of the cable to a host."""
        return f"{self.bridge}{host}"

    def close(self) -> None:
        """End all relays."""
        for host in list(self._relays):
            self.leave(host)


def start_relay(enter: list[str], pairs: list[str]) -> "subprocess.Popen[str]":
    """Start a relay, and wait until it listens."""
    relay = subprocess.Popen(
        [*enter, sys.executable, "-S", str(RELAY), *pairs],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert relay.stdout is not None
    assert relay.stdout.readline() == "ready\n"
    return relay


@contextmanager
def open_network(sockets: Mapping[int, str], own: Mapping[str, frozenset[int]]) -> Iterator[Network | None]:
    """A network, where this machine lets us make one."""
    if not can_connect():
        yield None
        return
    network = Network(f"ic{uuid4().hex[:8]}", f"{SUBNETS}.{secrets.randbelow(255)}", sockets, own)
    run("link", "add", network.bridge, "type", "bridge")
    try:
        run("addr", "add", f"{network.subnet}.1/24", "dev", network.bridge)
        run("link", "set", network.bridge, "up")
        yield network
    finally:
        network.close()
        run("link", "del", network.bridge)
