"""`plan` and `run`: syncs, through Dagster."""

import logging
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import dagster as dg
import typer
from sqlalchemy.exc import DBAPIError

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.arguments import Found, find
from integration_center.cli.output import AsJson, Quiet, errors
from integration_center.cli.progress_display import Display, progress_shown
from integration_center.cli.sync_output import finish, name_days, read_troubles
from integration_center.console.report_notes import read_notes
from integration_center.database.engine import kept_open
from integration_center.database.sync_records import SyncRecord
from integration_center.database.system_failures import advise
from integration_center.database.touched import say_touched
from integration_center.errors import ConfigurationError
from integration_center.insights.source import last_full_day, parse_day
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.everywhere import list_assets
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import find_webserver, require_named
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.location.launching import run_here, wait_for
from integration_center.pipeline.names import FIRST_DAY, asset_keys, push_config, push_key, run_tags
from integration_center.pipeline.planned_events import TOGETHER
from integration_center.pipeline.runs.history import complete_log
from integration_center.pipeline.starting.catch_up import check_long_range
from integration_center.pipeline.steps.stopping import is_asked_to_end
from integration_center.remote import trust_certificates_soon
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.sample import sample_changes

logger = logging.getLogger(__name__)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The integration's folder.")]
Partition = Annotated[
    str | None,
    typer.Option(metavar="D", help="UTC day YYYY-MM-DD, or a range D1..D2; the last full UTC day when left out."),
]


def read_days(partition: str | None) -> tuple[date, date]:
    """The first and last day asked for.

    Raises:
        typer.BadParameter: it is no day and no range, or reaches beyond the days there can be.
    """
    newest = last_full_day(datetime.now(UTC))
    if partition is None:
        return newest, newest
    first, dots, last = partition.partition("..")
    try:
        days = parse_day(first), parse_day(last if dots else first)
    except ValueError:
        raise typer.BadParameter(
            f"partition {partition!r} must be a UTC day such as {newest}, or a range such as"
            f" {newest - timedelta(days=2)}..{newest}"
        ) from None
    if days[0] > days[1]:
        raise typer.BadParameter(f"partition {partition!r}: the first day is after the last")
    if days[0] < FIRST_DAY or days[1] > newest:
        hint = "; INTEGRATION_CENTER_FIRST_DAY in .env sets an earlier first day" if days[0] < FIRST_DAY else ""
        raise typer.BadParameter(
            f"partition {partition!r}: days go from {FIRST_DAY} to {newest}, the last UTC day that has ended{hint}"
        )
    return days


@dataclass(frozen=True)
class Launch:
    """A run to start from the command line.

    Attributes:
        slug: the integration whose line in the log is wanted.
        action: what the audit log says of it; `detail` likewise.
    """

    request: RunRequest
    slug: str
    environment: Environment | None
    action: Action
    detail: str


def launch(installation: Installation, loaded: Integrations, wanted: Launch, *, quiet: bool) -> SyncRecord:
    """Run the request where a Dagster of this home answers, else here, and return the sync's line in the log.

    Unless `quiet`, the progress of the run is shown meanwhile.
    """
    installation.stops.require_none()
    trust_certificates_soon()
    # Closed at the end, so that SQLite leaves no files beside the history.
    with open_instance(installation.settings, executes_runs=True) as instance:
        return launch_in(instance, installation, loaded, wanted, quiet=quiet)


def launch_in(
    instance: dg.DagsterInstance, installation: Installation, loaded: Integrations, wanted: Launch, *, quiet: bool
) -> SyncRecord:
    """Run the request with an open instance of Dagster; see `launch`."""
    specs = loaded.by_slug
    complete_log(instance, installation, specs)  # a run that was killed must not block this one
    webserver = find_webserver(installation.settings)
    require_named(installation.settings, webserver)
    if webserver is None:
        require_own_input(wanted, loaded.specs.get(wanted.slug))
    run_id = str(uuid4()) if webserver is None else webserver.launch(wanted.request)
    note_launch(installation, wanted, run_id)
    display = Display(lambda: installation.progress.read(run_id, wanted.slug))
    lost: DBAPIError | None = None
    with progress_shown(display, hidden=quiet):
        if webserver is None:
            display.is_stopping = is_asked_to_end
            os.environ |= {**TOGETHER, **os.environ}  # where Dagster asks for it
            lost = run_to_its_end(wanted, installation, instance, run_id)
        else:
            place = f"run {run_id} in {webserver.url}"

            def wait(state: dg.DagsterRunStatus) -> None:
                display.waits_for = f"{place}: {state.value.lower()}"

            wait_for(instance, run_id, wait)
    try:
        complete_log(instance, installation, specs, run_id=run_id)
    except DBAPIError as error:
        if lost is None:
            raise
        logger.debug("the log cannot be completed either: %s", type(error).__name__)
    if lost:
        why = advise(lost, installation.settings.dagster_home) or "its database refused that"
        errors.print(f"Dagster could not note the end of this run: {why}", markup=False, soft_wrap=True)
    sync = installation.syncs.get(run_id, wanted.slug)
    if sync is None:
        raise ConfigurationError(f"run {run_id} ended without a line in the log; see it in the Dagster UI")
    return sync


def run_to_its_end(
    wanted: Launch, installation: Installation, instance: dg.DagsterInstance, run_id: str
) -> DBAPIError | None:
    """Execute the run here. Return what kept Dagster from noting its end, if the sync itself has ended.

    Raises:
        DBAPIError: the sync has not ended, because Dagster's database failed.
    """
    try:
        run_here(wanted.request, installation.settings, instance, run_id)
    except DBAPIError as error:
        sync = installation.syncs.get(run_id, wanted.slug)
        if sync is None or sync.ended_at is None:
            raise
        return error
    return None


def require_own_input(wanted: Launch, spec: IntegrationSpec | None) -> None:
    """Check that this process can read what a run reads: it loads our definitions, and not those of another project.

    Raises:
        ConfigurationError: the run reads an asset, which only the code location of its project loads.
    """
    source = spec.source if spec else None
    if source is None or source.query is not None or wanted.request.days is None:
        return
    raise ConfigurationError(
        f"{wanted.slug} reads the asset {source.asset}, which only the Dagster of its project loads, and none answers."
        f" Start it there (dg dev), or launch the run there: dg launch --job {wanted.slug}"
        f" --partition {wanted.request.days[-1]}"
    )


def run_and_finish(
    installation: Installation, loaded: Integrations, wanted: Launch, *, as_json: bool, quiet: bool
) -> None:
    """Run the request, and print what was written; exit 1 when it failed."""
    sync = launch(installation, loaded, wanted, quiet=quiet or as_json)
    sample = read_sample(installation, sync, *WRITTEN)
    finish(sync, sample, troubles=read_troubles(installation, sync), as_json=as_json)


def read_sample(installation: Installation, sync: SyncRecord, *outcomes: Outcome) -> list[dict[str, Any]]:
    """Read a few changes from the ledger of a sync; none when it has no plan, or no line with such an outcome."""
    if not sync.plan_id or not any(sync.lines.get(outcome) for outcome in outcomes):
        return []
    with installation.ledgers.scanned(sync.run_id, sync.slug) as lines:
        return sample_changes(lines, *outcomes)


def note_launch(installation: Installation, wanted: Launch, run_id: str) -> None:
    """Note in the audit log that the operating-system user started a run."""
    installation.audit.record_command(
        wanted.action,
        environment=wanted.environment,
        slug=wanted.slug,
        detail=wanted.detail,
        run_id=run_id,
    )


def require_slug(context: typer.Context, value: str | None) -> str | None:
    """Ask for a slug, unless all integrations are planned.

    Raises:
        typer.BadParameter: neither is given, or both are.
    """
    everything = bool(context.params.get("everything"))
    if value is None and not everything:
        raise typer.BadParameter("Missing argument 'SLUG': name an integration, or say --all")
    if value is not None and everything:
        raise typer.BadParameter("name an integration, or say --all, not both")
    return value


def plan_integration(
    slug: Annotated[
        str | None, typer.Argument(metavar="SLUG", help="The integration's folder.", callback=require_slug)
    ] = None,
    partition: Partition = None,
    everything: Annotated[
        bool, typer.Option("--all", is_eager=True, help="Plan all integrations instead of one.")
    ] = False,
    changed_since: Annotated[
        str | None, typer.Option(metavar="REF", help="With --all: only those that differ from a commit of git.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="With --all: print counts and sums for a comment, without personal data.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make the update set, and show counts and a before/after sample. Nothing is written to Salesforce."""
    if slug is None:
        from integration_center.cli.plan_all import plan_all

        plan_all(read_days(partition), changed_since=changed_since, markdown=markdown, as_json=as_json)
        return
    if changed_since is not None or markdown:
        raise typer.BadParameter("--changed-since and --markdown go with --all")
    from integration_center.cli.firing import look_today, print_firing

    loaded, days = read_installed(), read_days(partition)
    with open_installation() as installation, kept_open(installation.engine):
        found = find(loaded, slug, installation)
        spec, assets = found.spec, list_planned(loaded, slug, found)
        request = RunRequest(slug, days, run_tags(slug, found.environment, COMMAND_LINE), assets)
        wanted = Launch(request, slug, found.environment, Action.PLANNED, name_days(days))
        if spec:
            check_long_range(installation, spec, days)
        sync = launch(installation, loaded, wanted, quiet=quiet or as_json)
        sample = read_sample(installation, sync, Outcome.PLANNED, Outcome.HELD)
        troubles, notes = read_troubles(installation, sync), read_notes(installation, sync, spec)
        firing = look_today(installation, spec) if spec else None
        touched = say_touched(installation.syncs, slug)
    if spec is not None and firing is not None and not as_json:
        print_firing(spec, firing, touched=touched, brief=True)
    fires = firing.to_json() if firing else None
    finish(sync, sample, troubles=troubles, notes=notes, as_json=as_json, fires=fires)


def list_planned(loaded: Integrations, slug: str, found: Found) -> tuple[dg.AssetKey, ...]:
    """List the assets of a run that only plans: all of the integration but its push.

    Raises:
        ConfigurationError: the integration's file is broken.
    """
    if found.elsewhere:
        return tuple(key for key in list_assets(found.elsewhere, slug) if key != push_key(slug))
    if found.spec is None:
        raise ConfigurationError(loaded.broken[slug])
    return tuple(asset_keys(slug, found.spec, push=False))


def run_integration(
    slug: Slug,
    partition: Partition = None,
    allow_stale: Annotated[
        bool, typer.Option("--allow-stale", help="Push a day older than the newest pushed.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the sync through Dagster, and show what became of the rows."""
    loaded, days = read_installed(), read_days(partition)
    said = f"{name_days(days)}, also when newer days were pushed" if allow_stale else name_days(days)
    with open_installation() as installation, kept_open(installation.engine):
        found = find(loaded, slug, installation)
        config = push_config(slug, allow_stale=allow_stale) if found.environment else None
        request = RunRequest(slug, days, run_tags(slug, found.environment, COMMAND_LINE), run_config=config)
        if found.spec:
            check_long_range(installation, found.spec, days)
        wanted = Launch(request, slug, found.environment, Action.RAN, said)
        sync = launch(installation, loaded, wanted, quiet=quiet or as_json)
        sample = read_sample(installation, sync, *WRITTEN)
        troubles, notes = read_troubles(installation, sync), read_notes(installation, sync, found.spec)
    finish(sync, sample, troubles=troubles, notes=notes, as_json=as_json)
