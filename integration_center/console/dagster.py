"""What the pages ask of Dagster, over GraphQL."""

from dataclasses import dataclass
from datetime import date

import dagster as dg
from starlette.requests import Request

from integration_center.access.audit import Action
from integration_center.console.engine import UNFINISHED, UnfinishedRun
from integration_center.console.shell.context import Console, console_of, note, user_of
from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import Webserver
from integration_center.pipeline.names import asset_keys, push_config, run_tags
from integration_center.pipeline.runs.history import complete_log, fail_killed_runs
from integration_center.pipeline.unended_runs import INTEGRATION_TAG
from integration_center.wording.remedies import START_IT

NOT_RUNNING = f"Dagster does not run, so nothing was started. {START_IT} Then try again"


class DagsterDown(ServiceUnavailable):
    """Dagster does not run, so that nothing can be started."""


@dataclass(frozen=True)
class Started:
    """A run that was started, or the one that runs already.

    Attributes:
        already: whether it ran before it was asked for; then nothing was started.
    """

    run_id: str
    already: bool


def start(request: Request, file: DefsFile, day: date, *, push: bool) -> Started:
    """Start a run of an integration in Dagster, unless one is under way, and note it in the audit log.

    Args:
        request: of the user who asks for it.
        file: the integration.
        day: the UTC day whose data is carried.
        push: whether the plan is sent; without it the run is a dry run.

    Raises:
        ConfigurationError: the integration is broken, or Dagster refused the run.
        DagsterDown: Dagster does not answer.
    """
    if file.spec is None or file.problem is not None:
        raise ConfigurationError(f"the integration cannot run: {file.problem}. Correct it first")
    assets = tuple(asset_keys(file.slug, file.spec, push=push))
    tags = run_tags(file.slug, file.spec.environment, user_of(request).name)
    config = push_config(file.slug) if push else None
    wanted = RunRequest(file.slug, (day, day), tags, assets, config)
    started = launch_once(console_of(request), file.slug, file.spec, wanted)
    if not started.already:
        action, environment = Action.RAN if push else Action.PLANNED, file.spec.environment
        note(request, action, slug=file.slug, environment=environment, detail=f"{day}", run_id=started.run_id)
    return started


def launch_once(console: Console, slug: str, spec: IntegrationSpec | None, request: RunRequest) -> Started:
    """Launch a run of an integration, unless one is under way: two clicks at once start one run.

    Raises:
        ConfigurationError: Dagster refused the run.
        DagsterDown: Dagster does not answer.
        Stopped: an admin stopped everything.
    """
    console.installation.stops.require_none()
    webserver = console.find_dagster()
    if webserver is None:
        raise DagsterDown(NOT_RUNNING)
    with console.starts.one_at_a_time(slug):
        if running := find_running(console, slug, spec):
            return Started(running, already=True)
        run_id = _launch(webserver, request)
        console.starts.note(UnfinishedRun(run_id, slug, dg.DagsterRunStatus.STARTING))
    return Started(run_id, already=False)


def find_running(console: Console, slug: str, spec: IntegrationSpec | None) -> str | None:
    """The run that works on the integration or waits to; None when none does. Lines of dead runs are closed first."""
    close_dead_lines(console, slug, spec)
    with open_instance(console.installation.settings) as instance:
        waiting = instance.get_runs(dg.RunsFilter(tags={INTEGRATION_TAG: slug}, statuses=UNFINISHED), limit=1)
    # A run of several integrations, started in Dagster's own UI, carries no tag of ours.
    working = [sync.run_id for sync in console.installation.syncs.running() if sync.slug == slug]
    return next(iter(working + [run.run_id for run in waiting]), None)


def close_dead_lines(console: Console, slug: str, spec: IntegrationSpec | None) -> None:
    """Close the integration's lines in the log whose runs have ended without doing so."""
    with open_instance(console.installation.settings) as instance:
        complete_log(instance, console.installation, {slug: spec})


def end_killed_runs(console: Console) -> None:
    """Mark runs whose process was killed as failed in Dagster, which would call them started for ever."""
    with open_instance(console.installation.settings) as instance:
        fail_killed_runs(instance, console.installation)


def find_stored_status(console: Console, run_id: str) -> dg.DagsterRunStatus | None:
    """What Dagster's storage says of a run, while its web server does not answer; None when it does not know it."""
    with open_instance(console.installation.settings) as instance:
        run = instance.get_run_by_id(run_id)
    return run.status if run else None


def _launch(webserver: Webserver, request: RunRequest) -> str:
    """Launch; when Dagster does not know the integration as it is now, it reads the files again, once."""
    try:
        return webserver.launch(request)
    except ConfigurationError:
        webserver.reload()
        return webserver.launch(request)


@dataclass(frozen=True)
class Reloaded:
    """Whether Dagster has read the integrations again, and the sentence that says so."""

    done: bool
    text: str


def reload_code(console: Console) -> Reloaded:
    """Let Dagster read the integrations again after one was changed. The change itself is saved in any case."""
    console.reports.expire()
    webserver = console.find_dagster()
    if webserver is None:
        return Reloaded(False, "Dagster does not run just now; it takes the change over when it starts.")
    try:
        webserver.reload()
    except (ConfigurationError, ServiceUnavailable) as error:
        return Reloaded(False, f"But Dagster did not take it over: {error}.")
    return Reloaded(True, "")
