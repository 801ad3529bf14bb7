"""What update_set and push share: the sync's line in the log, the lease on its object, and unfinished work."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import dagster as dg
import polars as pl
import stamina

from integration_center.accounts.store import Account
from integration_center.database.journal import JobJournal
from integration_center.database.leases import Hold, lost
from integration_center.errors import IntegrationCenterError, NotConnected, ObjectBusy, SwitchedOff
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import (
    BY_USER,
    RUN_DISABLED,
    TRIGGER_TAG,
    push_key,
    resource_key,
    run_tags,
    update_set_key,
)
from integration_center.pipeline.runs.history import KILLED
from integration_center.pipeline.runs.run_audit import means_to_push, note_run
from integration_center.pipeline.steps.applied_days import find_past, keep_days
from integration_center.pipeline.steps.earlier_writes import read_failures, read_writes
from integration_center.pipeline.steps.recovery import settle_unfinished
from integration_center.pipeline.steps.step_errors import StepContext, open_resource, read_days, reported_errors
from integration_center.pipeline.steps.step_progress import step_progress
from integration_center.pipeline.steps.stopping import interruptible, require_not_asked
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot_file import SnapshotFile
from integration_center.store.frames import FrameFile
from integration_center.sync.past_events import Past
from integration_center.wording.plain_text import make_printable
from integration_center.wording.remedies import Said

LEASE_PATIENCE = 900.0
"""Seconds a run waits for another that works on the same object, before it fails."""


@dataclass(frozen=True)
class SyncStep:
    """One step of one sync, inside its run."""

    context: StepContext
    installation: Installation
    slug: str
    spec: IntegrationSpec

    @property
    def run_id(self) -> str:
        """The Dagster run."""
        return self.context.run.run_id

    @property
    def days(self) -> Sequence[date]:
        """The partitions of this run, oldest first."""
        return read_days(self.context)

    @property
    def triggered_by(self) -> str:
        """What started the run, as its tags say."""
        tags = self.context.run.tags
        if "dagster/schedule_name" in tags:
            return "schedule"
        return tags.get(TRIGGER_TAG, BY_USER)

    @cached_property
    def account(self) -> Account:
        """The account of the integration's environment, as the step found it: it is still booked after a disconnect.

        Raises:
            NotConnected: there is none.
        """
        return self.installation.accounts.get(self.spec.environment)

    @property
    def snapshot(self) -> SnapshotFile:
        """Where the integration keeps what it read of the connected org.

        Raises:
            NotConnected: there is none.
        """
        account = self.account
        return self.installation.snapshots.of(self.slug, self.spec.object, account.org_id, account.user_id)

    @property
    def will_push(self) -> bool:
        """Whether this run means to push, too, and may."""
        may = not self.installation.settings.plan_only
        return may and means_to_push(self.context.instance, self.run_id, self.slug)

    @property
    def may_be_tried_again(self) -> bool:
        """Whether Dagster tries the step again after an error that may pass. Only planning is."""
        is_plan = self.context.op_def.name == update_set_key(self.slug).to_python_identifier()
        return is_plan and self.context.retry_number < self.spec.plan_retries

    def require_switched_on(self) -> None:
        """Check that the integration is enabled, or that the run config of its push says `run_disabled`.

        Raises:
            SwitchedOff: it is neither.
        """
        if self.spec.enabled:
            return
        asked: object = self.context.run.run_config
        for name in ("ops", push_key(self.slug).to_python_identifier(), "config", RUN_DISABLED):
            asked = asked.get(name) if isinstance(asked, Mapping) else None
        if asked is not True:
            raise SwitchedOff(
                f"{self.spec.name} is switched off (enabled: false), so nothing was written; start it by Run now",
                command=f"or run: integration-center run {self.slug}, or set `{RUN_DISABLED}: true` in the run config"
                " of push",
            )

    def open(self) -> None:
        """Open the sync's line in the log."""
        account = self.installation.accounts.find(self.spec.environment)
        self.installation.syncs.open(
            self.run_id,
            self.slug,
            name=self.spec.name,
            environment=self.spec.environment,
            report=self.spec.report,
            object=self.spec.object,
            partition_start=self.days[0],
            partition_end=self.days[-1],
            triggered_by=self.triggered_by,
            org_id=account.org_id if account else None,
        )

    def open_journal(self, plan_id: str) -> JobJournal:
        """Where this step notes what it sends of a plan, for the next run should it be cut off."""
        account = self.account
        at, hold = (account.org_id, self.spec.object, self.run_id, self.slug, plan_id), self.hold
        return JobJournal(self.installation.engine, *at, hold=hold)

    @property
    def hold(self) -> Hold:
        """The run's hold on the object, without which it may neither send nor book anything."""
        return self.installation.leases.hold(self.account.org_id, self.spec.object, self.run_id)

    @contextmanager
    def connect(self) -> Iterator[Org]:
        """The org, with the lease on the object taken and unfinished work of killed runs settled.

        Raises:
            NotConnected: the environment has no account.
            ObjectBusy: another run kept the object for too long.
        """
        require_not_asked(self.run_id)
        account = self.account
        with interruptible():
            waited = self._take_lease(account.org_id)
        environment = getattr(self.context.resources, resource_key(self.spec.environment))
        with environment.connect(self.installation) as org:
            if waited:
                org.session.meter.count_wait(waited)
            with self._calls_counted(org):
                with interruptible():
                    settle_unfinished(self.installation, org, account, self.spec.object, self.run_id, hold=self.hold)
                yield org

    @contextmanager
    def _calls_counted(self, org: Org) -> Iterator[None]:
        """Add the API calls of a step that fails to its line in the log; a step that succeeds notes them itself."""
        try:
            yield
        except BaseException:
            self.installation.syncs.add_calls(self.run_id, self.slug, org.session.usage.calls)
            raise

    def read_writes(self, record_ids: pl.Series) -> list[pl.DataFrame]:
        """The lines by which the latest syncs to this org wrote to the records named, the newest sync first."""
        return read_writes(self.installation, self.slug, self.spec.environment, self.account.org_id, record_ids)

    def read_failures(self) -> pl.DataFrame:
        """Read which records Salesforce refused in the latest pushes to this org, and since when."""
        return read_failures(self.installation, self.slug, self.spec.environment, self.account.org_id)

    def keep_days(self, report_slug: str) -> Mapping[date, FrameFile]:
        """Keep the report's frames of this run's days beside its ledger, as far as they are stored; by day."""
        return keep_days(self.installation, self.run_id, self.slug, report_slug, self.days)

    def find_past(self, days: Sequence[date]) -> Past:
        """Find what earlier runs of the integration applied to this org, for a run of `days` of an event report.

        Raises:
            PlanStale: the files of a run that pushed a newer day are gone.
        """
        return find_past(self.installation, self.slug, self.account.org_id, days)

    @contextmanager
    def errors_reported(self) -> Iterator[None]:
        """Close the sync as Failed when the step fails, before Dagster hears of it."""

        def fail(said: Said, full: str) -> None:
            self.installation.syncs.fail_open(self.run_id, self.slug, said, tried_again=self.may_be_tried_again)
            self.release_lease()
            if full != said.text:
                with suppress(IntegrationCenterError):  # a full disk or a storage that is away may be the very error
                    self.installation.ledgers.write_error(self.run_id, self.slug, full)

        with reported_errors(self.context, fail):
            yield

    def release_lease(self) -> None:
        """Give up the object, unless another integration of this very run still works on it."""
        try:
            account = self.account
        except NotConnected:
            return
        others = [
            sync
            for sync in self.installation.syncs.running()
            if sync.run_id == self.run_id
            and sync.slug != self.slug
            and sync.object.lower() == self.spec.object.lower()
            and sync.environment is self.spec.environment
        ]
        if not others:
            self.installation.leases.release(account.org_id, self.spec.object, self.run_id)

    def _take_lease(self, org_id: str) -> float:
        """Wait for the lease; for how many seconds."""

        def is_finished(run_id: str) -> bool | None:
            run = self.context.instance.get_run_by_id(run_id)
            return None if run is None else run.is_finished

        if is_finished(self.run_id):
            raise lost(self.spec.object)  # another run has declared this one dead, after it did not answer
        began = time.monotonic()
        for attempt in stamina.retry_context(
            on=ObjectBusy, attempts=None, timeout=LEASE_PATIENCE, wait_initial=0.2, wait_max=5
        ):
            with attempt:
                if attempt.num == 2:
                    self.context.log.info(f"another run works on {self.spec.object}; waiting for it to end")
                killed = self.installation.leases.take(org_id, self.spec.object, self.run_id, is_finished=is_finished)
                if killed:
                    self._fail_killed(killed)
                if attempt.num == 1:
                    return 0.0
        waited = time.monotonic() - began
        self.context.log.info(f"waited {waited:.1f} s for {self.spec.object}")
        return waited

    def _fail_killed(self, run_id: str) -> None:
        """Mark a run as failed in Dagster and in our log after its process was killed, where nobody else does."""
        self.context.log.warning(f"the process of run {run_id} is gone; this run takes {self.spec.object} over from it")
        run = self.context.instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            self.context.instance.report_run_failed(run, KILLED)
        for sync in self.installation.syncs.of_run(run_id):
            self.installation.syncs.fail_open(run_id, sync.slug, KILLED)


@contextmanager
def sync_step(context: StepContext, slug: str, spec: IntegrationSpec) -> Iterator[SyncStep]:
    """Open a step of a sync; see `SyncStep`.

    The data client speaks through `logging`; while the step runs its lines go to the run's log, too.
    """
    with reported_errors(context), open_resource(context) as installation:
        step = SyncStep(context, installation, slug, spec)
        add_missing_tags(step)
        with client_log(context), step_progress(context, installation, slug), step.errors_reported():
            note_run(context.instance, installation.audit, step.run_id, slug, environment=spec.environment)
            yield step


def add_missing_tags(step: SyncStep) -> None:
    """Give a run that was started by hand the tags of all others, if it is of one integration."""
    run = step.context.run
    own = {update_set_key(step.slug), push_key(step.slug)}
    planned = {key for key in run.asset_selection or () if key.path[-1] in {"update_set", "push"}}
    if run.job_name != step.slug and (not planned or planned - own):
        return
    tags = run_tags(step.slug, step.spec.environment, step.triggered_by)
    if missing := {name: value for name, value in tags.items() if name not in run.tags}:
        step.context.instance.add_run_tags(run.run_id, missing)


class _RunLog(logging.Handler):
    """Hands records on to the run's log, which is in the database: those about the database itself go elsewhere."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        super().__init__(logging.INFO)
        self.log = log
        self.addFilter(lambda record: not record.name.startswith("integration_center.database"))

    def emit(self, record: logging.LogRecord) -> None:
        self.log.log(record.levelno, make_printable(record.getMessage()))


@contextmanager
def client_log(context: StepContext) -> Iterator[None]:
    """Show what our clients log (waits, choices, job ids) in the run's log."""
    logger = logging.getLogger("integration_center")
    handler = _RunLog(context.log)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
