"""`alerts`: list what is wrong now, and try the channels of alerts.yaml."""

from enum import StrEnum
from typing import Annotated

import typer

from integration_center.alerts.settings import FILE_NAME, read_alert_settings
from integration_center.alerts.trying import is_open_to_others, try_channel
from integration_center.cli.output import AsJson, Column, errors, print_rows
from integration_center.database.incidents import Incidents
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.settings import read_settings


class Task(StrEnum):
    """A task of `alerts`."""

    TEST = "test"
    LIST = "list"


def manage_alerts(
    task: Annotated[Task, typer.Argument(metavar="test|list", help="Try each channel, or list what is wrong now.")],
    channel: Annotated[str | None, typer.Option(help="Try this channel of alerts.yaml alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try the channels of alerts.yaml, or list what is wrong. A message to each channel says that it is a test."""
    if task is Task.LIST:
        list_incidents(as_json=as_json)
        return
    home = read_settings().dagster_home
    settings = read_alert_settings(home)
    if settings is None or not settings.channels:
        raise ConfigurationError(f"{home / FILE_NAME} names no channel; see the how-to of the server admin")
    if channel is not None and channel not in settings.channels:
        raise ConfigurationError(
            f"{home / FILE_NAME} has no channel {channel!r}; it has {', '.join(settings.channels)}"
        )
    if is_open_to_others(home / FILE_NAME):
        errors.print(f"Other users may read {home / FILE_NAME}, which holds secrets. Run: chmod 600 {FILE_NAME}")
    rows = [try_channel(settings, name) for name in settings.channels if channel in (None, name)]
    columns = (Column("channel", "Channel"), Column("type", "Type"), Column("result", "Result"))
    print_rows(rows, columns, as_json=as_json, empty="")
    if any(row["result"] != "sent" for row in rows):
        raise typer.Exit(1)


def list_incidents(*, as_json: bool) -> None:
    """Print the open incidents."""
    with open_installation() as installation:
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
        unsent = store.unsent()
    columns = (Column("opened", "Since (UTC)"), Column("title", "What"), Column("text", "Why"))
    print_rows(rows, columns, as_json=as_json, empty="Nothing is wrong.")
    for name, error in unsent:
        errors.print(f"Channel {name}: {error}; it is tried again.", markup=False)
