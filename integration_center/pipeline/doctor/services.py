"""What the doctor looks at beyond this machine's files: Dagster's processes, schedules, orgs, reports."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus  # not public: the state of schedules

from integration_center.errors import IntegrationCenterError, TransientError
from integration_center.insights.source import last_full_day
from integration_center.installation import Installation
from integration_center.integration.chain import find_earlier
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.doctor.findings import Checked, describe_error, look, ok, problem, warning
from integration_center.pipeline.instance.code_locations import name_locations
from integration_center.pipeline.instance.webserver import find_webserver
from integration_center.pipeline.names import find_starter
from integration_center.pipeline.starting.alert_watch import find_broken_parts
from integration_center.remote import IMPATIENT
from integration_center.salesforce.org import Org
from integration_center.wording.remedies import START_IT
from integration_center.wording.sentences import count

OFF = timedelta(seconds=60)
"""How far the clock of this machine may be from the org's."""
LATE_DAYS = 2
"""Days without a new report after which somebody should look."""
START = "At a terminal: integration-center up, or the services of your own."


def check_stop(installation: Installation) -> Iterator[Checked]:
    """Whether an admin stopped everything."""
    if stop := installation.stops.find():
        command = "Lift the stop: integration-center resume."
        yield problem("stop", f"{stop.sentence}.", "An admin has to resume, then connect the accounts.", command)


def check_integrations(loaded: Integrations) -> Iterator[Checked]:
    """Which integrations are sound, and why the others are not."""
    on = sum(spec.enabled for spec in loaded.specs.values())
    yield ok("integrations", f"Sound: {count(len(loaded.specs), 'integration')}, {on} of them switched on.")
    for slug, reason in loaded.broken.items():
        yield problem("integrations", f"{slug} is broken: {reason}.", "Correct its file; the others run.")


def check_dagster(installation: Installation, instance: dg.DagsterInstance, now: datetime) -> Iterator[Checked]:
    """Dagster's web server, the parts of its daemon, and the ticks that failed last."""
    webserver = find_webserver(installation.settings)
    if webserver is None:
        yield problem("dagster", "Dagster's web server does not answer with these integrations.", START_IT, START)
    else:
        yield ok("dagster", f"The web server answers at {webserver.url}.")
    broken = find_broken_parts(instance, now)
    for wrong in broken:
        yield problem("dagster", wrong.finding.text, wrong.finding.advice, wrong.finding.command)
    if not broken:
        yield ok("dagster", "The daemon runs with all its parts, and what it last tried to start did start.")


def check_schedules(loaded: Integrations, instance: dg.DagsterInstance, now: datetime) -> Iterator[Checked]:
    """Whether what starts each integration is armed, and when it starts next."""
    states = instance.all_instigator_state() if instance.schedule_storage else ()
    locations = name_locations(instance)
    stopped = {
        state.instigator_name
        for state in states
        if state.status is InstigatorStatus.STOPPED and state.repository_selector.location_name in locations
    }
    for slug, spec in loaded.specs.items():
        if not spec.enabled:
            continue
        starter = find_starter(slug, spec)
        due = spec.times.next(now)
        paused = f" ({say_pause(spec.times)})" if spec.times.is_paused(now) else ""
        if starter in stopped:
            advice = "Switch it on under Automation in the Dagster UI."
            wrong = f"{spec.name}: what starts it is switched off in Dagster."
            yield problem("schedules", wrong, advice, f"It is called {starter} there.")
        elif spec.automation:
            yield ok("schedules", f"{spec.name}: starts by the condition {spec.automation}.")
        elif spec.after:
            yield ok("schedules", f"{spec.name}: starts after each completed run of {say_earlier(loaded, slug)}.")
        elif due is None:
            yield problem("schedules", f"{spec.name}: its time never comes again.", "Correct `schedule`.")
        else:
            yield ok("schedules", f"{spec.name}: next at {due:%Y-%m-%d %H:%M} UTC{paused}.")


def say_earlier(loaded: Integrations, slug: str) -> str:
    """Name the integration that another one starts after."""
    earlier = find_earlier(loaded.specs, slug)
    return loaded.specs[earlier].name if earlier else str(loaded.specs[slug].after)


def check_accounts(installation: Installation, loaded: Integrations) -> Iterator[Checked]:
    """Each environment that is needed: does its account work, has it the rights, how many calls are left, what time."""
    by_environment: dict[Environment, dict[str, IntegrationSpec]] = {}
    for slug, spec in loaded.specs.items():
        if spec.enabled:
            by_environment.setdefault(spec.environment, {})[slug] = spec
    if not by_environment:
        yield ok("accounts", "No integration is switched on, so no account is needed.")
    for environment, specs in sorted(by_environment.items()):
        is_known = installation.accounts.names.find(environment.value) is not None
        if is_known and installation.accounts.find(environment) is None:
            command = f"At a terminal: integration-center connect {environment.value}."
            yield problem("accounts", f"{environment.title} is not connected.", "Connect it.", command)
            continue
        yield from look("accounts", partial(check_account, installation, environment, specs), environment.title)


def check_account(
    installation: Installation, environment: Environment, specs: Mapping[str, IntegrationSpec]
) -> Iterator[Checked]:
    """The account of an environment that some integrations need: its org, then its rights."""
    with replace(installation, retries=IMPATIENT).connect(environment) as org:
        yield from check_org(org, environment.title)
        yield from check_rights(org, specs)


def check_org(org: Org, name: str) -> Iterator[Checked]:
    """Whether an org accepts the account, how many API calls it has left, and how its clock differs from ours."""
    limit = org.daily_calls()
    left = f"{limit.remaining:,} of {limit.maximum:,} API calls are left" if limit else "it does not tell its limits"
    yield ok("accounts", f"{name} accepts the account; {left}.")
    org_time = org.session.usage.org_time
    if org_time is None:
        return
    away = abs(org_time - datetime.now(UTC))
    if away > OFF:
        advice = "Set this machine's clock by NTP: sign-ins and signatures depend on it."
        yield warning("clock", f"This machine's clock is {away.total_seconds():,.0f} s away from {name}'s.", advice)
    else:
        yield ok("clock", f"This machine's clock is {away.total_seconds():,.0f} s away from {name}'s.")


def check_rights(org: Org, specs: Mapping[str, IntegrationSpec]) -> Iterator[Checked]:
    """Whether the account may read the keys and write the fields of each integration."""
    for spec in specs.values():
        schema = org.describe(spec.object)
        keys = [name for name in spec.key_fields if schema.get(name) is None]
        wanted = {mapping.field: schema.get(mapping.field) for mapping in spec.fields}
        closed = [name for name, found in wanted.items() if found is None or not found.updateable]
        for names, what in ((keys, "see the key"), (closed, "write")):
            if names:
                command = "The message: integration-center check."
                text = f"{spec.name}: the account may not {what} {', '.join(names)} of {spec.object}."
                yield problem("accounts", text, "Ask the Salesforce admin.", command)
        if not keys and not closed:
            yield ok("accounts", f"{spec.name}: the account may read and write what {spec.object} needs.")


def check_reports(installation: Installation, loaded: Integrations, now: datetime) -> Iterator[Checked]:
    """Each report that is needed, and its newest day."""
    source = installation.source()
    newest_day = last_full_day(now)
    for name in sorted({spec.report for spec in loaded.specs.values() if spec.enabled}):
        try:
            newest = source.newest_day(source.find(name))
        except TransientError:
            raise
        except IntegrationCenterError as error:
            yield describe_error("reports", error)
            continue
        if newest is None:
            advice = "Look whether WalkMe delivers it, and where to."
            yield problem("reports", f"{name}: there is no day at all.", advice)
        elif (newest_day - newest).days >= LATE_DAYS:
            advice = "Look whether WalkMe still delivers it."
            yield warning("reports", f"{name}: the newest day is {newest}, {newest_day} is expected.", advice)
        else:
            yield ok("reports", f"{name}: the newest day is {newest}.")
