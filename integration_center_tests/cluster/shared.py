"""What the hosts of a cluster share: a database, a bucket, the integrations, and the org."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import yaml
from cryptography.fernet import Fernet

from integration_center.pipeline.planned_events import TOGETHER
from integration_center_tests.cluster.hosts import Host
from integration_center_tests.cluster.network import Network
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.insights.object_servers import S3Server, running
from integration_center_tests.pipeline.center import EXAMPLE, HEADER
from salesforce_emulator.server import Emulator

SLUG = "logins_to_leads"
DAY = str(YESTERDAY)
KEPT = ("PATH", "LANG", "SSL_CERT_FILE")
"""What hosts take over from the environment of the tests."""


class Cluster:
    """The hosts, and the servers that they share."""

    def __init__(
        self, folder: Path, variables: dict[str, str], s3: S3Server, emulator: Emulator, storage: ExitStack
    ) -> None:
        self.folder, self.variables, self.s3, self.emulator, self._storage = folder, variables, s3, emulator, storage
        self.bucket = f"cluster-{uuid4().hex}"
        s3.client().create_bucket(Bucket=self.bucket)
        self.hosts: dict[str, Host] = {}
        self.network: Network | None = None

    def host(self, name: str) -> Host:
        """A host; the same one each time it is asked for."""
        own = {
            "WALKME_FILES_ROOT": f"s3://{self.bucket}/drops",
            "INTEGRATION_CENTER_STORAGE": f"s3://{self.bucket}/frames",
        }
        return self.hosts.setdefault(name, Host(name, self.folder, self.variables | own, self.network))

    @contextmanager
    def without_storage(self) -> Iterator[None]:
        """Let the object store refuse all connections, as while it is restarted. It keeps its objects."""
        port = urlsplit(self.s3.url).port
        assert port is not None
        self._storage.close()
        yield
        self._storage.enter_context(running(self.s3, port=port))

    def renew_hosts(self) -> None:
        """End all hosts; those that are asked for from now on have the variables of now."""
        for host in self.hosts.values():
            host.halt()
        self.hosts.clear()

    def drop(self, rows: list[Any], day: str = DAY) -> None:
        """Drop the report of a day."""
        text = "\n".join(",".join(map(str, row)) for row in [HEADER, *rows])
        self.s3.client().put_object(Bucket=self.bucket, Key=f"drops/logins/{day}.csv", Body=text.encode())


@contextmanager
def open_cluster(
    folder: Path, emulator: Emulator, new_database: Callable[[], str], further: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A cluster whose hosts have the README's integration, and are connected to the sandbox.

    Args:
        folder: of the cluster; `defs` in it may hold further integrations.
        emulator: with the org.
        new_database: makes a database and gives its URL.
        further: variables of all hosts.
    """
    defs, org = folder / "defs" / SLUG, emulator.sandbox
    defs.mkdir(parents=True)
    (defs / "defs.yaml").write_text(
        yaml.safe_dump({"type": "integration_center.Integration", "attributes": dict(EXAMPLE)})
    )
    with ExitStack() as storage:
        s3 = storage.enter_context(running(S3Server()))
        variables = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            **s3.variables(),
            **TOGETHER,  # as in deploy/compose.yaml
            "INTEGRATION_CENTER_DEFS": str(folder / "defs"),
            "INTEGRATION_CENTER_DATABASE_URL": new_database(),
            "INTEGRATION_CENTER_SECRET_KEY": Fernet.generate_key().decode(),
            "SALESFORCE_SANDBOX_LOGIN_URL": org.url,
            "SALESFORCE_SANDBOX_CLIENT_ID": org.client_id,
            "SALESFORCE_SANDBOX_CLIENT_SECRET": org.client_secret,
            **(further or {}),
        }
        cluster = Cluster(folder, variables, s3, emulator, storage)
        try:
            cluster.host("a").run("connect", "sandbox", "--flow", "client-credentials")
            org.calls.clear()
            org.org.saves.clear()
            yield cluster
        finally:
            cluster.renew_hosts()
