"""`plan --all`: plan all integrations, or those that a branch changed, and write the comment of a pull request."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.output import console, print_json
from integration_center.cli.runs import Launch, launch
from integration_center.cli.sync_output import describe, name_days, print_result
from integration_center.console.report_notes import read_notes
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.installation import Installation, open_installation
from integration_center.integration_files.integrations import Integrations
from integration_center.integration_files.places import find_folder, name_folder
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.judging import read_folder
from integration_center.pipeline.names import asset_keys, run_tags
from integration_center.settings import read_paths
from integration_center.sync.change_summary import FieldChange, sum_up_changes
from integration_center.sync.outcomes import Outcome
from integration_center.wording.markdown import escape_markdown


@dataclass(frozen=True)
class Planned:
    """The plan of one integration, or why there is none.

    Attributes:
        slug: of the integration.
        sync: its line in the log; None where no plan could be made.
        problem: why there is no plan, or why it is held.
        changes: what would change, field by field.
        notes: what was found about the report.
    """

    slug: str
    sync: SyncRecord | None
    problem: str | None
    changes: Sequence[FieldChange] = ()
    notes: Sequence[str] = ()


def plan_all(days: tuple[date, date], *, changed_since: str | None, markdown: bool, as_json: bool) -> None:
    """Plan all integrations, or those changed since a commit, and print it; exit 1 when one has no sound plan.

    Raises:
        ConfigurationError: git does not know the commit, or the integrations are not kept in git.
    """
    paths = read_paths()
    if changed_since is not None and paths.defs_in_database:
        raise ConfigurationError(
            "--changed-since compares with git, and integrations are kept in the database here; leave it out, or set"
            " INTEGRATION_CENTER_DEFS to the folder of a checkout"
        )
    root = find_folder(paths)
    loaded = read_folder(root)
    slugs = loaded.slugs
    if changed_since is not None:
        changed = find_changed(root, changed_since)
        slugs = [slug for slug in slugs if name_folder(slug, loaded.specs.get(slug)) in changed]
    with open_installation() as installation:
        planned = [plan_one(installation, loaded, slug, days) for slug in slugs]
    # A comment is read by people who do not know this machine.
    planned = [replace(each, problem=each.problem and each.problem.replace(f"{root}/", "")) for each in planned]
    if as_json:
        print_json([show_json(each) for each in planned])
    elif markdown:
        typer.echo(write_markdown(planned, days))
    else:
        for each in planned:
            if each.sync:
                print_result(each.sync, [], notes=each.notes)
            else:
                console.print(f"{each.slug}: {each.problem}", markup=False, soft_wrap=True)
        if not planned:
            console.print("No integration changed.")
    if any(each.problem for each in planned):
        raise typer.Exit(1)


def find_changed(root: Path, ref: str) -> set[str]:
    """Find the folders of integrations that were changed or added since a commit, also where nothing is committed yet.

    Raises:
        ConfigurationError: the folder is in no repository, git is not installed, or there is no such commit.
    """
    if ref.startswith("-"):
        raise ConfigurationError(f"--changed-since {ref!r} is no commit; name one such as origin/main")
    changed = ask_git(root, "diff", "--name-only", "-z", "--relative", f"{ref}^{{commit}}", "--", ".")
    added = ask_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return {path.partition("/")[0] for path in [*changed, *added] if "/" in path}


def ask_git(root: Path, *arguments: str) -> list[str]:
    """Ask git for paths.

    Raises:
        ConfigurationError: git does not answer; its own first line says why.
    """
    command = ("git", "-C", str(root), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    except OSError as error:
        raise ConfigurationError(f"--changed-since needs git, which cannot be started: {error.strerror}") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git gave no reason"])[0]
        raise ConfigurationError(f"{root}: git cannot tell what changed: {reason}")
    return [path for path in done.stdout.split("\0") if path]


def plan_one(installation: Installation, loaded: Integrations, slug: str, days: tuple[date, date]) -> Planned:
    """Plan one integration. An error of it stops no other."""
    spec = loaded.specs.get(slug)
    if spec is None:
        return Planned(slug, None, loaded.broken[slug])
    assets = tuple(asset_keys(slug, spec, push=False))
    request = RunRequest(slug, days, run_tags(slug, spec.environment, COMMAND_LINE), assets)
    wanted = Launch(request, slug, spec.environment, Action.PLANNED, name_days(days))
    try:
        sync = launch(installation, loaded, wanted, quiet=True)
        if not sync.plan_id:
            return Planned(slug, sync, sync.error or "no plan was made")
        with installation.ledgers.scanned(sync.run_id, slug) as lines:
            changes = sum_up_changes(lines, (Outcome.PLANNED, Outcome.HELD))
        notes = read_notes(installation, sync, spec)
    except IntegrationCenterError as error:
        return Planned(slug, None, str(error))
    return Planned(slug, sync, sync.error if sync.status is SyncStatus.FAILED else None, changes, notes)


def show_json(planned: Planned) -> dict[str, Any]:
    """Return a plan as values for JSON."""
    said = describe(planned.sync) if planned.sync else {"slug": planned.slug}
    return {
        **said,
        "problem": planned.problem,
        "changes": [vars(change) for change in planned.changes],
        "notes": [*planned.notes],
    }


def write_markdown(planned: Sequence[Planned], days: tuple[date, date]) -> str:
    """Write the plans as a comment: counts and sums, and no key, name or text of anybody."""
    if not planned:
        return "### Integration Center\n\nNo integration changed."
    parts = [f"### Integration Center: what would be written for {name_days(days)}"]
    for each in planned:
        sync = each.sync
        where = f": {sync.report} → {sync.object} in {sync.environment}" if sync else ""
        parts.append(f"#### {'❌ ' if each.problem else ''}{escape_markdown(each.slug + where)}")
        if each.problem:
            parts.append(f"> {escape_markdown(each.problem)}")
        if sync and (lines := sync.lines):
            counts = [f"| {outcome} | {lines[outcome]:,} |" for outcome in Outcome if lines.get(outcome, 0)]
            parts.append("\n".join(["| outcome | lines |", "| --- | ---: |", *counts]))
        if each.changes:
            parts.append("\n".join([*CHANGES_HEAD, *map(write_change, each.changes)]))
    return "\n\n".join(parts)


CHANGES_HEAD = (
    "| field | records changed | empty before | cleared | before | after |",
    "| --- | ---: | ---: | ---: | --- | --- |",
)


def write_change(change: FieldChange) -> str:
    """Write one row of the table of fields."""
    numbers = " | ".join(f"{number:,}" for number in (change.changed, change.filled, change.cleared))
    return f"| `{change.field}` | {numbers} | {change.before or 'text'} | {change.after or 'text'} |"
