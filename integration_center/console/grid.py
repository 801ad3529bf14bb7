"""What the front page shows of each integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from integration_center.alerts.judging import find_missed
from integration_center.console.attention import Attention, list_attention, needs_look, say_wait
from integration_center.console.engine import UnfinishedRun
from integration_center.console.labels import make_readable
from integration_center.console.ledger import find_reasons
from integration_center.console.obstacles import BLOCKED, Obstacle, Surroundings, Touched, list_banners
from integration_center.console.picture import RUNS, Picture, draw
from integration_center.console.plain_words import make_plain
from integration_center.console.results import say_status
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import RecentSyncs, SyncRecord
from integration_center.database.waiting import WaitingDay
from integration_center.integration.schedule import RunTimes
from integration_center.integration.schedule_words import say_times
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile

PAGE_ROWS = 40
ATTENTION = "attention"
STATES = {
    ATTENTION: "Needs attention",
    "failed": "Failed",
    "held": "Held",
    "running": "Running",
    "waiting": "Waiting",
    BLOCKED: "Will not run",
    "broken": "Broken",
    "disabled": "Off",
}
"""What the grid can be narrowed to, and how that is called."""
SORTS = ("name", "last", "next")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FAR_AWAY = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Narrowing:
    """Which integrations are asked for.

    Attributes:
        text: part of the name, slug, report or object, no case; all when empty.
        environment: None for both.
        state: one of `STATES`; all when empty.
        report: only of this report; object: only of this object. All when empty.
        sort: one of `SORTS`.
    """

    text: str = ""
    environment: Environment | None = None
    state: str = ""
    report: str = ""
    object: str = ""
    sort: str = "name"

    @property
    def active(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.environment or self.state or self.report or self.object)


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
        attention: what somebody has to look at, narrowed out or not.
        counts: how many integrations are in each of `STATES`.
        reports: the reports that integrations name; objects: the objects.
        webserver_down: whether nothing can be started from here just now.
    """

    rows: Sequence[GridRow]
    page: int
    pages: int
    found: int
    total: int
    attention: Sequence[Attention]
    counts: Mapping[str, int]
    reports: Sequence[str]
    objects: Sequence[str]
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
    """Build a page of the integrations asked for; three queries for the runs of all.

    Args:
        console: where.
        files: all integrations.
        around: what they need.
        narrowing: which of them are asked for, in which order.
        page: from 1.
        may_change: whether who looks may edit integrations.
    """
    syncs = console.installation.syncs
    minute = console.now().replace(second=0, microsecond=0)
    last = syncs.last([file.slug for file in files])
    waits = {wait.slug: wait for wait in console.installation.waiting.list(console.now())}
    touched = {each.slug: each for each in _find_touched(files, around, minute, waits)}
    late = find_late([file for file in files if file.slug not in around.runs], last, waits, minute)
    states = {
        file.slug: _find_states(
            file, last.get(file.slug), touched, around, waiting=file.slug in waits, late=file.slug in late
        )
        for file in files
    }
    found = [file for file in files if _fits(file, narrowing) and narrowing.state in {"", *states[file.slug]}]
    found.sort(key=lambda file: _order(file, narrowing.sort, last, minute))
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(max(1, page), pages)
    shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    recent = syncs.recent([file.slug for file in shown], RUNS)
    in_trouble = [sync for file in files if (sync := last.get(file.slug)) and needs_look(sync)]
    specs = [file.spec for file in files if file.spec]
    return Grid(
        rows=[build_row(file, recent.get(file.slug), around, minute, waits.get(file.slug)) for file in shown],
        page=page,
        pages=pages,
        found=len(found),
        total=len(files),
        attention=list_attention(
            files,
            last,
            list_banners([*touched.values()], may_change=may_change),
            find_reasons(console, in_trouble),
            {slug: say_wait(wait) for slug, wait in waits.items()},
            late,
            may_change=may_change,
        ),
        counts={state: sum(state in each for each in states.values()) for state in STATES},
        reports=sorted({spec.report for spec in specs}, key=str.casefold),
        objects=sorted({spec.object for spec in specs}, key=str.casefold),
        webserver_down=around.engine is not None and around.engine.daemon and not around.engine.webserver,
    )


def _find_states(
    file: DefsFile,
    last: SyncRecord | None,
    touched: Mapping[str, Touched],
    around: Surroundings,
    *,
    waiting: bool,
    late: bool,
) -> set[str]:
    """Find the states of an integration, by the names in `STATES`."""
    enabled = file.spec is None or file.spec.enabled
    status = say_status(last).lower() if last else ""
    found = {
        "failed": status == "failed",
        "held": status == "held",
        "running": status == "running" or find_starting(around, file.slug, last) is not None,
        BLOCKED: file.slug in touched,
        "waiting": waiting,
        "broken": bool(file.problem),
        "disabled": not enabled,
        ATTENTION: waiting
        or late
        or file.slug in touched
        or bool(file.problem)
        or (enabled and last is not None and needs_look(last)),
    }
    return {state for state, here in found.items() if here}


def _order(file: DefsFile, sort: str, last: Mapping[str, SyncRecord], minute: datetime) -> tuple[float, str]:
    """What an integration is sorted by: the newest run first, the next run first, or the name."""
    name = _name(file, last.get(file.slug)).casefold()
    if sort == "last":
        sync = last.get(file.slug)
        return -(sync.started_at if sync else LONG_AGO).timestamp(), name
    if sort == "next":
        scheduled = file.spec is not None and file.spec.enabled and file.problem is None
        due = _next_run(file.spec.times, minute) if file.spec and scheduled else None
        return (due or FAR_AWAY).timestamp(), name
    return 0.0, name


def _find_touched(
    files: Sequence[DefsFile], around: Surroundings, minute: datetime, waits: Mapping[str, WaitingDay]
) -> list[Touched]:
    """The sound integrations that have an obstacle."""
    sound = [(file, file.spec) for file in files if file.spec and file.problem is None]
    return [
        Touched(file.slug, spec.name, _next_run(spec.times, minute), obstacles)
        for file, spec in sound
        if (obstacles := around.find(file.slug, spec, waits=file.slug in waits))
    ]


def find_late(
    files: Sequence[DefsFile], last: Mapping[str, SyncRecord], waits: Mapping[str, WaitingDay], minute: datetime
) -> dict[str, str]:
    """Find the runs that were due and never came: by slug, when each was due, as a sentence."""
    late: dict[str, str] = {}
    for file in files:
        if file.spec is None or file.problem or not file.spec.enabled or file.spec.automation or file.slug in waits:
            continue
        history = [sync] if (sync := last.get(file.slug)) else []
        for finding in find_missed(file.spec, history, minute, file.modified_at):
            late[file.slug] = finding.text
    return late


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
        name=_name(file, last),
        report=spec.report if spec else last.report if last else "",
        object=spec.object if spec else last.object if last else "",
        environment=spec.environment if spec else last.environment if last else None,
        enabled=spec.enabled if spec else True,
        schedule=say_times(spec.times, minute, utc=True) if spec else "",
        next_run=_next_run(spec.times, minute) if spec and scheduled else None,
        last=last,
        picture=draw(recent.pictures if recent else ()),
        problem=make_plain(file.problem) if file.problem else None,
        readable=spec is not None,
        obstacles=around.find(file.slug, spec, waits=wait is not None) if spec and scheduled else (),
        starting=find_starting(around, file.slug, last),
        waiting=say_wait(wait) if wait and scheduled else "",
    )


_next_run = lru_cache(maxsize=2_048)(RunTimes.next)
"""Asked for many integrations, mostly with the same schedule."""


def _name(file: DefsFile, last: SyncRecord | None) -> str:
    """A file that cannot be read says no name; its last run knows it."""
    return file.spec.name if file.spec else last.name if last else file.slug


def _fits(file: DefsFile, narrowing: Narrowing) -> bool:
    spec = file.spec
    if narrowing.environment and (spec is None or spec.environment is not narrowing.environment):
        return False
    if narrowing.report and (spec is None or spec.report != narrowing.report):
        return False
    if narrowing.object and (spec is None or spec.object != narrowing.object):
        return False
    text = narrowing.text.casefold()
    said = (file.slug, spec.name, spec.report, spec.object, make_readable(spec.object)) if spec else (file.slug,)
    return any(text in part.casefold() for part in said)
