"""`release` and `reject`: decide about a plan that a limit holds, or that waits for approval."""

import getpass
import sys
from typing import Annotated

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.arguments import Run, Slug
from integration_center.cli.history import find_sync
from integration_center.cli.output import AsJson, Quiet, ask, console
from integration_center.cli.runs import Launch, run_and_finish
from integration_center.installation import open_installation
from integration_center.pipeline.jobs.decisions import decide_release, reject
from integration_center.pipeline.judging import read_installed

Reason = Annotated[str | None, typer.Option(help="Why, in a sentence, for the audit log. Asked for when left out.")]


def release_plan(
    run: Run, reason: Reason = None, slug: Slug = None, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """Send a plan that a limit holds, or that waits for approval. It is sent once, as it was shown, within 24 hours."""
    loaded = read_installed()
    said = read_reason(reason)
    with open_installation() as installation:
        held = find_sync(installation, run, slug)
        who = getpass.getuser()
        request, environment, detail = decide_release(installation, held, who=who, where=COMMAND_LINE, reason=said)
        wanted = Launch(request, held.slug, environment, Action.RELEASED, detail)
        run_and_finish(installation, loaded, wanted, as_json=as_json, quiet=quiet)


def reject_plan(run: Run, reason: Reason = None, slug: Slug = None) -> None:
    """Reject a plan that a limit holds, or that waits for approval. Nothing is sent, now or later."""
    said = read_reason(reason)
    with open_installation() as installation:
        held = find_sync(installation, run, slug)
        reject(installation, held, who=getpass.getuser(), where=COMMAND_LINE, reason=said)
    console.print(f"Rejected the plan of run {held.run_id}, {held.slug}. Nothing is sent.", markup=False)


def read_reason(reason: str | None) -> str:
    """The reason, asked for on the terminal where it was left out.

    Raises:
        typer.BadParameter: nobody can be asked here.
    """
    if reason is not None:
        return reason
    if not sys.stdin.isatty():
        raise typer.BadParameter("say in a sentence why", param_hint="--reason")
    return ask("Why")
