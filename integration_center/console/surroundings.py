"""Gathers what integrations need, for the front page: asks in the background, and waits for nobody long."""

from collections.abc import Iterable, Sequence

from integration_center.accounts.store import Account
from integration_center.console.account_checks import find_fault
from integration_center.console.obstacles import (
    EVERYTHING_STOPPED,
    Obstacle,
    Surroundings,
    describe_account,
    describe_engine,
    describe_reports,
    describe_sources,
)
from integration_center.console.refusals import explain
from integration_center.console.shell.context import Console
from integration_center.errors import ConnectionEnded, IntegrationCenterError
from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import Environment
from integration_center.integration_files.reading import DefsFile
from integration_center.pipeline.instance.webserver import find_dagster_url

PATIENCE = 0.4
"""Seconds for which a page waits for what was never looked at; later it shows what was seen last."""
SOUND_SECONDS, BROKEN_SECONDS = 900.0, 60.0
"""How long an account that answered, or one that did not, is believed to do the same. Each look costs an API call."""


def look_around(console: Console, files: Sequence[DefsFile]) -> Surroundings:
    """Find the obstacles of the enabled integrations among `files`."""
    specs = [file.spec for file in files if file.spec and file.spec.enabled and file.problem is None]
    engine = console.engine.read(PATIENCE)
    if console.installation.stops.find():
        return Surroundings(everywhere=[EVERYTHING_STOPPED], engine=engine, runs=console.find_unfinished(engine))
    states = console.reports.read(PATIENCE) if specs else None
    names = {report_slug(spec.report): spec.report for spec in specs if spec.source is None}
    reports, of_all_reports = describe_reports(states, names) if states else ({}, [])
    schedules, of_all = describe_engine(engine, find_dagster_url(console.installation.settings))
    return Surroundings(
        accounts=_find_account_faults(console, {spec.environment for spec in specs}),
        reports=reports,
        schedules=schedules,
        sources=describe_sources(engine),
        everywhere=[*of_all, *of_all_reports],
        engine=engine,
        runs=console.find_unfinished(engine),
    )


def _find_account_faults(console: Console, environments: Iterable[Environment]) -> dict[Environment, Obstacle]:
    faults = {}
    for environment in sorted(environments):
        account = console.installation.accounts.find(environment)
        if account is None:
            faults[environment] = describe_account(environment, None)
        elif (error := _find_fault(console, account)) is not None:
            faults[environment] = describe_account(
                environment, explain(error, environment).headline, ended=isinstance(error, ConnectionEnded)
            )
    return faults


def _find_fault(console: Console, account: Account) -> IntegrationCenterError | None:
    """Why an account cannot be used, as it answered last; asks again in the background when that may be over."""
    newest = console.checks.newest(account)
    fault = find_fault(newest[1]) if newest else None
    is_old = newest is None or newest[0] > (BROKEN_SECONDS if fault else SOUND_SECONDS)
    if is_old or console.checks.is_overtaken(console.installation, account):
        check_again(console, account)
    return fault


def check_again(console: Console, account: Account) -> None:
    """Let the org be asked in the background whether it still accepts the account."""
    console.lookups.ask(
        ("account", account.environment, account.connected_at),
        lambda tell: console.checks.look(console.installation, account, again=True),
        kept=0.0,
    )
