"""All verbs of the command line, and how it runs one of them."""

import sys
from typing import Annotated

import typer

from integration_center.cli import access, accounts, catalogue, demo, emulator, integrations, new, runs, serve, undo
from integration_center.cli.failures import describe_failure
from integration_center.cli.output import OutputLost, errors, guard_output, show_failure
from integration_center.errors import IntegrationCenterError
from integration_center.remote import log_retries
from integration_center.wording.plain_text import keep_log_printable

app = typer.Typer(
    name="integration-center",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for part in (demo, serve, emulator, accounts, catalogue, integrations, new, runs, undo, access):
    part.register(app)


@app.callback()
def read_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version, and do nothing else.")] = False,
) -> None:
    """Carries WalkMe Insights reports into Salesforce objects, every day, through Dagster."""
    # `main` answers --version alone, before anything heavy is imported.
    if version:
        raise typer.BadParameter("--version goes alone")


def run() -> None:
    """Run the verb that the arguments name. A failure is one sentence on standard error, and exit code 1."""
    log_retries()
    keep_log_printable()
    with guard_output():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()
        except (SystemExit, BrokenPipeError):  # the reader of the output wants no more of it
            raise
        except KeyboardInterrupt:
            errors.print("Stopped.")
            sys.exit(130)
        except (IntegrationCenterError, OutputLost) as error:
            show_failure(str(error))
        except BaseException as error:  # noqa: BLE001 - also what is no Exception, such as a panic of Polars
            show_failure(describe_failure(error))
        sys.exit(1)
