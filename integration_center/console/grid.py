"""What the front page shows of each integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from integration_center.console.engine import UnfinishedRun
from integration_center.console.obstacles import BLOCKED, Banner, Obstacle, Surroundings, Touched, list_banners
from integration_center.console.picture import RUNS, Picture, draw
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import RecentSyncs, SyncRecord, SyncStatus
from integration_center.database.waiting import WaitingDay
from integration_center.integration.schedule import DEFAULT_ZONE, RunTimes
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile
from integration_center.sync.outcomes import WRITTEN, Outcome

PAGE_ROWS = 50

STATES = {
    BLOCKED: "Will not run",
    "failed": "Last run failed",
    "running": "Running",
    "broken": "Broken",
    "disabled": "Disabled",
}
"""What the grid can be narrowed to, and how that is called."""


@dataclass(frozen=True)
class Narrowing:
    """Which integrations are asked for.

    Attributes:
        text: part of the name, slug, report or object, no case; all when empty.
        environment: None for both.
        state: one of `STATES`; all when empty.
    """

    text: str = ""
    environment: Environment | None = None
    state: str = ""

    @property
    def active(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.environment or self.state)


@dataclass(frozen=True)
class GridRow:
    """One integration. What a broken file does not say is taken from its last run, where there is one.

    Attributes:
        next_run: UTC; None when nothing is scheduled.
        problem: why it is broken; None when it is sound.
        readable: whether its file says a whole integration, so that it can be edited or disabled here.
        obstacles: why its next run will not start, or will fail.
        starting: a run that has not begun to work; None when none has.
        waiting: what its next run waits for, as a sentence; empty when it does not wait.
    """

    slug: str
    name: str
    report: str
    object: str
    environment: Environment | None
    enabled: bool
    schedule: str
    next_run: datetime | None
    last: SyncRecord | None
    picture: Picture
    problem: str | None
    readable: bool = True
    obstacles: Sequence[Obstacle] = ()
    starting: UnfinishedRun | None = None
    waiting: str = ""


@dataclass(frozen=True)
class Grid:
    """A page of the grid.

    Attributes:
        found: how many the narrowing leaves; total: how many there are.
        banners: what stands in the way of any integration, narrowed out or not.
        webserver_down: whether nothing can be started from here just now.
    """

    rows: Sequence[GridRow]
    page: int
    pages: int
    found: int
    total: int
    banners: Sequence[Banner]
    webserver_down: bool


def build_grid(
    console: Console,
    files: Sequence[DefsFile],
    around: Surroundings,
    narrowing: Narrowing,
    page: int,
    *,
    may_change: bool,
) -> Grid:
    """Build a page of the integrations asked for, in order of name; two queries for the runs of all.

    Args:
        console: where.
        files: all integrations.
        around: what they need.
        narrowing: which of them are asked for.
        page: from 1.
        may_change: whether who looks may edit integrations.
    """
    syncs = console.installation.syncs
    minute = console.now().replace(second=0, microsecond=0)
    touched = {each.slug: each for each in _find_touched(files, around, minute)}
    found = sorted((file for file in files if _fits(file, narrowing)), key=lambda file: _name(file).casefold())
    if narrowing.state in {"failed", "running"}:
        wanted = SyncStatus.FAILED if narrowing.state == "failed" else SyncStatus.RUNNING
        last = syncs.last_statuses([file.slug for file in found])
        found = [file for file in found if last.get(file.slug) is wanted]
    if narrowing.state == BLOCKED:
        found = [file for file in found if file.slug in touched]
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(max(1, page), pages)
    shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    recent = syncs.recent([file.slug for file in shown], RUNS)
    waits = {wait.slug: wait for wait in console.installation.waiting.list(console.now())}
    rows = [build_row(file, recent.get(file.slug), around, minute, waits.get(file.slug)) for file in shown]
    return Grid(
        rows=rows,
        page=page,
        pages=pages,
        found=len(found),
        total=len(files),
        banners=list_banners([*touched.values()], may_change=may_change),
        webserver_down=around.engine is not None and around.engine.daemon and not around.engine.webserver,
    )


def _find_touched(files: Sequence[DefsFile], around: Surroundings, minute: datetime) -> list[Touched]:
    """The sound integrations that something stands in the way of."""
    sound = [(file, file.spec) for file in files if file.spec and file.problem is None]
    return [
        Touched(file.slug, spec.name, _next_run(spec.times, minute), obstacles)
        for file, spec in sound
        if (obstacles := around.find(file.slug, spec))
    ]


def find_starting(around: Surroundings, slug: str, last: SyncRecord | None) -> UnfinishedRun | None:
    """The integration's run that has no line in the log yet."""
    run = around.runs.get(slug)
    return run if run and (last is None or last.run_id != run.run_id) else None


def build_row(
    file: DefsFile,
    recent: RecentSyncs | None,
    around: Surroundings,
    minute: datetime,
    wait: WaitingDay | None = None,
) -> GridRow:
    """One integration at a given minute, UTC."""
    spec, last = file.spec, recent.last if recent else None
    scheduled = spec is not None and spec.enabled and file.problem is None
    return GridRow(
        slug=file.slug,
        name=_name(file),
        report=spec.report if spec else last.report if last else "",
        object=spec.object if spec else last.object if last else "",
        environment=spec.environment if spec else last.environment if last else None,
        enabled=spec.enabled if spec else True,
        schedule=say_schedule(spec.schedule, spec.timezone) if spec else "",
        next_run=_next_run(spec.times, minute) if spec and scheduled else None,
        last=last,
        picture=draw(recent.pictures if recent else ()),
        problem=file.problem,
        readable=spec is not None,
        obstacles=around.find(file.slug, spec) if spec and scheduled else (),
        starting=find_starting(around, file.slug, last),
        waiting=wait.say(spec.times) if wait and spec and scheduled else "",
    )


def say_schedule(schedule: str, timezone: str = DEFAULT_ZONE) -> str:
    """`Daily 08:00` for a time of every day; else the cron expression itself. A zone other than UTC follows."""
    minute, hour, *rest = schedule.split()
    daily = rest == ["*", "*", "*"] and minute.isdecimal() and hour.isdecimal()
    said = f"Daily {int(hour):02d}:{int(minute):02d}" if daily else schedule
    return said if timezone == DEFAULT_ZONE else f"{said} {timezone}"


def say_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    """`8 updated, 3 unmatched`: the report's rows by outcome, what was written first."""
    rows = counts.get("rows", {})
    order = [*WRITTEN, *(outcome for outcome in Outcome if outcome not in WRITTEN)]
    return ", ".join(f"{rows[outcome]:,} {outcome.value}" for outcome in order if rows.get(outcome))


_next_run = lru_cache(maxsize=2_048)(RunTimes.next)
"""Asked for many integrations, mostly with the same schedule."""


def _name(file: DefsFile) -> str:
    return file.spec.name if file.spec else file.slug


def _fits(file: DefsFile, narrowing: Narrowing) -> bool:
    spec = file.spec
    if narrowing.environment and (spec is None or spec.environment is not narrowing.environment):
        return False
    if narrowing.state == "broken" and not file.problem:
        return False
    if narrowing.state == "disabled" and (spec is None or spec.enabled):
        return False
    text = narrowing.text.casefold()
    said = (file.slug, spec.name, spec.report, spec.object) if spec else (file.slug,)
    return any(text in part.casefold() for part in said)
