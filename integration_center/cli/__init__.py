"""The command line: `integration-center VERB`. Exit 0 done, 1 failed, 2 wrong usage."""

import sys

import typer
from rich.markup import escape

from integration_center.cli import access, accounts, catalogue, demo, integrations, new, runs, serve, undo
from integration_center.cli.output import errors
from integration_center.errors import IntegrationCenterError
from integration_center.plain_text import keep_log_printable
from integration_center.retries import log_retries

app = typer.Typer(
    name="integration-center",
    help="Carries WalkMe Insights reports into Salesforce objects, every day, through Dagster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for part in (demo, serve, accounts, catalogue, integrations, new, runs, undo, access):
    part.register(app)


def main() -> None:
    """Run the command line; our own errors are a sentence on standard error and exit code 1."""
    log_retries()
    keep_log_printable()
    try:
        app()
    except IntegrationCenterError as error:
        # A sentence may hold brackets, of a path for instance, which are no markup.
        errors.print(f"[bold red]Failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
