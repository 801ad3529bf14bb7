"""`doctor`: look at everything, and say what to do."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_center.alerts.message import clean
from integration_center.cli.history import write_private_bytes
from integration_center.cli.output import AsJson, console, print_json, show
from integration_center.cli.sync_output import describe
from integration_center.errors import IntegrationCenterError
from integration_center.installation import Installation, open_installation
from integration_center.pipeline.doctor.examination import examine
from integration_center.pipeline.doctor.findings import Checked, State, problem
from integration_center.pipeline.doctor.machine import check_versions
from integration_center.pipeline.judging import read_folder
from integration_center.settings import Settings, read_settings
from integration_center.store.home import prepare_home

COLOURS = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red"}
RUNS = 200
PRIVATE = {"owners", "where"}
"""Options of an integration that may hold names of people or values."""


def look_at_everything(
    bundle: Annotated[
        Path | None, typer.Option(help="Write what support needs to this zip file: no secrets, no personal data.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything, and say what to do about what is wrong.

    Settings, database, storage, disk, certificates, Dagster, schedules, reports, accounts, clock and alerts.
    """
    now = datetime.now(UTC)
    try:
        settings = read_settings()
        prepare_home(settings.dagster_home, on_server=settings.has_database_server)
        with open_installation(settings) as installation:
            found = list(examine(installation, now))
            if bundle is not None:
                write_private_bytes(bundle, build_bundle(installation, found), "--bundle")
    except IntegrationCenterError as error:
        found = [*check_versions(), problem("settings", f"{error}.", "Correct this first; nothing else was looked at.")]
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        print_found(found)
        if bundle is not None:
            console.print(f"Written to {bundle}", markup=False)
    if any(each.state is State.PROBLEM for each in found):
        raise typer.Exit(1)


def print_found(found: Sequence[Checked]) -> None:
    """Print what was found, and what to do."""
    for each in found:
        console.print(
            f"[{COLOURS[each.state]}]{each.state.value:8}[/] {each.area:13} {escape(each.text)}", soft_wrap=True
        )
        if each.advice:
            console.print(f"{'':23}{escape(each.advice)}", soft_wrap=True)
    wrong = sum(each.state is State.PROBLEM for each in found)
    console.print("Nothing is wrong." if not wrong else f"{wrong} problems.", style="bold")


def build_bundle(installation: Installation, found: Sequence[Checked]) -> bytes:
    """Build the zip file for support. Values of settings, keys, values of records and addresses are left out."""
    loaded = read_folder(installation.settings.defs)
    shapes = {
        slug: {**spec.model_dump(mode="json", exclude=PRIVATE), "left_out": sorted(PRIVATE)}
        for slug, spec in loaded.specs.items()
    }
    parts: dict[str, object] = {
        "doctor.json": [{**asdict(each), "text": clean(each.text)} for each in found],
        "settings.json": {field.alias: name in installation.settings.model_fields_set for name, field in FIELDS},
        "integrations.json": {"sound": shapes, "broken": {slug: clean(said) for slug, said in loaded.broken.items()}},
        "runs.json": [hide(describe(sync)) for sync in installation.syncs.history(limit=RUNS)],
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, json.dumps(content, default=show, indent=2))
    return file.getvalue()


def hide(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the log without the addresses that its sentences may hold."""
    return {name: clean(value) if isinstance(value, str) else value for name, value in row.items()}


FIELDS = sorted(Settings.model_fields.items())
