"""`stop-all` and `resume`: end everything in an emergency, and lift that again."""

import getpass
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from integration_center.access.audit import COMMAND_LINE
from integration_center.cli.output import AsJson, ask, console, print_json
from integration_center.database.processes import find_age
from integration_center.installation import open_installation
from integration_center.pipeline.administration.stop_all import SECONDS, resume, stop_all

LEAST_SECONDS = 1.0
"""How long is waited at least, on a machine where this command itself starts slowly."""
REST_SECONDS = 120.0
"""How long a long queue is emptied after what was stopped has been said."""
WHAT = (
    "This ends all runs, empties the queue, revokes and deletes the tokens of all accounts, and lets no run start until"
    " `integration-center resume`."
)


def stop_everything(
    reason: Annotated[str, typer.Option(help="Why, in a sentence: every page of the console shows it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask once more.")] = False,
    as_json: AsJson = False,
) -> None:
    """End all runs, revoke all tokens, and let nothing start again. It says within five seconds what was stopped.

    A long queue may take longer to empty; its runs are named by then and send nothing. An org that has not answered is
    waited for 20 seconds more. What was written is booked as usual. Exit 1 when a run could not be reached or a token
    is not confirmed as revoked; the stop is in force all the same.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter(f"{WHAT} Say --yes to do it", param_hint="--yes")
        console.print(WHAT, markup=False, soft_wrap=True)
        if ask("Stop everything? Type yes").strip().lower() != "yes":
            console.print("Nothing was stopped.")
            raise typer.Exit(1)
    with open_installation() as installation:
        # The five seconds begin when the command is typed, or when the question is answered.
        seconds = SECONDS if not yes else max(SECONDS - find_age(), LEAST_SECONDS)
        done = stop_all(installation, who=getpass.getuser(), where=COMMAND_LINE, reason=reason, seconds=seconds)
        if not as_json:
            console.print(f"{done.stop.sentence}.", markup=False, soft_wrap=True)
            print_sentences(done.sentences)
        late = done.await_late_revocations()
        if late and not as_json:
            console.print("What became of the tokens since:")
            print_sentences(late)
        if done.finish(REST_SECONDS) and not as_json:
            console.print("What became of the runs since:")
            print_sentences(done.runs.sentences)
    if as_json:
        print_json(
            {
                "stopped_at": done.stop.at,
                "reason": done.stop.reason,
                "complete": done.complete,
                "left_the_queue": done.runs.queued,
                "asked_to_end": [*done.runs.asked.values()],
                "not_reached": done.runs.not_reached,
                "open": done.runs.open,
                "accounts": [
                    {"environment": each.environment.value, "org_id": each.org_id, "revoked": each.unconfirmed is None}
                    for each in done.accounts
                ],
                "said": done.sentences,
            }
        )
    if not done.complete:
        raise typer.Exit(1)


def print_sentences(sentences: Sequence[str]) -> None:
    """Print each sentence on a line of its own."""
    for sentence in sentences:
        console.print(sentence, markup=False, soft_wrap=True)


def resume_everything() -> None:
    """Lift the stop. Accounts must be connected again, and runs that were ended are not started again."""
    with open_installation() as installation:
        lifted = resume(installation, who=getpass.getuser(), where=COMMAND_LINE)
    console.print(
        "The stop is lifted. Connect the accounts again: integration-center connect sandbox"
        if lifted
        else "Nothing is stopped.",
        markup=False,
    )
