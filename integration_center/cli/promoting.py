"""`promote`: take an integration to a production account, and switch it on after its plan was seen."""

import getpass
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.arguments import read_environment, require
from integration_center.cli.output import AsJson, Quiet, ask, console, print_json
from integration_center.cli.runs import Launch, launch, read_sample
from integration_center.cli.sync_output import describe, name_days, print_result
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError
from integration_center.insights.source import last_full_day
from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import Environment
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import open_place
from integration_center.integration_files.reading import DefsFile
from integration_center.pipeline.administration.promoting import (
    Comparison,
    compare,
    find_promoted,
    switch_on,
    write_promoted,
)
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.instance.webserver import find_webserver
from integration_center.pipeline.judging import judge_with_dagster, read_installed
from integration_center.pipeline.names import asset_keys, run_tags
from integration_center.sync.outcomes import Outcome


def promote_integration(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An integration in Sandbox.")],
    seen: Annotated[
        str | None, typer.Option("--switch-on", metavar="RUN", help="Switch it on: you have seen the plan of this run.")
    ] = None,
    target: Annotated[
        Environment,
        typer.Option("--to", metavar="ENV", help="The production account to take it to.", parser=read_environment),
    ] = Environment.PRODUCTION,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare Sandbox with Production, copy the integration there switched off, and plan it. Nothing is written there.

    It is switched on when somebody who has seen that plan says so: on the terminal, or with --switch-on RUN.
    """
    with open_installation() as installation:
        folder = DefsFolder(open_place(installation.settings), judge_with_dagster)
        require(read_installed(installation.settings), slug)
        file = folder.read(slug)
        if file.spec is None:
            raise ConfigurationError(f"{slug} is broken: {file.problem}; correct it first")
        if seen is not None:
            promoted = find_promoted(folder, file.spec, target)
            if promoted is None:
                raise ConfigurationError(f"{slug} has no copy in {target.title} yet; run: {say_command(slug, target)}")
            confirm(installation, folder, promoted, seen)
            return
        comparison = compare(installation, file.spec, target)
        if not as_json:
            print_differences(comparison, file.spec.environment, target)
        if comparison.blocking:
            if as_json:
                print_json({"differences": [asdict(each) for each in comparison.differences], "plan": None})
            raise typer.Exit(1)
        promoted = write_promoted(folder, file, target)
        sync = make_plan(installation, promoted, quiet=quiet or as_json)
        sample = read_sample(installation, sync, Outcome.PLANNED, Outcome.HELD)
        if as_json:
            differences = [asdict(each) for each in comparison.differences]
            print_json({"differences": differences, "slug": promoted.slug, "plan": describe(sync) | {"sample": sample}})
        else:
            print_result(sync, sample)
        if sync.status is not SyncStatus.PLANNED:
            raise typer.Exit(1)
        if as_json or not sys.stdin.isatty():
            if not as_json:
                said = f"{promoted.slug} is switched off. To switch it on: {say_command(slug, target)}"
                console.print(f"{said} --switch-on {sync.run_id}", markup=False, soft_wrap=True)
        elif ask(f"Switch {promoted.slug} on in {target.title}? Type yes").strip().lower() == "yes":
            confirm(installation, folder, promoted, sync.run_id)
        else:
            console.print(f"{promoted.slug} stays switched off.", markup=False)


def say_command(slug: str, target: Environment) -> str:
    """The command that promotes an integration to an account."""
    to = "" if target is Environment.PRODUCTION else f" --to {target.value}"
    return f"integration-center promote {slug}{to}"


def print_differences(comparison: Comparison, here: Environment, target: Environment) -> None:
    """Print each difference, and whether it stops the integration."""
    if not comparison.differences:
        said = f"{target.title} has the same fields as {here.title}, as far as this integration uses them."
        console.print(said, markup=False)
    for each in comparison.differences:
        console.print(f"{'Stops it' if each.blocking else 'Differs'}: {each.sentence}", markup=False, soft_wrap=True)


def make_plan(installation: Installation, file: DefsFile, *, quiet: bool) -> SyncRecord:
    """Plan the newest day of the copy in its account."""
    if file.spec is None:
        raise ConfigurationError(f"{file.slug} is broken: {file.problem}")
    if webserver := find_webserver(installation.settings):
        webserver.reload()  # it does not know the copy yet
    day = last_full_day(datetime.now(UTC))
    assets = tuple(asset_keys(file.slug, file.spec, push=False))
    request = RunRequest(file.slug, (day, day), run_tags(file.slug, file.spec.environment, COMMAND_LINE), assets)
    wanted = Launch(request, file.slug, file.spec.environment, Action.PLANNED, name_days((day, day)))
    return launch(installation, read_installed(installation.settings), wanted, quiet=quiet)


def confirm(installation: Installation, folder: DefsFolder, promoted: DefsFile, run_id: str) -> None:
    """Switch the copy on."""
    found = next((each for each in installation.syncs.history(promoted.slug) if each.run_id.startswith(run_id)), None)
    switch_on(
        installation,
        folder,
        promoted.slug,
        found.run_id if found else run_id,
        who=getpass.getuser(),
        where=COMMAND_LINE,
        now=datetime.now(UTC),
    )
    place = promoted.spec.environment.title if promoted.spec else "its account"
    console.print(f"{promoted.slug} is switched on in {place}.", markup=False)
