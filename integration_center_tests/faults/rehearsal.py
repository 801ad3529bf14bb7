"""Syncs without Dagster's own history: the same steps on the same database, files and orgs, in a tenth of the time.

A few plain objects replace Dagster's part (runs, events, the asset graph). Everything that a fault can hurt is real.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import dagster as dg
import polars as pl

from integration_center.database.sync_records import SyncRecord
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.pipeline.assets.push import send_plan
from integration_center.pipeline.assets.update_set import note_plan
from integration_center.pipeline.names import INSTALLATION, push_key, resource_key
from integration_center.pipeline.steps.sync_step import sync_step
from integration_center.planning.plan import build_plan
from integration_center.sync.columns import DAY
from integration_center.sync.ledger import ledger_adds_up
from integration_center.sync.outcomes import Outcome
from integration_center_tests.conftest import YESTERDAY


@dataclass
class _Run:
    run_id: str
    tags: dict[str, str] = field(default_factory=dict)
    is_finished: bool = False
    job_name: str = "rehearsal"
    asset_selection: None = None


@dataclass(frozen=True)
class _Record:
    asset_key: dg.AssetKey


@dataclass(frozen=True)
class _Records:
    records: Sequence[_Record]


class _Instance:
    """What a step asks of Dagster's instance."""

    def __init__(self, slug: str, home: Path) -> None:
        self.root_directory = str(home)
        self.runs: dict[str, _Run] = {}
        self._planned = _Records([_Record(push_key(slug))])

    def get_run_by_id(self, run_id: str) -> _Run | None:
        return self.runs.get(run_id)

    def get_run_record_by_id(self, run_id: str) -> None:
        """Nothing: a rehearsal is not audited, so nobody asks who launched it."""

    def fetch_materializations(self, key: dg.AssetKey, limit: int) -> _Records:
        """Nothing: a rehearsal materializes no asset."""
        return _Records([])

    def get_records_for_run(self, run_id: str, of_type: dg.DagsterEventType) -> _Records:
        """The planned asset: a rehearsal logs no other events."""
        return self._planned if of_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED else _Records([])

    def add_run_tags(self, run_id: str, tags: dict[str, str]) -> None:
        self.runs[run_id].tags |= tags

    def report_run_failed(self, run: _Run, message: str) -> None:
        run.is_finished = True


@dataclass(frozen=True)
class _Context:
    """What a step asks of its context."""

    run: _Run
    instance: _Instance
    resources: Any
    log: logging.Logger
    op: Any = field(default_factory=lambda: SimpleNamespace(name="rehearsal__send"))
    op_def: Any = field(default_factory=lambda: SimpleNamespace(name="rehearsal__send"))
    job_def: Any = field(default_factory=lambda: SimpleNamespace(executor_def=dg.in_process_executor))
    has_partition_key: bool = True
    partition_keys: Sequence[str] = (YESTERDAY.isoformat(),)

    def log_event(self, event: object) -> None:
        """Dagster would show it."""


class _Resources:
    """An installation that is open already."""

    def __init__(self, installation: Installation) -> None:
        setattr(self, INSTALLATION, self)
        setattr(self, resource_key(Environment.SANDBOX), self)
        self._opened = installation

    @contextmanager
    def open(self) -> Iterator[Installation]:
        yield self._opened

    @contextmanager
    def connect(self, installation: Installation) -> Iterator[Any]:
        with installation.connect(self._spec.environment) as org:
            yield org

    _spec: IntegrationSpec


@dataclass(frozen=True)
class Rehearsed:
    """What one sync left behind.

    Attributes:
        error: the sentence of the step that failed, None when none did.
        log: what the run's log shows.
    """

    sync: SyncRecord
    lines: pl.DataFrame | None
    error: str | None
    log: Sequence[str]

    @property
    def outcomes(self) -> dict[str, int]:
        """Lines of the ledger by outcome."""
        return {} if self.lines is None else dict(self.lines["outcome"].cast(pl.String).value_counts().iter_rows())


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Rehearsal:
    """Runs syncs of one integration.

    Args:
        installation: which holds accounts, log, leases, journal and ledgers.
        slug: of the integration.
        spec: the integration.
    """

    def __init__(self, installation: Installation, slug: str, spec: IntegrationSpec) -> None:
        self.installation, self.slug, self.spec = installation, slug, spec
        self._instance = _Instance(slug, installation.settings.dagster_home)
        self._resources = _Resources(installation)
        self._resources._spec = spec

    def sync(self, rows: pl.DataFrame, run_id: str | None = None) -> Rehearsed:
        """Plan and push a report's rows, as a run of both assets does."""
        run = _Run(run_id or str(uuid4()))
        self._instance.runs[run.run_id] = run
        log = logging.Logger(f"run {run.run_id}")
        log.addHandler(shown := _Lines())
        context = cast(dg.OpExecutionContext, _Context(run, self._instance, self._resources, log))
        error = None
        try:
            lines = self._plan(context, rows.with_columns(pl.lit(YESTERDAY).alias(DAY)))
            with sync_step(context, self.slug, self.spec) as step:
                for _ in send_plan(step, lines, allow_stale=False):
                    pass
        except dg.Failure as failure:
            error = failure.description
        run.is_finished = True
        return self.read(run.run_id, error, shown.lines)

    def read(self, run_id: str, error: str | None = None, log: Sequence[str] = ()) -> Rehearsed:
        """What a run has left behind by now."""
        sync = self.installation.syncs.get(run_id, self.slug)
        assert sync is not None
        return Rehearsed(sync, self.installation.ledgers.find(run_id, self.slug), error, log)

    def _plan(self, context: dg.OpExecutionContext, rows: pl.DataFrame) -> pl.LazyFrame:
        with sync_step(context, self.slug, self.spec) as step, step.installation.work_folder() as folder:
            step.open()
            with step.connect() as org:
                plan = build_plan(self.spec, rows.lazy(), org, kind="snapshot", latest_by=None, folder=folder)
                usage = org.session.usage
            note_plan(step, plan, usage.calls)
            return plan.lines.collect().lazy()


def check_books(ran: Rehearsed, rows: int) -> None:
    """What holds of every sync that ended, well or not: the log is closed, and the ledger, if any, adds up."""
    assert ran.sync.ended_at is not None
    if ran.lines is None:
        assert ran.error is not None
        return
    assert ledger_adds_up(ran.lines, rows)
    if ran.sync.applied_at is not None:
        assert Outcome.PLANNED not in ran.outcomes or ran.error is not None
