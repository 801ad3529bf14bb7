"""A cluster as `deploy/compose.yaml` starts it: the parts on host A, Celery's workers on hosts B and C."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from integration_center.cli.embedded import free_port
from integration_center.database.workers import GONE_AFTER
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.settings import PROJECT
from integration_center_tests.cluster.hosts import Host
from integration_center_tests.cluster.network import find_ports, open_network
from integration_center_tests.cluster.redis_server import open_redis
from integration_center_tests.cluster.shared import SLUG, Cluster, open_cluster
from integration_center_tests.postgresql import Server
from salesforce_emulator.faults import Hold
from salesforce_emulator.server import Emulator

DEPLOY = PROJECT / "deploy"
WORKERS = ("b", "c")
PARTS = ("code-server", "webserver", "daemon", "console")
SECOND_CONSOLE = "console-2"
ELSEWHERE = {SECOND_CONSOLE: "d"}
"""The parts that are not on host A, and their hosts."""
POSTGRESQL_PORT, REDIS_PORT = 5432, 6379
"""Of the servers, which listen on sockets, as hosts with a network of their own find them."""
READY_SECONDS = 120
LOOK_SECONDS = 0.2
DESCRIBED = ("leases", "workers", "concurrency_slots", "pending_steps")
CSRF = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass
class Deployment:
    """The cluster, with its processes.

    Attributes:
        console: the console's address.
        ports: of the parts.
        one_run_a_worker: see `open_deployment`.
    """

    cluster: Cluster
    postgresql: Server
    database: str
    console: str
    ports: dict[str, int]
    one_run_a_worker: bool
    _parts: "dict[str, subprocess.Popen[str]]" = field(default_factory=dict, init=False, repr=False)

    def host(self, name: str) -> Host:
        """A host."""
        return self.cluster.host(name)

    def query(self, statement: str) -> list[str]:
        """The lines that the database answers."""
        return self.postgresql.execute(self.database, statement).splitlines()

    def find_worker(self, run_id: str) -> str:
        """The name of the host that executes, or executed, a run."""
        (process,) = self.query(f"SELECT value FROM run_tags WHERE key = '{PROCESS_TAG}' AND run_id = '{run_id}'")
        return process.partition("@")[0]

    def find_started(self) -> str:
        """The run that is under way."""
        (run_id,) = self.query("SELECT run_id FROM runs WHERE status = 'STARTED'")
        return run_id

    def await_push(self, held: Hold, asked: "subprocess.Popen[str]") -> None:
        """Wait until a push that a command started has reached the org."""
        if not held.reached.wait(READY_SECONDS):
            raise AssertionError(f"no push came within {READY_SECONDS} seconds\n{self._describe(asked)}")

    def _describe(self, asked: "subprocess.Popen[str]") -> str:
        """What the servers and the hosts know, for a test that waited in vain."""
        parts = [f"{table}: {self.query(f'SELECT * FROM {table}')}" for table in DESCRIBED]
        ended = asked.poll() is not None
        parts.append(f"command: {asked.communicate() if ended else 'is under way'}")
        for name in self.cluster.hosts:
            log = (self.cluster.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            parts.append(f"--- {name}\n" + "\n".join(log.splitlines()[-40:]))
        return "\n".join(parts)

    def list_statuses(self) -> list[str]:
        """The statuses that Dagster's runs have, each once."""
        return self.query("SELECT DISTINCT status FROM runs ORDER BY status")

    def count_leases(self) -> int:
        """How many objects are held."""
        return int(self.query("SELECT COUNT(*) FROM leases")[0])

    def let_beats_grow_old(self, host: str) -> None:
        """Let the time go by after which the processes of a host are gone, for these alone."""
        past = f"interval '{GONE_AFTER.total_seconds() + 1} seconds'"
        self.query(f"UPDATE workers SET beat_at = beat_at - {past} WHERE process LIKE '{host}@%'")
        self.query(f"UPDATE leases SET expires_at = expires_at - {past} WHERE process LIKE '{host}@%'")

    def start_worker(self, name: str) -> None:
        """Start Celery's worker on a host, as the container does."""
        host = self.host(name)
        prepare(host)
        command = list(read_compose()["worker-1"]["command"])
        if self.one_run_a_worker:
            command[command.index("--concurrency") + 1] = "1"
        log, ready = self.cluster.folder / f"{name}.log", f"celery@{name} ready"
        earlier = log.read_text(encoding="utf-8", errors="replace").count(ready) if log.exists() else 0
        host.serve(*command, "--hostname", f"celery@{name}")
        await_text(log, ready, earlier + 1)

    def ask_worker_to_end(self, name: str) -> None:
        """Send SIGTERM to the first process of Celery's worker on a host, as a container that is stopped does."""
        pids = self.host(name).list_processes()
        first = next(pid for pid in pids if b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(first, signal.SIGTERM)

    def start_part(self, part: str) -> None:
        """Start a part, with the command of its container."""
        host = self.host(ELSEWHERE.get(part, "a"))
        self._parts[part] = host.serve(*read_command(part, self.ports, self.cluster.folder))

    def kill_part(self, part: str) -> None:
        """End the process of a part at once."""
        entered = self._parts.pop(part)
        children = Path(f"/proc/{entered.pid}/task/{entered.pid}/children").read_text(encoding="ascii").split()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        entered.wait()

    def await_parts(self) -> None:
        """Wait until each console says that the database, the storage and Dagster answer."""
        log = self.cluster.folder / "a.log"
        for part in sorted({"console", SECOND_CONSOLE} & self.ports.keys()):
            url = f"http://127.0.0.1:{self.ports[part]}/health/ready"
            wait_until(lambda url=url: answers(url), f"{part}; see {log}")  # type: ignore[misc]

    def run_now(self, day: str) -> None:
        """Press Run Now in the console."""
        with httpx.Client(base_url=self.console, follow_redirects=False, timeout=60) as client:
            page = client.get(f"/integrations/{SLUG}")
            token = CSRF.search(page.text)
            assert token is not None, page.text[:2000]
            answer = client.post(
                f"/integrations/{SLUG}/run",
                data={"csrf_token": token[1], "day": day},
                headers={"Origin": self.console},
            )
            assert answer.status_code == 303, answer.text[:2000]

    def backfill(self, first: date, last: date) -> None:
        """Ask Dagster for a backfill of days, as its UI does, and wait until the one run of all of them has ended."""
        days = [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]
        parameters = {
            "selector": {
                "partitionSetName": f"{SLUG}_partition_set",
                "repositorySelector": {
                    "repositoryLocationName": "integration_center",
                    "repositoryName": "__repository__",
                },
            },
            "partitionNames": days,
        }
        url = self.cluster.variables["INTEGRATION_CENTER_DAGSTER_URL"]
        body = {"query": BACKFILL, "variables": {"params": parameters}}
        answer = httpx.post(f"{url}/graphql", json=body, timeout=60).json()
        (started,) = answer["data"].values()
        assert started["__typename"] == "LaunchBackfillSuccess", answer
        wait_until(lambda: self._count_done(started["backfillId"]) == 1, "the run of the backfill")

    def _count_done(self, backfill: str) -> int:
        tagged = f"SELECT run_id FROM run_tags WHERE key = 'dagster/backfill' AND value = '{backfill}'"
        return int(self.query(f"SELECT COUNT(*) FROM runs WHERE status = 'SUCCESS' AND run_id IN ({tagged})")[0])


BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""


@contextmanager
def open_deployment(
    folder: Path,
    emulator: Emulator,
    postgresql: Server,
    further: Mapping[str, str] | None = None,
    *,
    one_run_a_worker: bool = True,
    two_consoles: bool = False,
) -> Iterator[Deployment]:
    """All parts of a cluster, ready to work; see `open_cluster`.

    Args:
        one_run_a_worker: whether a worker executes one run at a time, so that its host is known, and not as many as in
            `deploy/`.
        two_consoles: whether host D has a console, too.
    """
    ports = {name: free_port() for name in ("code-server", "webserver", "console")}
    own = {"a": frozenset(ports.values())}
    if two_consoles:
        ports[SECOND_CONSOLE] = free_port()
        own["d"] = frozenset({ports[SECOND_CONSOLE]})
    database = postgresql.make()
    with (
        open_redis() as redis,
        open_network(
            {POSTGRESQL_PORT: f"{postgresql.folder}/.s.PGSQL.5432", REDIS_PORT: redis},
            own,
        ) as network,
        open_cluster(folder, emulator, lambda: postgresql.url(database), further) as cluster,
    ):
        cluster.variables |= {
            "CELERY_BROKER_URL": f"redis+socket://{redis}",
            "CELERY_RESULT_BACKEND": f"redis+socket://{redis}?virtual_host=1",
            "INTEGRATION_CENTER_DAGSTER_URL": f"http://127.0.0.1:{ports['webserver']}",
        }
        if network is not None:
            cluster.variables |= {
                "INTEGRATION_CENTER_DATABASE_URL": f"postgresql://tests@127.0.0.1:{POSTGRESQL_PORT}/{database}",
                "CELERY_BROKER_URL": f"redis://127.0.0.1:{REDIS_PORT}/0",
                "CELERY_RESULT_BACKEND": f"redis://127.0.0.1:{REDIS_PORT}/1",
            }
            network.open(find_ports(cluster.variables.values()) | {ports["code-server"]})
        cluster.network = network
        cluster.renew_hosts()
        deployment = Deployment(
            cluster, postgresql, database, f"http://127.0.0.1:{ports['console']}", ports, one_run_a_worker
        )
        a = deployment.host("a")
        prepare(a)
        write_workspace(folder, ports["code-server"])
        a.run("migrate")
        if two_consoles:
            prepare(deployment.host("d"))
        for part in (*PARTS, *(ELSEWHERE if two_consoles else ())):
            deployment.start_part(part)
        for name in WORKERS:
            deployment.start_worker(name)
        deployment.await_parts()
        yield deployment


def prepare(host: Host) -> None:
    """Put Dagster's settings on the disk of a host."""
    host.disk.mkdir(parents=True, exist_ok=True)
    (host.disk / "dagster.yaml").write_bytes((DEPLOY / "compose" / "dagster.yaml").read_bytes())


def read_compose() -> dict[str, Any]:
    """The services that `deploy/compose.yaml` has."""
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return services


def read_command(part: str, ports: dict[str, int], folder: Path) -> list[str]:
    """The command of a part, as its container has it, on a port of this machine."""
    command = [str(word) for word in read_compose()[part.removesuffix("-2")]["command"]]
    here = {"0.0.0.0": "127.0.0.1", "/etc/integration-center/workspace.yaml": str(folder / "workspace.yaml")}
    command = [here.get(word, word) for word in command]
    for option in ("-p", "--port"):
        if option in command:
            command[command.index(option) + 1] = str(ports[part])
    return command


def write_workspace(folder: Path, port: int) -> None:
    """Name the code server of this machine as the file of the containers does."""
    workspace = yaml.safe_load((DEPLOY / "compose" / "workspace.yaml").read_text(encoding="utf-8"))
    workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": port}
    (folder / "workspace.yaml").write_text(yaml.safe_dump(workspace), encoding="utf-8")


def wait_until(there: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} seconds"
        time.sleep(LOOK_SECONDS)


def await_text(path: Path, text: str, times: int) -> None:
    """Wait until a log holds a text."""
    wait_until(lambda: path.read_text(encoding="utf-8", errors="replace").count(text) >= times, f"{text!r} in {path}")


def answers(url: str) -> bool:
    """Whether an address answers that all is well."""
    try:
        return httpx.get(url, timeout=20).status_code == 200
    except httpx.HTTPError:
        return False


STOP, GO_ON = signal.SIGSTOP, signal.SIGCONT
