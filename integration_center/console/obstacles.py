"""Why integrations will not run, or will fail when they do: their org, their report, Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from integration_center.console.engine import Engine, UnfinishedRun
from integration_center.console.report_states import Lack, ReportStates
from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.pipeline.names import DAILY_SCHEDULE, find_starter
from integration_center.wording.remedies import START_IT
from integration_center.wording.sentences import capitalize_first

FAIL, WAIT, AWAIT = "will fail", "will not start", "will begin to wait for it"
WEB_SERVER_DOWN = "Dagster's web server does not answer: Run Now and Plan do not work just now."
BLOCKED = "blocked"
"""The state to which the grid can be narrowed, of integrations that have an obstacle."""


@dataclass(frozen=True)
class Obstacle:
    """One obstacle of integrations.

    Attributes:
        short: in a few words, for a row.
        text: in sentences, for the banner; empty where every page says it already.
        effect: what their next runs will do, as a verb.
        link: where it can be put right; empty when there is no such page.
        says: what that link says.
        own: whether it is put right in the integrations themselves.
        may_come: whether it is a report that an integration may wait for.
    """

    short: str
    text: str
    effect: str = FAIL
    link: str = ""
    says: str = ""
    own: bool = False
    may_come: bool = False

    def for_spec(self, spec: IntegrationSpec) -> "Obstacle":
        """The obstacle as it is for an integration, which may wait for its report."""
        return replace(self, effect=AWAIT) if self.may_come and spec.arrive_by else self


@dataclass(frozen=True)
class Surroundings:
    """What integrations need, as far as it is known; what is unknown is no obstacle.

    Attributes:
        accounts: obstacles by environment; reports: by report slug; schedules: by the name of Dagster's schedule;
            sources: by the slug of the integration that reads an asset.
        everywhere: obstacles of all integrations.
        engine: Dagster; None while it is unknown.
        runs: the newest unfinished run of each integration, by slug.
    """

    accounts: Mapping[Environment, Obstacle] = field(default_factory=dict)
    reports: Mapping[str, Obstacle] = field(default_factory=dict)
    schedules: Mapping[str, Obstacle] = field(default_factory=dict)
    sources: Mapping[str, Obstacle] = field(default_factory=dict)
    everywhere: Sequence[Obstacle] = ()
    engine: Engine | None = None
    runs: Mapping[str, UnfinishedRun] = field(default_factory=dict)

    def find(self, slug: str, spec: IntegrationSpec, *, waits: bool = False) -> list[Obstacle]:
        """Find the obstacles of an integration, its own before those of all.

        Args:
            slug: of the integration.
            spec: the integration.
            waits: whether it waits for its report just now, which is said elsewhere.
        """
        if not spec.enabled:
            return []
        own = (
            self.accounts.get(spec.environment),
            self.sources.get(slug) if spec.source else self.reports.get(report_slug(spec.report)),
            self.schedules.get(find_starter(slug, spec)),
        )
        return [
            *(each.for_spec(spec) for each in own if each and not (waits and each.may_come)),
            *self.everywhere,
        ]


@dataclass(frozen=True)
class Banner:
    """An obstacle as the front page shows it.

    Attributes:
        text: what is the matter, whom it touches, and when.
        link: where it can be put right; empty when there is no such page.
        says: what that link says.
    """

    text: str
    link: str = ""
    says: str = ""


@dataclass(frozen=True)
class Touched:
    """An integration that has obstacles.

    Attributes:
        next_run: UTC; None when nothing is scheduled.
    """

    slug: str
    name: str
    next_run: datetime | None
    obstacles: Sequence[Obstacle]


def list_banners(touched: Sequence[Touched], *, may_change: bool) -> list[Banner]:
    """List each obstacle once, with the number of integrations it touches and when the next of them is due.

    Args:
        touched: the integrations that have obstacles.
        may_change: whether who reads it may edit integrations.
    """
    by_obstacle: dict[Obstacle, list[Touched]] = {}
    for each in touched:
        for obstacle in filter(lambda obstacle: obstacle.text, each.obstacles):
            by_obstacle.setdefault(obstacle, []).append(each)
    return [_build_banner(obstacle, those, may_change) for obstacle, those in by_obstacle.items()]


def _build_banner(obstacle: Obstacle, touched: Sequence[Touched], may_change: bool) -> Banner:
    due = min((each.next_run for each in touched if each.next_run), default=None)
    only = touched[0] if len(touched) == 1 else None
    who = only.name if only else f"{len(touched):,} integrations"
    first = "" if only else ", the first"
    when = f"{first} at {due:%Y-%m-%d %H:%M} UTC" if due else ""
    text = f"{obstacle.text} {who} {obstacle.effect}{when}."
    if only and obstacle.own and may_change:
        return Banner(text, f"/integrations/{only.slug}/edit", f"Edit {only.name}")
    if not only and obstacle.own:
        return Banner(text, f"/?state={BLOCKED}", "Show them")
    return Banner(text, obstacle.link, obstacle.says)


EVERYTHING_STOPPED = Obstacle("Everything is stopped", "", WAIT)
"""While a stop is in force nothing starts, so nothing else keeps an integration from running."""


def describe_account(environment: Environment, fault: str | None, *, ended: bool = False) -> Obstacle:
    """An environment whose org cannot be written to.

    Args:
        environment: which one.
        fault: what is wrong with its account; None when no account is connected.
        ended: whether connecting it again is what helps.
    """
    name = environment.title
    if fault is None:
        short = f"{name} is not connected"
        return Obstacle(short, f"{short}.", link="/accounts", says=f"Connect {name}")
    short = f"{name}: {fault[:1].lower()}{fault[1:]}"
    text = f"The connection to {name} does not work: {fault[:1].lower()}{fault[1:]}."
    return Obstacle(short, text, link="/accounts", says=f"Connect {name} again" if ended else f"Look at {name}")


def describe_reports(states: ReportStates, names: Mapping[str, str]) -> tuple[dict[str, Obstacle], list[Obstacle]]:
    """Obstacles by report slug, and those of all integrations.

    Args:
        states: of the reports.
        names: what the reports are called, by slug.
    """
    if states.problem:
        text = f"The reports cannot be read: {states.problem}."
        return {}, [Obstacle("Reports cannot be read", text)]
    return {slug: _describe_report(names[slug], *lack) for slug, lack in states.lacks.items() if slug in names}, []


def _describe_report(name: str, lack: Lack, said: str) -> Obstacle:
    advice = {
        Lack.MISSING: "It was deleted or renamed, or lost its tag.",
        Lack.EMPTY: "WalkMe has delivered none of its days.",
        Lack.UNREADABLE: f"{capitalize_first(said)}.",
    }
    text = f"The report {name!r} {lack}. {advice[lack]}"
    return Obstacle(f"Report {lack}", text, own=True, may_come=lack is Lack.EMPTY)


def describe_sources(engine: Engine | None) -> dict[str, Obstacle]:
    """Obstacles by the slug of the integration, of those that read an asset which is missing."""
    lacking = engine.lacking if engine else {}
    return {
        slug: Obstacle("Asset not found", f"{capitalize_first(problem)}.", own=True)
        for slug, problem in lacking.items()
    }


def describe_engine(engine: Engine | None, dagster_url: str | None) -> tuple[dict[str, Obstacle], list[Obstacle]]:
    """Obstacles by the name of a schedule, and those of all integrations.

    Args:
        engine: Dagster; None while it is unknown.
        dagster_url: of its UI; None when that is unknown.
    """
    if engine is None:
        return {}, []
    if not engine.daemon and not engine.webserver:
        text = f"Dagster is not running, so nothing starts, neither by schedule nor by Run Now. {START_IT}"
        return {}, [Obstacle("Dagster is not running", text, WAIT, "/doctor", "See what is down")]
    if not engine.daemon:
        text = f"Dagster's daemon is not running, so nothing starts: runs wait until it does. {START_IT}"
        return {}, [Obstacle("Dagster's daemon is not running", text, WAIT, "/doctor", "See what is down")]
    link = f"{dagster_url}/automation" if dagster_url else ""
    says = "Schedules in the Dagster UI"
    return {
        name: Obstacle(
            "Its schedule is off in Dagster",
            f"{'The daily' if name.endswith(DAILY_SCHEDULE) else 'An own'} schedule is switched off in Dagster.",
            WAIT,
            link,
            says,
        )
        for name in engine.stopped
    }, []
