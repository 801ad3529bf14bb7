"""`edit`, `export`, `import` and `changes`: integrations as text, such as between git and the database."""

from collections import Counter
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from integration_center.access.audit import Action
from integration_center.cli.arguments import require
from integration_center.cli.output import AsJson, Column, console, errors, print_rows
from integration_center.console.differences import describe_changes
from integration_center.console.labels import Labels, make_readable
from integration_center.errors import ConfigurationError, EditedMeanwhile, ServiceUnavailable
from integration_center.files.text_files import write_atomically
from integration_center.installation import Installation, open_installation
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import FILE, DatabasePlace, open_place, require_changeable
from integration_center.integration_files.reading import DefsFile, DefsReader
from integration_center.pipeline.instance.webserver import find_webserver
from integration_center.pipeline.judging import judge_with_dagster, read_installed
from integration_center.settings.paths import resolve_folder
from integration_center.wording.plain_text import make_printable


def parse_folder(named: Path) -> Path:
    """Return an absolute path.

    Raises:
        BadParameter: it is not a folder's.
    """
    try:
        return resolve_folder(named)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Folder = Annotated[
    Path,
    typer.Argument(callback=parse_folder, help="A folder with one folder for each integration, such as a checkout."),
]


def edit_integration(slug: Annotated[str, typer.Argument(help="The integration.")]) -> None:
    """Edit the text of an integration in your editor. It is saved only if nobody else changed it meanwhile."""
    with open_installation() as installation:
        require_changeable(installation.settings)
        require(read_installed(installation.settings), slug)
        folder = open_folder(installation)
        file = folder.read(slug)
        text = file.text
        while True:
            edited = click.edit(text, extension=".yaml")
            if edited is None or edited == file.text:
                console.print("Nothing was changed.")
                return
            try:
                saved = folder.save_text(file, edited)
                break
            except EditedMeanwhile:
                raise
            except ConfigurationError as error:
                errors.print(make_printable(str(error)), markup=False, soft_wrap=True)
                if not typer.confirm("Edit it again?", default=True):
                    raise
                text = edited
        note(installation, saved, Action.CHANGED, before=file)
        console.print(f"{slug} is saved.", markup=False)
        reload_dagster(installation)


def export_integrations(folder: Folder) -> None:
    """Write all integrations into a folder, as `SLUG/defs.yaml`. Other files of the folder stay as they are."""
    with open_installation() as installation:
        files = open_folder(installation).list()
    written = 0
    for file in files:
        path = folder / file.slug / FILE
        if not path.exists() or path.read_bytes() != file.text.encode():
            write_atomically(path, file.text)
            written += 1
    console.print(f"{written} written, {len(files) - written} unchanged, in {folder}.", markup=False, soft_wrap=True)


def import_integrations(folder: Folder) -> None:
    """Take over all integrations of a folder, as `SLUG/defs.yaml`. Integrations that are not in it stay."""
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder; name one with SLUG/defs.yaml in it")
    with open_installation() as installation:
        require_changeable(installation.settings)
        done, refused = take_over_all(installation, open_folder(installation), folder)
        if not refused and not any(done.values()):
            raise ConfigurationError(f"{folder} holds no integration; name a folder with SLUG/defs.yaml in it")
        for slug, reason in refused.items():
            errors.print(make_printable(f"{slug}: {reason}"), markup=False, soft_wrap=True)
        if done["created"] or done["changed"]:
            reload_dagster(installation)
    console.print(f"{', '.join(f'{count} {word}' for word, count in done.items())}, {len(refused)} refused.")
    if refused:
        raise typer.Exit(1)


def list_changes(
    slug: Annotated[str, typer.Argument(help="The integration; it may be deleted by now.")], as_json: AsJson = False
) -> None:
    """List who changed an integration when, and what, where integrations are kept in the database."""
    with open_installation() as installation:
        place = open_place(installation.settings)
    if not isinstance(place, DatabasePlace):
        raise ConfigurationError(
            "integrations are kept in a folder here, which has no history of its own; ask git, or: integration-center"
            f" audit {slug}"
        )
    history = place.texts.list_history(slug)
    rows: list[dict[str, Any]] = []
    for change, before in zip(history, [*history[1:], None], strict=False):
        was, now = (before.text if before else None) or "", change.text or ""
        lines = list(unified_diff(was.splitlines(), now.splitlines(), "before", "after", lineterm="", n=1))
        action = "deleted" if change.text is None else "changed" if was else "created"
        row: dict[str, Any] = {
            "revision": change.number,
            "at": change.saved_at,
            "who": change.saved_by,
            "action": action,
        }
        rows.append(row | ({"before": was or None, "after": change.text} if as_json else {"diff": lines}))
    columns = (
        Column("revision", "Revision", right=True),
        Column("at", "At (UTC)"),
        Column("who", "Who"),
        Column("action", "What"),
    )
    print_rows(rows, columns, as_json=as_json, empty=f"The database has no integration {slug!r}, and never had one.")
    if not as_json:
        for row in rows:
            if row["action"] == "changed":
                console.print()
                console.print(f"Revision {row['revision']}", markup=False)
                for line in row["diff"][2:]:
                    console.print(make_printable(line), markup=False, highlight=False, soft_wrap=True)


def take_over_all(installation: Installation, target: DefsFolder, root: Path) -> tuple[Counter[str], dict[str, str]]:
    """Take over all integrations of a folder, each as soon as it fits what is there by then.

    One may need another, such as the one that it starts after, or one that gives up a field.

    Returns:
        How many were created, changed or unchanged; and why others were refused, by slug.
    """
    done, left = Counter({"created": 0, "changed": 0, "unchanged": 0}), DefsReader(root, judge_with_dagster).list()
    while True:
        refused: dict[str, str] = {}
        for file in left:
            try:
                done[take_over(installation, target, file)] += 1
            except ConfigurationError as error:
                refused[file.slug] = str(error)
        if len(refused) == len(left):
            return done, refused
        left = [file for file in left if file.slug in refused]


def take_over(installation: Installation, target: DefsFolder, file: DefsFile) -> str:
    """Take over one integration, and return what was done: created, changed or unchanged.

    Raises:
        ConfigurationError: it is broken, or may not be kept with the others.
    """
    if file.spec is None:
        raise ConfigurationError(f"it is broken: {file.problem}")
    known = {each.slug: each for each in target.list()}.get(file.slug)
    if known is not None and known.text == file.text:
        return "unchanged"
    if known is None:
        note(installation, target.create(file.spec, slug=file.slug, text=file.text), Action.CREATED)
        return "created"
    note(installation, target.save_text(known, file.text), Action.CHANGED, before=known)
    return "changed"


def open_folder(installation: Installation) -> DefsFolder:
    """Open the integrations of an installation."""
    return DefsFolder(open_place(installation.settings), judge_with_dagster)


def note(installation: Installation, file: DefsFile, action: Action, *, before: DefsFile | None = None) -> None:
    """Put a change into the audit log, with what it changed where both versions can be read."""
    changed = ""
    if before and before.spec and file.spec:
        changed = describe_changes(before.spec, file.spec, Labels(make_readable(file.spec.object)))
    installation.audit.record_command(
        action,
        environment=file.environment,
        slug=file.slug,
        detail=changed or None,
    )


def reload_dagster(installation: Installation) -> None:
    """Let a Dagster that runs read the integrations again."""
    webserver = find_webserver(installation.settings)
    if webserver is None:
        console.print("Dagster does not run just now; it takes this over when it starts.")
        return
    try:
        webserver.reload()
    except (ConfigurationError, ServiceUnavailable) as error:
        errors.print(f"But Dagster did not take it over: {error}", markup=False, soft_wrap=True)
