"""`alerts`: list what is wrong now, try the channels, and take the alert settings out of the database and in."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from integration_center.access.audit import Action
from integration_center.alerts.places import FILE_NAME, open_alerts, read_alert_settings, read_text
from integration_center.alerts.settings import parse_alert_settings
from integration_center.alerts.trying import try_channel
from integration_center.cli.output import AsJson, Column, console, errors, print_rows
from integration_center.database.incidents import Incidents
from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically, writing
from integration_center.installation import Installation, open_installation
from integration_center.wording.sentences import count


class Task(StrEnum):
    """A task of `alerts`."""

    TEST = "test"
    LIST = "list"
    IMPORT = "import"
    EXPORT = "export"


def manage_alerts(
    task: Annotated[
        Task,
        typer.Argument(
            metavar="test|list|import|export",
            help="Try each channel, list what is wrong now, or take the settings from a file or into one.",
        ),
    ],
    file: Annotated[Path, typer.Argument(help="import, export: the file, which holds secrets.", dir_okay=False)] = Path(
        FILE_NAME
    ),
    channel: Annotated[str | None, typer.Option(help="test: try this channel alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try the channels of alerts, list what is wrong, or replace the settings. A test message says so."""
    with open_installation() as installation:
        match task:
            case Task.LIST:
                list_incidents(installation, as_json=as_json)
            case Task.TEST:
                try_channels(installation, channel, as_json=as_json)
            case Task.IMPORT:
                import_settings(installation, file)
            case Task.EXPORT:
                export_settings(installation, file)


def try_channels(installation: Installation, channel: str | None, *, as_json: bool) -> None:
    """Send a message to each channel, or to one."""
    place = open_alerts(installation)
    settings = read_alert_settings(place)
    if settings is None or not settings.channels:
        raise ConfigurationError(f"{place.name}: there is no channel; see the how-to of the server admin")
    if channel is not None and channel not in settings.channels:
        raise ConfigurationError(f"{place.name}: no channel {channel!r}; there is {', '.join(settings.channels)}")
    if (file := place.open_file) is not None:
        errors.print(f"Other users may read {file}, which holds secrets. Run: chmod 600 {file.name}")
    rows = [try_channel(settings, name) for name in settings.channels if channel in (None, name)]
    columns = (Column("channel", "Channel"), Column("type", "Type"), Column("result", "Result"))
    print_rows(rows, columns, as_json=as_json, empty="")
    if any(row["result"] != "sent" for row in rows):
        raise typer.Exit(1)


def import_settings(installation: Installation, file: Path) -> None:
    """Put the settings of a file in place of those before."""
    try:
        text = read_text(file)
    except FileNotFoundError:
        raise ConfigurationError(f"there is no file {file}; give the one with the alert settings") from None
    channels = parse_alert_settings(text, str(file)).channels
    place = open_alerts(installation)
    place.write(text)
    detail = f"imported the alert settings: channels {', '.join(channels) or 'none'}"
    installation.audit.record_command(Action.CHANGED, detail=detail)
    console.print(f"Written to {place.name}: {count(len(channels), 'channel')}.", markup=False, soft_wrap=True)


def export_settings(installation: Installation, file: Path) -> None:
    """Write the settings into a new file, which only this user may read."""
    found = open_alerts(installation).read()
    if found is None:
        raise ConfigurationError("there are no alert settings yet; add a channel in the console")
    if file.exists():
        raise ConfigurationError(f"{file} is there already; name another file")
    with writing(file):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    write_atomically(file, found.text)
    console.print(f"{file} has {found.name}, with secrets.", markup=False, soft_wrap=True)


def list_incidents(installation: Installation, *, as_json: bool) -> None:
    """Print the open incidents."""
    store = Incidents(installation.engine)
    rows = [
        {
            "opened": incident.opened_at,
            "kind": incident.kind,
            "slug": incident.slug,
            "title": incident.content["title"],
            "text": incident.content["text"],
        }
        for incident in store.open()
    ]
    columns = (Column("opened", "Since (UTC)"), Column("title", "What"), Column("text", "Why"))
    print_rows(rows, columns, as_json=as_json, empty="Nothing is wrong.")
    for name, error in store.unsent():
        errors.print(f"Channel {name}: {error}; it is tried again.", markup=False)
