"""The product's engine alone: report, plan, push and ledger, with neither Dagster nor our database around them."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import polars as pl

from benchmarks.measure import Measurement, measured, read_task, tell
from benchmarks.product import ATTRIBUTES
from benchmarks.scenario import Task
from integration_center.database.engine import build_engine
from integration_center.database.file_index import DatabaseIndex
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.plan import build_plan
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot import WORTH_LEAVING_OUT
from integration_center.salesforce.read.snapshot_file import SnapshotFolder
from integration_center.salesforce.write.push import push_updates
from integration_center.salesforce.write.read_back import prove_writes
from integration_center.salesforce.write.written_lines import WrittenLines
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import rewrite_frame
from integration_center.store.objects import FolderObjects
from integration_center.sync.columns import DAY
from integration_center.sync.ledger import completing, planned_updates
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import count_lines


class Tokens:
    """Access tokens of the client-credentials flow, asked for when first needed."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._pair: tuple[str, str] | None = None
        self._identity = ""

    def current(self) -> tuple[str, str]:
        """The address and the token."""
        self._pair = self._pair or self._ask()
        return self._pair

    def identity(self) -> tuple[str, str]:
        """The ids of the org and of the user, as the token's identity URL ends."""
        self.current()
        org, user = self._identity.split("/")[-2:]
        return org, user

    def renew(self, dead_token: str) -> tuple[str, str]:
        """Another token."""
        self._pair = self._ask()
        return self._pair

    def _ask(self) -> tuple[str, str]:
        task = self._task
        form = {"grant_type": "client_credentials", "client_id": task.client_id, "client_secret": task.client_secret}
        answer = httpx.post(f"{task.url}/services/oauth2/token", data=form).raise_for_status().json()
        self._identity = answer["id"]
        return answer["instance_url"], answer["access_token"]


class NoJournal:
    """Keeps nothing: a journal needs a database."""

    def job_opened(self, job_id: str, rows: int, content_hash: str) -> None: ...
    def job_settled(self, job_id: str) -> None: ...
    def chunk_sent(self, ids_hash: str) -> None: ...


def run(task: Task, measurement: Measurement) -> None:
    """One day."""
    spec = IntegrationSpec.model_validate(ATTRIBUTES)
    day = date.fromisoformat(task.day)
    source = FilesSource(LocalDrops(Path(task.report).parent.parent))
    report = source.read(source.find(spec.report), day)
    rows = report.frame.with_columns(pl.lit(day).alias(DAY))
    with TemporaryDirectory() as folder, Session(tokens := Tokens(task)) as session:
        # The folder of this process stays from day to day.
        index = DatabaseIndex(build_engine(f"sqlite:///{Path('index.db').absolute()}"))
        frames = FrameStore(index, FolderObjects(Path("storage").absolute()))
        snapshot = SnapshotFolder(frames).of("logins_to_leads", spec.object, *tokens.identity())
        org = Org(session)
        plan = build_plan(
            spec,
            rows.lazy(),
            org,
            kind=report.info.kind,
            latest_by=report.info.latest_by,
            folder=Path(folder),
            likely_types=report.likely_types,
            snapshot=snapshot,
        )
        if plan.held:
            raise RuntimeError(f"the plan is held: {plan.held}")
        results = push_updates(org, plan.schema, planned_updates(plan.lines).collect(), journal=NoJournal())
        ledger = rewrite_frame(plan.lines, completing(results), Path("storage", "ledger.parquet"))
        measurement.written = count_lines(ledger.scan().select("outcome").collect())[Outcome.UPDATED]
        if measurement.written >= WORTH_LEAVING_OUT:
            keys = [pair.field for pair in spec.keys]
            written = WrittenLines.read(plan.schema, ledger.scan(), measurement.written)
            prove_writes(org, plan.schema, ledger, written, snapshot, keys=keys)
        usage = session.usage
    measurement.calls, measurement.sent, measurement.received = usage.calls, usage.bytes_sent, usage.bytes_received


def main() -> None:
    task = read_task()
    with measured() as measurement:
        run(task, measurement)
    tell(measurement)


if __name__ == "__main__":
    main()
