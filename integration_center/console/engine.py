"""What Dagster does just now, from its web server and from its own stored history, which outlives all its processes."""

import logging
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus  # not public: the state of schedules
from dagster._daemon.daemon import SchedulerDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from integration_center.database.shared_notes import SharedNotes
from integration_center.errors import TransientError
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.code_locations import LOCATION
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.everywhere import LocatedIntegration, list_everywhere
from integration_center.pipeline.instance.lacking_sources import find_lacking
from integration_center.pipeline.instance.webserver import Webserver, find_webserver
from integration_center.pipeline.runs.history import complete_log
from integration_center.pipeline.unended_runs import INTEGRATION_TAG

logger = logging.getLogger(__name__)

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
BEATS = timedelta(seconds=120)
"""How old the daemon's newest heartbeat may be: one comes every 30 seconds, and some are late on a busy machine.

Dagster's own page allows half an hour.
"""
ANSWER_SECONDS = 10.0
NEEDED = (SchedulerDaemon.daemon_type(), QueuedRunCoordinatorDaemon.daemon_type())
"""The parts of the daemon without which no run starts by itself, and none leaves the queue."""
MOST_RUNS = 500
STARTED, STARTING = "started", "starting"
"""The kinds of the notes about runs that a console started, and is starting."""
MOST_STARTING = timedelta(seconds=30)
"""How long another console is waited for that starts a run of the same integration. One that was killed is not."""
STARTING_LOOK = 0.05
DAY = timedelta(days=1)


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that Dagster has not ended."""

    run_id: str
    slug: str
    status: dg.DagsterRunStatus

    @property
    def queued(self) -> bool:
        """Whether it waits in Dagster's queue."""
        return self.status is dg.DagsterRunStatus.QUEUED


@dataclass(frozen=True)
class Starts:
    """The runs that a console started a moment ago, which the last look at Dagster may not have seen yet.

    Attributes:
        notes: of all consoles.
        kept: how long it takes until a look has seen them.
    """

    notes: SharedNotes
    kept: timedelta = timedelta(seconds=20)

    def note(self, run: UnfinishedRun) -> None:
        """Note a run that was just started. Where the database is away just then, the next look at Dagster sees it."""
        content = {"status": run.status.value}
        with _noting_if_possible(f"run {run.run_id} is started"):
            self.notes.write(STARTED, run.slug, run.run_id, content, lifetime=self.kept)

    def recent(self) -> dict[str, UnfinishedRun]:
        """List the runs by integration."""
        return {
            note.name: UnfinishedRun(note.token, note.name, dg.DagsterRunStatus(note.content["status"]))
            for note in self.notes.list_all(STARTED)
        }

    @contextmanager
    def one_at_a_time(self, slug: str) -> Iterator[None]:
        """Let one console at a time look whether an integration runs, and start it."""
        token, deadline = secrets.token_hex(8), time.monotonic() + MOST_STARTING.total_seconds()
        while not self.notes.claim(STARTING, slug, token, lifetime=MOST_STARTING) and time.monotonic() < deadline:
            time.sleep(STARTING_LOOK)
        try:
            yield
        finally:
            with _noting_if_possible(f"others wait {MOST_STARTING.total_seconds():.0f} s to start {slug}"):
                self.notes.drop(STARTING, slug, token)


@contextmanager
def _noting_if_possible(so_far: str) -> Iterator[None]:
    """Let a database that does not answer cost no run: it is started already."""
    try:
        yield
    except TransientError as error:
        logger.warning("%s, and this could not be noted: %s", so_far, error)


@dataclass(frozen=True)
class Engine:
    """Dagster, as it was seen a moment ago.

    Attributes:
        webserver: whether its web server answers, with our integrations loaded; without it Run Now cannot work.
        daemon: whether its daemon runs; without it no schedule ticks, and runs stay in the queue.
        stopped: the schedules that somebody switched off in Dagster, by name.
        runs: the newest unfinished run of each integration, by slug.
        lacking: the integrations that read an asset which their code location does not define: by slug, what it says.
        elsewhere: the integrations of other projects that this Dagster has loaded, too; their files are not here.
    """

    webserver: bool
    daemon: bool
    stopped: frozenset[str] = frozenset()
    runs: Mapping[str, UnfinishedRun] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Sequence[LocatedIntegration] = ()


def look_at_dagster(installation: Installation, specs: Mapping[str, IntegrationSpec | None], now: datetime) -> Engine:
    """Look at Dagster: its web server by HTTP, all else in its storage. Our log learns of the runs that died.

    Args:
        installation: ours.
        specs: the integrations by slug; None for a broken one.
        now: the time.
    """
    webserver = find_webserver(installation.settings, timeout=ANSWER_SECONDS)
    locations = webserver.locations if isinstance(webserver, Webserver) else {LOCATION}
    lacking = find_lacking(webserver, specs, timeout=ANSWER_SECONDS) if webserver else {}
    everywhere = list_everywhere(webserver) if webserver and locations != {LOCATION} else []
    elsewhere = [each for each in everywhere if each.slug not in specs]
    with open_instance(installation.settings) as instance:
        engine = read_engine(instance, now, webserver=webserver is not None, locations=locations)
        if engine.webserver or engine.daemon:  # else this may not be the storage that Dagster uses
            complete_log(instance, installation, specs, since=now - DAY)
        return replace(engine, lacking=lacking, elsewhere=elsewhere)


def read_engine(
    instance: dg.DagsterInstance, now: datetime, *, webserver: bool, locations: Collection[str] = (LOCATION,)
) -> Engine:
    """Read what Dagster's storage knows; of schedules, those of the code locations that hold integrations."""
    beats = instance.get_daemon_heartbeats()
    needed = [part for part in NEEDED if part in instance.get_required_daemon_types()]
    oldest = min((beats[part].timestamp if part in beats else 0.0 for part in needed), default=0.0)
    states = instance.all_instigator_state() if instance.schedule_storage else ()
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=MOST_RUNS)
    # A run of several integrations carries no tag of ours, and has a line of the log for each.
    unfinished = [
        UnfinishedRun(run.run_id, run.tags[INTEGRATION_TAG], run.status) for run in runs if INTEGRATION_TAG in run.tags
    ]
    return Engine(
        webserver=webserver,
        daemon=now - datetime.fromtimestamp(oldest, UTC) <= BEATS,
        stopped=frozenset(
            state.instigator_name
            for state in states
            if state.status is InstigatorStatus.STOPPED and state.repository_selector.location_name in locations
        ),
        runs={run.slug: run for run in reversed(unfinished)},
    )
