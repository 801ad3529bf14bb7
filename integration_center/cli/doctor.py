"""`doctor`: look at everything, and say what to do."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from integration_center.cli.output import AsJson, console, print_json, write_private
from integration_center.errors import IntegrationCenterError
from integration_center.installation import open_installation
from integration_center.pipeline.doctor.bundle import build_bundle
from integration_center.pipeline.doctor.examination import examine
from integration_center.pipeline.doctor.findings import Checked, State, problem
from integration_center.pipeline.doctor.machine import check_versions
from integration_center.settings import read_settings
from integration_center.store.home import prepare_home
from integration_center.wording.sentences import count

COLOURS = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red"}


def look_at_everything(
    bundle: Annotated[
        Path | None, typer.Option(help="Write what support needs to this zip file: no secrets, no personal data.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything, and say what to do about what is wrong.

    Settings, database, storage, disk, certificates, Dagster, schedules, reports, accounts, clock and alerts.
    """
    now, written = datetime.now(UTC), False
    try:
        settings = read_settings()
        prepare_home(settings.dagster_home, on_server=settings.has_database_server)
        with open_installation(settings) as installation:
            found = list(examine(installation, now))
            if bundle is not None:
                write_private(bundle, build_bundle(installation, found), "--bundle")
                written = True
    except IntegrationCenterError as error:
        found = [*check_versions(), problem("settings", f"{error}.", "Correct this first; nothing else was looked at.")]
    if as_json:
        print_json([each.as_dict() for each in found])
    else:
        print_found(found)
        if written:
            console.print(f"Written to {bundle}", markup=False)
    if any(each.state is State.PROBLEM for each in found):
        raise typer.Exit(1)


def print_found(found: Sequence[Checked]) -> None:
    """Print what was found, and what to do."""
    for each in found:
        console.print(
            f"[{COLOURS[each.state]}]{each.state.value:8}[/] {each.area:13} {escape(each.text)}", soft_wrap=True
        )
        if each.remedy:
            console.print(f"{'':23}{escape(each.remedy)}", soft_wrap=True)
    wrong = sum(each.state is State.PROBLEM for each in found)
    console.print("Nothing is wrong." if not wrong else f"{count(wrong, 'problem')}.", style="bold")
