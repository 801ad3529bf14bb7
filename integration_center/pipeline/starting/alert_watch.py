"""Looks for what is wrong, opens and ends incidents, and sends what is due. The sensor `alerts` and `up` both do.

Two of them may look at once: the database lets one open an incident, and one send a message.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus  # not public: the state of sensors

from integration_center.alerts.delivery import deliver
from integration_center.alerts.judging import BEFORE, Finding, judge_integration, say_counts
from integration_center.alerts.message import Content
from integration_center.alerts.places import open_alerts, read_alert_settings
from integration_center.alerts.settings import AlertSettings, Kind
from integration_center.database.incidents import Incident, Incidents, NewIncident, reconcile
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import AccountError, ConfigurationError, IntegrationCenterError
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.places import find_file, open_place
from integration_center.integration_files.reading import DefsFile, DefsReader
from integration_center.pipeline.instance.code_locations import name_locations
from integration_center.pipeline.instance.webserver import find_dagster_url
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.pipeline.names import put_before
from integration_center.pipeline.runs.history import complete_log, fail_killed_runs
from integration_center.remote import IMPATIENT
from integration_center.wording.remedies import START_IT

logger = logging.getLogger(__name__)

SETTLING = timedelta(minutes=5)
"""How long after its start a process does not miss runs and heartbeats: Dagster catches up first."""
START_DAEMON = "At a terminal: integration-center up, or the service that runs dagster-daemon."
DAY = timedelta(days=1)
PARTS = {
    "SCHEDULER": "starts runs by schedule",
    "SENSOR": "looks for new reports and ended runs",
    "QUEUED_RUN_COORDINATOR": "takes runs out of the queue",
    "BACKFILL": "starts the runs of several days",
    "ASSET": "starts runs by a condition",
    "MONITORING": "notices runs whose process is gone",
    "FRESHNESS_DAEMON": "looks how old data is",
    "EVENT_LOG_CONSUMER": "starts failed runs again",
}
"""What each part of Dagster's daemon does, by its name there."""
BEATS = timedelta(seconds=120)
"""How old a heartbeat of the daemon may be: one comes every 30 seconds."""
ACCOUNT_SECONDS = 900.0
"""How often an account is tried. Each time costs an API call."""
RUN_KINDS = (Kind.FAILED, Kind.HELD, Kind.LATE, Kind.APPROVAL, Kind.FAILED_ROWS, Kind.MATCH_RATE, Kind.UNUSUAL)
ACCOUNT_KINDS = (Kind.ACCOUNT, Kind.API_CALLS)


@dataclass(frozen=True)
class Wrong:
    """Something that is wrong, and with what.

    Attributes:
        subject: the slug, environment or part of Dagster.
        name: as people know it.
    """

    finding: Finding
    subject: str
    name: str
    slug: str | None = None
    environment: Environment | None = None
    owners: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What identifies the incident."""
        return f"{self.finding.kind.value}:{self.subject}"


@dataclass
class Watch:
    """Looks at an installation again and again.

    Args:
        accounts: whether to try the accounts, too.
        now: the clock.
        clock: seconds that only grow.
    """

    accounts: bool = True
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    _started: datetime | None = None
    _tried: float | None = None
    _refused: dict[Environment, Wrong | None] = field(default_factory=dict)
    _defs: DefsReader | None = None

    def look(self, installation: Installation, instance: dg.DagsterInstance) -> int:
        """Look once, and return how many messages were sent; nothing is done without alert settings.

        Raises:
            ConfigurationError: the alert settings cannot be used.
        """
        settings = read_alert_settings(open_alerts(installation), take_over=True)
        if settings is None:
            return 0
        self._started = self._started or self.now()
        now, store = self.now(), Incidents(installation.engine)
        # It remembers the files that have not changed.
        self._defs = self._defs or DefsReader(open_place(installation.settings), judge_with_dagster)
        files = self._defs.list()
        complete_log(instance, installation, {file.slug: file.spec for file in files}, since=now - DAY)
        specs = {file.slug: file.spec for file in files if file.spec and file.spec.enabled}
        settled = now - self._started >= SETTLING
        found = find_wrong_runs(installation, specs, settings, now, settled=settled)
        judged: list[Kind] = [kind for kind in RUN_KINDS if settled or kind is not Kind.LATE]
        if settled:
            found += [*find_broken_parts(instance, now), *find_broken_files(files, now)]
            judged.append(Kind.DAGSTER)
        if self.accounts:
            found += self._try_accounts(installation, specs, settings)
            judged += ACCOUNT_KINDS
        reconcile(
            store,
            [build_incident(installation, settings, wrong) for wrong in found],
            judged=[kind.value for kind in judged],
            say_end=partial(say_end, installation, settings),
            now=now,
        )
        return deliver(store, settings, now=self.now)

    def _try_accounts(
        self, installation: Installation, specs: Mapping[str, IntegrationSpec], settings: AlertSettings
    ) -> list[Wrong]:
        """Try the connected accounts now and then; what was found last is true until then."""
        if self._tried is None or self.clock() - self._tried >= ACCOUNT_SECONDS:
            self._tried = self.clock()
            for environment in sorted({spec.environment for spec in specs.values()}):
                try:
                    self._refused[environment] = try_account(installation, environment, settings)
                except IntegrationCenterError as error:  # what passes is no reason to wake anybody
                    logger.info("the account of %s could not be tried: %s", environment.title, error)
        return [wrong for wrong in self._refused.values() if wrong is not None]


def find_wrong_runs(
    installation: Installation,
    specs: Mapping[str, IntegrationSpec],
    settings: AlertSettings,
    now: datetime,
    *,
    settled: bool,
) -> list[Wrong]:
    """Find what is wrong with the enabled integrations."""
    histories = installation.syncs.latest(specs, BEFORE * 2)
    waiting = {wait.slug for wait in installation.waiting.list(now)}
    found: list[Wrong] = []
    for slug, spec in specs.items():
        file = find_file(installation.settings, slug, spec)
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else now
        since = now if not settled or slug in waiting else written
        findings = judge_integration(spec, histories.get(slug, ()), settings.thresholds, now, since)
        owners = tuple(owner for owner in spec.owners if "@" in owner)
        found += [Wrong(each, slug, spec.name, slug, spec.environment, owners) for each in findings]
    return found


def find_silent_parts(instance: dg.DagsterInstance, now: datetime) -> list[Wrong]:
    """Find the parts of Dagster's daemon that give no sign of life: one incident, however many of them are silent.

    The parts of a process that died fall silent one after another, since each has its own time to beat.
    """
    beats = {
        part: datetime.fromtimestamp(beat.timestamp, UTC) for part, beat in instance.get_daemon_heartbeats().items()
    }
    parts = sorted(instance.get_required_daemon_types())
    silent = [part for part in parts if part not in beats or now - beats[part] > BEATS]
    if not silent:
        return []
    text = (
        "Dagster's daemon does not run, so no schedule and no sensor does." if silent == parts else say_silent(silent)
    )
    return [Wrong(Finding(Kind.DAGSTER, text, START_IT, command=START_DAEMON), "daemon", "Dagster's daemon")]


def say_silent(parts: Sequence[str]) -> str:
    """Say what does not happen while parts of the daemon are silent; Dagster's names of the parts say little."""
    done = [*dict.fromkeys(PARTS.get(part, "does other work") for part in parts)]
    if len(done) == 1:
        return f"The part of Dagster's daemon that {done[0]} gives no sign of life."
    return f"{len(parts)} parts of Dagster's daemon give no sign of life. What each of them does: {'; '.join(done)}."


def find_broken_parts(instance: dg.DagsterInstance, now: datetime) -> list[Wrong]:
    """Find the parts of Dagster's daemon that have stopped, and the schedules and sensors whose last tick failed."""
    found, locations = find_silent_parts(instance, now), name_locations(instance)
    for state in instance.all_instigator_state() if instance.schedule_storage else ():
        if state.status is InstigatorStatus.STOPPED or state.repository_selector.location_name not in locations:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if ticks and ticks[0].status is TickStatus.FAILURE:
            name = state.instigator_name
            text = f"The last tick of {name} failed in Dagster."
            advice = "See Automation in the Dagster UI for its error."
            found.append(Wrong(Finding(Kind.DAGSTER, text, advice), f"tick:{name}", name))
    return found


def find_broken_files(files: Iterable[DefsFile], now: datetime) -> list[Wrong]:
    """Find the integrations whose file cannot be used, so that they never run. A file just written is left out."""
    text = "Its file cannot be used, so it does not run: {}."
    advice = "Correct the file, or open the integration in the console."
    return [
        Wrong(Finding(Kind.DAGSTER, text.format(file.problem), advice), f"file:{file.slug}", file.slug, file.slug)
        for file in files
        if file.spec is None and file.problem and now - file.modified_at > SETTLING
    ]


def try_account(installation: Installation, environment: Environment, settings: AlertSettings) -> Wrong | None:
    """Try an account with one API call: is it refused, or has its org few calls left?

    Raises:
        TransientError, OrgError: the org does not tell now.
    """
    if installation.accounts.find(environment) is None:
        return None
    subject, name = environment.value, environment.title
    try:
        with replace(installation, retries=IMPATIENT).connect(environment) as org:
            limit = org.daily_calls()
    except (AccountError, ConfigurationError) as error:
        finding = Finding(Kind.ACCOUNT, f"Salesforce refuses the account: {error}.", "Connect it again in the console.")
        return Wrong(finding, subject, name, environment=environment)
    if limit is None or 100 * limit.remaining >= settings.thresholds.api_calls_left * limit.maximum:
        return None
    text = f"{limit.remaining:,} of {limit.maximum:,} API calls of the last 24 hours are left."
    finding = Finding(Kind.API_CALLS, text, "Ask the Salesforce admin what else uses them.")
    return Wrong(finding, subject, name, environment=environment)


TITLES = {
    Kind.FAILED: "Failed",
    Kind.HELD: "Held",
    Kind.LATE: "Late",
    Kind.APPROVAL: "Waiting for approval",
    Kind.FAILED_ROWS: "Rows not written",
    Kind.MATCH_RATE: "Fewer matches",
    Kind.UNUSUAL: "Unusual",
    Kind.API_CALLS: "Few API calls left",
    Kind.ACCOUNT: "Account refused",
    Kind.DAGSTER: "Dagster",
}


def build_incident(installation: Installation, settings: AlertSettings, wrong: Wrong) -> NewIncident:
    """Build the incident of what is wrong."""
    finding, kind = wrong.finding, wrong.finding.kind
    where = f" ({wrong.environment.value})" if wrong.environment and wrong.slug else ""
    content = Content(
        kind=kind.value,
        title=f"{TITLES[kind]}: {wrong.name}{where}",
        text=finding.text,
        advice=finding.advice,
        command=finding.command,
        links=build_links(installation, settings, wrong.slug, finding.sync),
        owners=wrong.owners,
    )
    channels = settings.find_channels(kind, wrong.slug, wrong.environment)
    return NewIncident(wrong.key, kind.value, wrong.slug, content.as_dict(), channels)


def say_end(installation: Installation, settings: AlertSettings, incident: Incident) -> Mapping[str, Any]:
    """Say that an incident is over, and how its integration is now."""
    history = installation.syncs.history(incident.slug, limit=1) if incident.slug else ()
    last = history[0] if history else None
    text = "It is over."
    if last is not None:
        text = f"The last run, of {last.partition_end}, is {last.status.value}. {say_counts(last)}"
    recovered = last is None or last.status is SyncStatus.COMPLETED
    content = Content(
        kind=incident.kind,
        title=f"{'Recovered' if recovered else 'Over'}: {incident.content['title']}",
        text=text.strip(),
        links=build_links(installation, settings, incident.slug, last),
        owners=tuple(incident.content["owners"]),
    )
    return content.as_dict()


def build_links(
    installation: Installation, settings: AlertSettings, slug: str | None, sync: SyncRecord | None
) -> dict[str, str]:
    """Build the links to console and Dagster."""
    callback = urlsplit(installation.settings.callback_url)
    console = (settings.console or f"{callback.scheme}://{callback.netloc}").rstrip("/")
    dagster = find_dagster_url(installation.settings)
    page = f"{console}/integrations/{quote(slug)}/log" if slug else console
    if sync is not None and slug:
        page = f"{console}/integrations/{quote(slug)}/runs/{quote(sync.run_id)}"
    links = {"Console": page}
    if dagster:
        links["Dagster"] = f"{dagster}/runs/{quote(sync.run_id)}" if sync else f"{dagster}/automation"
    return links


WATCH = Watch()
"""Of this process: it remembers when an account was tried."""
LOOK_SECONDS = 20


def build_alert_sensor(prefix: str | None = None) -> dg.Definitions:
    """Build the sensor that looks for what is wrong, and sends alerts."""

    @dg.sensor(
        name=put_before("alerts", prefix),
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends the channels of alerts a message when something goes wrong, and when it is over.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        with open_installation() as installation:
            # `up` does this, too; where the parts run one by one, nobody else looks for runs of lost hosts.
            fail_killed_runs(context.instance, installation)
            sent = WATCH.look(installation, context.instance)
        return dg.SkipReason(f"{sent} messages sent" if sent else "nothing to tell")

    return dg.Definitions(sensors=[alerts])
