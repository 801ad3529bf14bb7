"""`plan`, `run`, `log`, `ledger`: syncs and what became of every row."""

import getpass
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import polars as pl
import typer
from rich.markup import escape

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.output import AsJson, Column, console, print_json, print_rows
from integration_center.cli.sync_output import describe, finish, name_days
from integration_center.database.sync_records import SyncRecord
from integration_center.errors import ConfigurationError
from integration_center.insights.source import last_full_day, parse_day
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.catch_up import check_long_range
from integration_center.pipeline.dagster_storage import open_instance
from integration_center.pipeline.history import complete_log
from integration_center.pipeline.judging import read_folder
from integration_center.pipeline.launching import run_here, wait_for
from integration_center.pipeline.names import FIRST_DAY, push_config, push_key, run_tags
from integration_center.pipeline.run_request import RunRequest
from integration_center.pipeline.schedules import asset_keys
from integration_center.pipeline.webserver import find_webserver
from integration_center.settings import read_paths
from integration_center.sync.ledger import to_csv_safe
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.sample import sample_changes
from integration_center.wording.plain_text import make_lines_printable, make_printable

MOST_LINES = 1_000_000
"""What `--limit` may say."""
NAMED = 5
"""Syncs that an error names, when a run id fits several."""
RUN_ID = re.compile(r"[A-Za-z0-9-]{1,36}")

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
        raise typer.BadParameter(
            f"partition {partition!r}: days go from {FIRST_DAY} to {newest}, the last UTC day that has ended"
        )
    return days


def require(loaded: Integrations, slug: str) -> None:
    """Check that there is such an integration.

    Raises:
        typer.BadParameter: there is none.
    """
    known = loaded.slugs
    if slug not in known:
        raise typer.BadParameter(
            make_printable(f"there is no integration {slug!r}; there are {', '.join(known) or 'none'}")
        )


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


def launch(installation: Installation, loaded: Integrations, wanted: Launch) -> SyncRecord:
    """Run the request where a Dagster of this home answers, else here; the sync's line in the log."""
    instance = open_instance(installation.settings)
    specs = loaded.by_slug
    complete_log(instance, installation, specs)  # a run that was killed must not stand in the way of this one
    webserver = find_webserver(installation.settings)
    if webserver is None:
        run_id = str(uuid4())
        note_launch(installation, wanted, run_id)
        run_here(wanted.request, installation.settings, instance, run_id)
    else:
        run_id = webserver.launch(wanted.request)
        note_launch(installation, wanted, run_id)
        with console.status(escape(f"run {run_id} in {webserver.url}")) as status:
            wait_for(instance, run_id, lambda state: status.update(f"run {run_id}: {state.value.lower()}"))
    complete_log(instance, installation, specs)
    sync = installation.syncs.get(run_id, wanted.slug)
    if sync is None:
        raise ConfigurationError(f"run {run_id} ended without a line in the log; see it in the Dagster UI")
    return sync


def note_launch(installation: Installation, wanted: Launch, run_id: str) -> None:
    """Note in the audit log that the operating-system user started a run."""
    installation.audit.record(
        wanted.action,
        who=getpass.getuser(),
        where=COMMAND_LINE,
        environment=wanted.environment,
        slug=wanted.slug,
        detail=wanted.detail,
        run_id=run_id,
    )


def plan_integration(slug: Slug, partition: Partition = None, as_json: AsJson = False) -> None:
    """Make the update set, and show counts and a before/after sample. Nothing is written to Salesforce."""
    loaded = read_folder(read_paths().defs)
    require(loaded, slug)
    spec = loaded.specs.get(slug)
    if spec is None:
        raise ConfigurationError(loaded.broken[slug])
    assets = tuple(key for key in asset_keys(slug, spec) if key != push_key(slug))
    days = read_days(partition)
    request = RunRequest(slug, days, run_tags(slug, spec.environment, COMMAND_LINE), assets)
    wanted = Launch(request, slug, spec.environment, Action.PLANNED, name_days(days))
    with open_installation() as installation:
        check_long_range(installation, spec, days)
        sync = launch(installation, loaded, wanted)
        sample = (
            sample_changes(installation.ledgers.read(sync.run_id, slug), Outcome.PLANNED, Outcome.HELD)
            if sync.plan_id
            else []
        )
    finish(sync, sample, as_json=as_json)


def run_integration(
    slug: Slug,
    partition: Partition = None,
    allow_stale: Annotated[
        bool, typer.Option("--allow-stale", help="Push a day older than the newest pushed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the sync through Dagster, and show what became of the rows."""
    loaded = read_folder(read_paths().defs)
    require(loaded, slug)
    spec = loaded.specs.get(slug)
    config = push_config(slug, allow_stale=allow_stale) if spec else None
    environment, days = spec.environment if spec else None, read_days(partition)
    request = RunRequest(slug, days, run_tags(slug, environment, COMMAND_LINE), run_config=config)
    said = f"{name_days(days)}, also when newer days were pushed" if allow_stale else name_days(days)
    with open_installation() as installation:
        if spec:
            check_long_range(installation, spec, days)
        sync = launch(installation, loaded, Launch(request, slug, environment, Action.RAN, said))
        sample = sample_changes(installation.ledgers.read(sync.run_id, slug), *WRITTEN) if sync.plan_id else []
    finish(sync, sample, as_json=as_json)


def show_log(
    slug: Annotated[str | None, typer.Argument(help="One integration; all when left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many lines, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The history of syncs: Completed or Failed, with the counts."""
    loaded = read_folder(read_paths().defs)
    with open_installation() as installation:
        instance = open_instance(installation.settings)
        complete_log(instance, installation, loaded.by_slug)
        rows = [describe(sync) for sync in installation.syncs.history(slug, limit=limit)]
    if slug is not None and not rows:  # one that was deleted has its lines still
        require(loaded, slug)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["counts"] = ", ".join(f"{count:,} {outcome}" for outcome, count in row["rows"].items() if count)
        row["seconds"] = f"{row['runtime_seconds']:.1f}" if row["runtime_seconds"] is not None else None
        row["run"] = row["run_id"][:8]
        if row["triggered_by"].startswith("undo of "):
            row["slug"] += f" ({row['triggered_by'][: len('undo of ') + 8]})"
    columns = (
        Column("start", "Start (UTC)"),
        Column("slug", "Integration"),
        Column("partition", "Day"),
        Column("status", "Status"),
        Column("seconds", "Seconds", right=True),
        Column("counts", "Rows by outcome"),
        Column("run", "Run"),
        Column("error", "Reason"),
    )
    print_rows(rows, columns, as_json=False, empty="Nothing ran yet.")


def show_ledger(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id of `log`, or its first characters.")],
    slug: Annotated[str | None, typer.Option(help="Needed when the run carried several integrations.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only lines of this outcome.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the lines to this CSV file instead.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many lines to print.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What became of every row of one sync, and why."""
    with open_installation() as installation:
        sync = find_sync(installation, run, slug)
        lines = installation.ledgers.read(sync.run_id, sync.slug)
    if outcome is not None:
        lines = lines.filter(pl.col("outcome") == outcome)
    flat = to_csv_safe(lines)
    if csv is not None:
        write_private(csv, flat.write_csv())
        console.print(f"{flat.height:,} lines written to {csv}", markup=False)
        return
    shown = ("row", "key", "record_id", "outcome", "reason", "code", "error_fields")
    rows = (lines if as_json else lines.head(limit)).to_dicts()
    print_rows(
        rows,
        [Column(name, name.replace("_", " ").capitalize()) for name in shown],
        as_json=as_json,
        empty="No such line.",
    )
    if not as_json and lines.height > limit:
        console.print(f"… and {lines.height - limit:,} more; --csv FILE writes them all", markup=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: a ledger holds personal data.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    # Without waiting: opening a pipe that nobody reads would last for ever.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            os.set_blocking(file.fileno(), True)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)  # a file that was there would keep its mode
            # /dev/stdout of a terminal would obey control characters of a key
            file.write(make_lines_printable(text) if file.isatty() else text)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigurationError(f"--csv {path} cannot be written: {reason or error}; name another file") from None


def find_sync(installation: Installation, run: str, slug: str | None) -> SyncRecord:
    """The one sync that a run id, or its beginning, names.

    Raises:
        typer.BadParameter: this is no run id.
        ConfigurationError: none or several.
    """
    if not RUN_ID.fullmatch(run):
        raise typer.BadParameter(
            "a run id has up to 36 letters, digits and hyphens; `integration-center log` lists them"
        )
    found = [sync for sync in installation.syncs.of_run(run) if slug in (None, sync.slug)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(f"no sync of run {run!r}; `integration-center log` lists them")
    named = ", ".join(f"{sync.run_id} {sync.slug}" for sync in found[:NAMED])
    raise ConfigurationError(
        f"run {run!r} names {len(found)} syncs: {named}{', …' if len(found) > NAMED else ''};"
        " give more of the id, or --slug"
    )


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("plan")(plan_integration)
    app.command("run")(run_integration)
    app.command("log")(show_log)
    app.command("ledger")(show_ledger)
