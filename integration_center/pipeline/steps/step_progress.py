"""Watches a step of a run: notes how far it is where a terminal and the console read it, and in the run's log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock

import dagster as dg

from integration_center.database.processes import find_age
from integration_center.installation import Installation
from integration_center.pipeline.steps.sharing import Sharing
from integration_center.pipeline.steps.step_errors import StepContext
from integration_center.pipeline.steps.tracing import trace_step
from integration_center.progress import Phase, Progress, Seen, Spans, Spent, describe, find_spent, untraced, watched
from integration_center.store.run_progress import StepProgress, add_up

NOTED_EVERY = 0.5
"""Seconds between two notes of the same phase."""
LOGGED_EVERY = 10.0
"""Seconds between two lines in the run's log."""


class _Clock:
    """When this process last did something else than a step: since its start, or since the step before."""

    def __init__(self) -> None:
        self._idle_since = Spent(time.perf_counter() - find_age(), 0.0)

    def leave(self) -> Spent:
        """End the time between two steps, and return how long it was."""
        return Spent(time.perf_counter(), time.process_time()) - self._idle_since

    def enter(self) -> None:
        """Begin the time between two steps."""
        self._idle_since = Spent(time.perf_counter(), time.process_time())


_clock = _Clock()


class _StepWatcher:
    """Notes the progress of one step."""

    def __init__(
        self, context: StepContext, installation: Installation, slug: str | None, spans: Spans = untraced
    ) -> None:
        self._context = context
        own = context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context
        self._name = own.op.name
        self._folder = installation.progress
        shared = installation.shared_progress
        self._sharing = Sharing(shared, context.run.run_id, self._name) if shared.has_readers else None
        self._slug = slug
        self._began_at = datetime.now(UTC)
        self._phases: dict[Phase, Seen] = {}
        self._noted_at = self._logged_at = time.monotonic()
        self._now = Phase.START
        self._lock = Lock()
        self.progress = Progress(self.see, {Phase.START: _clock.leave()}, spans)

    def see(self, seen: Seen) -> None:
        """Note a change, unless another of the same phase was noted just now."""
        with self._lock:
            now, known = time.monotonic(), seen.phase in self._phases
            self._now = seen.phase
            self._phases[seen.phase] = self._phases[seen.phase] if known and seen.done is None else seen
            if known and now - self._noted_at < NOTED_EVERY:
                return
            self._noted_at = now
            logged = now - self._logged_at >= LOGGED_EVERY
            self._logged_at = now if logged else self._logged_at
        self.note()
        if logged:
            self._context.log.info(describe(seen))

    def note(self) -> None:
        """Note how far the step is now."""
        step = self._build()
        self._folder.note(self._context.run.run_id, self._name, step)
        if self._sharing:
            self._sharing.offer(step)

    def end(self, *, failed: bool) -> None:
        """Note that the step has ended."""
        step = self._build(ended=True)
        self._folder.note(self._context.run.run_id, self._name, step)
        if self._sharing:
            self._sharing.end(None if failed else step)

    def _build(self, *, ended: bool = False) -> StepProgress:
        with self._lock:
            seen, phase = tuple(self._phases.values()), self._now
        return StepProgress(
            seen, phase, self.progress.spent, self._began_at, datetime.now(UTC), slug=self._slug, ended=ended
        )


@contextmanager
def step_progress(context: StepContext, installation: Installation, slug: str | None = None) -> Iterator[None]:
    """Watch what is done in the block. `slug` is the integration of the step, if the step belongs to one."""
    with trace_step(context, installation.settings, slug) as spans:
        watcher, failed = _StepWatcher(context, installation, slug, spans), True
        try:
            with watched(watcher.progress):
                yield
            failed = False
        finally:
            watcher.end(failed=failed)
            _clock.enter()


def describe_phases(context: StepContext, installation: Installation, slug: str | None = None) -> dict[str, float]:
    """The seconds of each phase of a run so far, for the metadata of its present step: `seconds_org_read: 1.2`.

    Args:
        context: of the step.
        installation: where the steps that have ended are noted.
        slug: the integration of the step, if the step belongs to one.
    """
    steps = installation.progress.read(context.run.run_id, slug) if slug else []
    spent = add_up([*(step.spent for step in steps if step.ended), find_spent()])
    return {f"seconds_{phase.replace(' ', '_')}": round(each.seconds, 2) for phase, each in spent.items()}
