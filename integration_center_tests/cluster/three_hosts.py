"""Three hosts, PostgreSQL and an S3-compatible store: the same results as on one host, also when a host is lost.

`make cluster-test` runs these. They need Linux namespaces and a PostgreSQL server (Debian's package).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from cryptography.fernet import Fernet

from integration_center_tests.cluster.hosts import Host, can_enter
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.insights.object_servers import S3Server, running
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, HEADER, PLAIN, email, logins
from salesforce_emulator.server import Emulator

pytestmark = [
    pytest.mark.skipif(not can_enter(), reason="this machine makes no namespaces"),
    pytest.mark.timeout(600),
]
SLUG = "logins_to_leads"
DAY = str(YESTERDAY)
MANY = 400
"""Rows of a push that is cut off."""


class Cluster:
    """The hosts, and the servers that they share."""

    def __init__(self, folder: Path, variables: dict[str, str], s3: S3Server, emulator: Emulator) -> None:
        self.folder, self.variables, self.s3, self.emulator = folder, variables, s3, emulator
        self.bucket = f"cluster-{uuid4().hex}"
        s3.client().create_bucket(Bucket=self.bucket)

    def host(self, name: str) -> Host:
        """A host."""
        own = {
            "WALKME_FILES_ROOT": f"s3://{self.bucket}/drops",
            "INTEGRATION_CENTER_STORAGE": f"s3://{self.bucket}/frames",
        }
        return Host(name, self.folder, self.variables | own)

    def drop(self, rows: list[Any]) -> None:
        """Drop the newest report."""
        text = "\n".join(",".join(map(str, row)) for row in [HEADER, *rows])
        self.s3.client().put_object(Bucket=self.bucket, Key=f"drops/logins/{DAY}.csv", Body=text.encode())


@pytest.fixture
def cluster(tmp_path: Path, emulator: Emulator, new_postgresql: Callable[..., str]) -> Iterator[Cluster]:
    """A cluster whose hosts have the README's integration, and are connected to the sandbox."""
    defs, org = tmp_path / "defs" / SLUG, emulator.sandbox
    defs.mkdir(parents=True)
    (defs / "defs.yaml").write_text(
        yaml.safe_dump({"type": "integration_center.Integration", "attributes": dict(EXAMPLE)})
    )
    with running(S3Server()) as s3:
        variables = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ},
            **s3.variables(),
            "INTEGRATION_CENTER_DEFS": str(tmp_path / "defs"),
            "INTEGRATION_CENTER_DATABASE_URL": new_postgresql(),
            "INTEGRATION_CENTER_SECRET_KEY": Fernet.generate_key().decode(),
            "SALESFORCE_SANDBOX_LOGIN_URL": org.url,
            "SALESFORCE_SANDBOX_CLIENT_ID": org.client_id,
            "SALESFORCE_SANDBOX_CLIENT_SECRET": org.client_secret,
        }
        cluster = Cluster(tmp_path, variables, s3, emulator)
        cluster.host("a").run("connect", "sandbox", "--flow", "client-credentials")
        org.calls.clear()
        org.org.saves.clear()
        yield cluster


def test_whichever_host_does_a_step_the_result_is_that_of_one_host(cluster: Cluster) -> None:
    a, b, c = map(cluster.host, "abc")
    (lead,) = cluster.emulator.sandbox.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    cluster.drop(logins(PLAIN))
    a.run("plan", SLUG, "--partition", DAY)
    b.run("run", SLUG, "--partition", DAY)
    again = c.ask("run", SLUG, "--partition", DAY)
    first = next(line for line in a.ask("log", SLUG) if line["rows"].get("updated"))
    assert first["rows"] == {"updated": len(PLAIN)}
    assert again["rows"] == {"unchanged": len(PLAIN)}
    for host in (a, b, c):
        assert len(host.ask("ledger", first["run_id"])) == len(PLAIN)
    entry = a.ask("why", email(PLAIN[0]))["entries"][0]
    assert entry["run_id"] == first["run_id"]
    c.run("undo", first["run_id"], "--yes")
    (restored,) = cluster.emulator.sandbox.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    assert restored[COUNT] == lead[COUNT]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_host_that_is_lost_in_a_push_leaves_nothing_undone_and_nothing_written_twice(
    cluster: Cluster, when: Any
) -> None:
    org = cluster.emulator.sandbox
    b, c = map(cluster.host, "bc")
    cluster.drop(logins(PLAIN, count=33))
    held = org.faults.hold("*/composite/sobjects", method="PATCH", when=when)
    process = b.start("run", SLUG, "--partition", DAY)
    assert held.reached.wait(60), process.communicate(timeout=60)
    b.lose(process)
    held.release()

    ended = c.ask("run", SLUG, "--partition", DAY)

    assert ended["status"] == "Completed"
    leads = [org.store.records("Lead", "Email = ?", (email(number),))[0] for number in PLAIN]
    assert [lead[COUNT] for lead in leads] == [33 + number for number in PLAIN]
    assert {org.org.saves[lead["Id"]] for lead in leads} == {1}, "each record was saved once"
    cut = next(line for line in c.ask("log", SLUG) if line["run_id"] != ended["run_id"])
    assert cut["status"] == "Failed"
    told = [line["outcome"] for run in (cut, ended) for line in c.ask("ledger", run["run_id"])]
    assert told.count("updated") == len(PLAIN)
    assert "unknown" not in told
