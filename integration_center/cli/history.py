"""`log` and `ledger`: past syncs, and what became of every row."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from integration_center.cli.arguments import require
from integration_center.cli.output import MOST_LINES, AsJson, Column, console, print_json, print_rows, write_private
from integration_center.cli.sync_output import describe, describe_wait
from integration_center.database.sync_records import RETRY_OF, UNDO_OF, SyncRecord
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation, open_installation
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.runs.unlogged_runs import log_ended_runs
from integration_center.sync.outcome_words import say_counts
from integration_center.sync.outcomes import Outcome
from integration_center.wording.sentences import count

NAMED = 5
"""Syncs that an error names, when a run id fits several."""
SHOWN = 8
"""How many characters of a run id are shown."""
RUN_ID = re.compile(r"[A-Za-z0-9-]{1,36}")


def show_log(
    slug: Annotated[str | None, typer.Argument(help="One integration; all when left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many lines, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The history of syncs: Completed or Failed, with the counts."""
    loaded = read_installed()
    with open_installation() as installation:
        log_ended_runs(installation, loaded.by_slug)
        waits = installation.waiting.list(datetime.now(UTC), slug)
        rows = [describe_wait(wait, loaded.specs[wait.slug]) for wait in waits if wait.slug in loaded.specs]
        rows += [describe(sync) for sync in installation.syncs.history(slug, limit=limit)]
    if slug is not None and not rows:  # one that was deleted has its lines still
        require(loaded, slug)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["counts"] = say_counts(row["rows"], refused=row["refused"])
        row["seconds"] = f"{row['runtime_seconds']:.1f}" if row["runtime_seconds"] is not None else None
        row["run"] = (row["run_id"] or "")[:SHOWN]
        for begin in (UNDO_OF, RETRY_OF):
            if row["triggered_by"].startswith(begin):
                row["slug"] += f" ({row['triggered_by'][: len(begin) + 8]})"
    columns = (
        Column("start", "Start (UTC)"),
        Column("slug", "Integration"),
        Column("partition", "Day"),
        Column("status", "Status"),
        Column("seconds", "Seconds", right=True),
        Column("counts", "Records"),
        Column("run", "Run"),
        Column("error", "Reason"),
    )
    print_rows(rows, columns, as_json=False, empty="Nothing ran yet.")


def show_ledger(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id of `log`, or its first characters.")],
    slug: Annotated[str | None, typer.Option(help="Needed when the run carried several integrations.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only lines of this outcome.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Only lines with this key, in any case. Shows the rows behind a value, too.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the lines to this CSV file instead.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many lines to print.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What became of every row of one sync, and why. Rows are counted as a spreadsheet counts those of the file."""
    import polars as pl  # a third of a second, which `log` need not wait for

    from integration_center.sync.columns import FILE, SOURCE_ROWS
    from integration_center.sync.failures import FAILING_SINCE
    from integration_center.sync.ledger import find_key, to_csv_safe
    from integration_center.sync.row_numbers import count_as_spreadsheet

    with open_installation() as installation:
        sync = find_sync(installation, run, slug)
        lines = installation.ledgers.read(sync.run_id, sync.slug)
    if outcome is not None:
        lines = lines.filter(pl.col("outcome") == outcome)
    if key is not None:
        lines = find_key(lines, key)
    lines = count_as_spreadsheet(lines)
    flat = to_csv_safe(lines)
    if csv is not None:
        write_private(csv, flat.write_csv(), "--csv")
        console.print(f"{count(flat.height, 'line')} written to {csv}", markup=False)
        return
    shown = ["row", "key", "record_id", "outcome", "reason", "code", "error_fields"]
    if SOURCE_ROWS in lines.columns:
        shown.insert(3, SOURCE_ROWS)
    if FILE in lines.columns:
        shown.insert(1, FILE)
    if FAILING_SINCE in lines.columns:
        shown.append(FAILING_SINCE)
    rows = (lines if as_json else lines.head(limit)).to_dicts()
    print_rows(
        rows,
        [Column(name, name.replace("_", " ").capitalize()) for name in shown],
        as_json=as_json,
        empty="No such line.",
    )
    if not as_json and lines.height > limit:
        console.print(f"… and {lines.height - limit:,} more; --csv FILE writes them all", markup=False)


def find_sync(installation: Installation, run: str, slug: str | None) -> SyncRecord:
    """The one sync that a run id, or its beginning, names.

    Raises:
        typer.BadParameter: this is no run id.
        ConfigurationError: none or several.
    """
    is_run_id = RUN_ID.fullmatch(run) is not None
    found = [sync for sync in installation.syncs.of_run(run) if slug in (None, sync.slug)] if is_run_id else []
    if len(found) == 1:
        return found[0]
    if not found and (newest := installation.syncs.latest([run], 1).get(run)):
        raise ConfigurationError(
            f"{run!r} is an integration; name a run of it, the newest is {newest[0].run_id[:SHOWN]}",
            command=f"`integration-center log {run}` lists them",
        )
    if not is_run_id:
        raise typer.BadParameter(
            "a run id has up to 36 letters, digits and hyphens; `integration-center log` lists them"
        )
    if not found:
        raise ConfigurationError(f"there is no run {run!r}; `integration-center log` lists them")
    named = ", ".join(f"{sync.run_id} {sync.slug}" for sync in found[:NAMED])
    raise ConfigurationError(
        f"run {run!r} names {len(found)} syncs: {named}{', …' if len(found) > NAMED else ''};"
        " give more of the id, or --slug"
    )
