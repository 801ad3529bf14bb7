"""`why`: why a record says what it says."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_center.cli.output import MOST_LINES, AsJson, console, print_json, show
from integration_center.installation import open_installation
from integration_center.pipeline.runs.record_history import MOST, Entry, History, find_history
from integration_center.store.ledger_search import read_question
from integration_center.wording.sentences import count


def explain_record(
    what: Annotated[
        str, typer.Argument(metavar="KEY", help="A key such as an e-mail address, a record's Id, or the link to it.")
    ],
    slug: Annotated[str | None, typer.Option(help="Only what this integration wrote.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many runs to show, the newest first.")] = MOST,
    as_json: AsJson = False,
) -> None:
    """Why a record says what it says: value, run, row, value before. Of the last 90 days."""
    if not what.strip():
        raise typer.BadParameter("name a key, such as an e-mail address, or a record's Id", param_hint="KEY")
    with open_installation() as installation:
        found = find_history(installation, read_question(what), slug=slug, most=limit)
    if as_json:
        print_json(describe(found))
    else:
        print_history(found)


def describe(found: History) -> dict[str, Any]:
    """The history for programs."""
    return {
        "searched": found.searched,
        "entries": [describe_entry(entry) for entry in found.entries],
        "quiet": [
            {"slug": slug, "outcome": outcome, "runs": runs} for (slug, outcome), runs in sorted(found.quiet.items())
        ],
        "left_out": found.left_out,
    }


def describe_entry(entry: Entry) -> dict[str, Any]:
    """One run for programs."""
    sync = entry.sync
    return {
        "run_id": sync.run_id,
        "slug": sync.slug,
        "environment": sync.environment.value if sync.environment else None,
        "object": sync.object,
        "report": sync.report,
        "day": entry.day,
        "row": entry.row,
        **({"file": entry.file} if entry.file else {}),
        "key": entry.key,
        "record_id": entry.record_id,
        "at": sync.started_at,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "who": entry.who,
        "triggered_by": sync.triggered_by,
        "changes": [asdict(change) for change in entry.changes],
    }


def print_history(found: History) -> None:
    """The history for people."""
    for entry in found.entries:
        sync = entry.sync
        console.print(
            f"[bold]{show(sync.started_at)}[/]  {escape(sync.slug)}  {entry.outcome}  run {sync.run_id}", soft_wrap=True
        )
        place = f"{entry.place}; {sync.object} {entry.record_id or ''}; {entry.who}"
        console.print(f"  {escape(show(place))}", soft_wrap=True)
        if entry.reason:
            console.print(f"  {escape(show(entry.reason))}", soft_wrap=True)
        for change in entry.changes:
            before, after = (escape(show(value)) or "(empty)" for value in (change.before, change.after))
            held = f"  changed by the org to {escape(show(change.holds))}" if change.holds is not None else ""
            console.print(f"  {change.field}: {before} → {after}{held}", soft_wrap=True)
    for (slug, outcome), runs in sorted(found.quiet.items()):
        console.print(f"{escape(slug)}: {outcome} in {count(runs, 'run')}")
    if not found.entries and not found.quiet:
        searched = count(found.searched, "ledger was", "ledgers were")
        console.print(f"Nothing is known of it: {searched} searched.")
    elif found.left_out:
        console.print(f"… and {found.left_out:,} older ones; --limit shows more")
