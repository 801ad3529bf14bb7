"""All verbs of the command line, and how it runs one of them.

The module of a verb is imported when the verb is called: importing all of them takes seconds.
"""

import importlib
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from integration_center.cli import end_imports
from integration_center.cli.output import OutputLost, errors, guard_output, show_failure
from integration_center.errors import IntegrationCenterError
from integration_center.wording.near_names import say_nearest
from integration_center.wording.plain_text import keep_log_printable


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        name: as it is typed.
        place: the function that does it, as `module.function` below `integration_center.cli`.
        help: the beginning of the function's docstring.
    """

    name: str
    place: str
    help: str

    def load(self) -> Any:
        """Import the function, and make a command of it."""
        leave_out_searches()
        module, _, function = self.place.partition(".")
        done = getattr(importlib.import_module(f"integration_center.cli.{module}"), function)
        end_imports()
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(self.name)(done)
        return get_command(alone)


def leave_out_searches() -> None:
    """Keep imports from two searches that each take as long as dozens of modules.

    Pydantic reads a file of each installed package to find plugins, of which our models need none.
    `croniter`, and Dagster's copy of it, start the program `file` to learn the size of a pointer, which Python knows.
    """
    import platform

    with suppress(ImportError):  # not public: without it, Pydantic searches
        from pydantic.plugin import _loader

        _loader._plugins = {}
    known = platform.architecture("")
    platform.architecture = lambda *_, **__: known


TASKS = {
    "Set up": (
        Verb("init", "init.init_project", "Lay out a new project in a folder."),
        Verb("connect", "connecting.connect_account", "Connect an org to an account."),
        Verb(
            "accounts",
            "accounts.list_accounts",
            "The connected accounts, and those that were added and are not connected.",
        ),
        Verb(
            "permissions",
            "permissions.show_permissions",
            "Show the rights that the integrations need, and make a permission set of exactly these.",
        ),
        Verb("disconnect", "connecting.disconnect_account", "Revoke an account's tokens and forget them."),
        Verb("password", "access.make_password", "Ask for a password, and print the line for the file of users."),
        Verb("rotate-key", "key_rotation.change_key", "Encrypt the accounts with a new key."),
        Verb("migrate", "migration.migrate_database", "Upgrade the database of an earlier version."),
        Verb(
            "forget-person",
            "forgetting.forget_person",
            "What is stored of a person; `--erase` deletes it, and searches again to prove that nothing is left.",
        ),
        Verb("forget-report", "forgetting.forget_report", "Delete the stored report of a day."),
    ),
    "Sync": (
        Verb("new", "new.new_integration", "Build an integration by answering questions, and write its file."),
        Verb("edit", "texts.edit_integration", "Edit the text of an integration in your editor."),
        Verb("export", "texts.export_integrations", "Write all integrations into a folder, as `SLUG/defs.yaml`."),
        Verb("import", "texts.import_integrations", "Take over all integrations of a folder, as `SLUG/defs.yaml`."),
        Verb("check", "checking.check_integrations", "Check integrations against the live report and object."),
        Verb("plan", "runs.plan_integration", "Make the update set, and show counts and a before/after sample."),
        Verb("run", "runs.run_integration", "Run the sync through Dagster, and show what became of the rows."),
        Verb(
            "promote",
            "promoting.promote_integration",
            "Compare Sandbox with Production, copy the integration there switched off, and plan it.",
        ),
        Verb("undo", "undo.undo_sync", "Write back the values from before a sync."),
        Verb(
            "retry",
            "undo.retry_failed",
            "Send the records again that Salesforce refused in a run, or that it never reached.",
        ),
        Verb("release", "release.release_plan", "Send a plan that a limit holds, or that waits for approval."),
        Verb("stop-all", "stopping.stop_everything", "End all runs, revoke all tokens, and let nothing start again."),
        Verb("resume", "stopping.resume_everything", "Lift the stop."),
        Verb("reject", "release.reject_plan", "Reject a plan that a limit holds, or that waits for approval."),
    ),
    "Look": (
        Verb("list", "integrations.list_integrations", "The integrations, with the broken ones and why."),
        Verb("log", "history.show_log", "The history of syncs: Completed or Failed, with the counts."),
        Verb("ledger", "history.show_ledger", "What became of every row of one sync, and why."),
        Verb(
            "alerts", "alerts.manage_alerts", "Try the channels of alerts, list what is wrong, or replace the settings."
        ),
        Verb("why", "why.explain_record", "Why a record says what it says: value, run, row, value before."),
        Verb(
            "changes",
            "texts.list_changes",
            "List who changed an integration when, and what, where integrations are kept in the database.",
        ),
        Verb("audit", "access.list_audit", "Who connected, changed, ran, signed in or was refused."),
        Verb(
            "security",
            "security.print_overview",
            "One page for a security review: addresses, scopes, tokens, people, and what is kept.",
        ),
        Verb("doctor", "doctor.look_at_everything", "Look at everything, and say what to do about what is wrong."),
        Verb("reports", "catalogue.list_reports", "The Insights reports that may be integrated."),
        Verb(
            "inspect", "inspecting.inspect_report", "Look at a report's file, and find the report.yaml that reads it."
        ),
        Verb("schema", "schema.print_schema", "The JSON schema of report.yaml, for editors."),
        Verb("objects", "catalogue.list_objects", "The objects of an org that can be read and updated."),
        Verb("fields", "catalogue.list_fields", "The fields of an object: which may be keys, which may be written."),
    ),
    "Serve": (
        Verb("demo", "demo.run_demo", "The main job on the embedded Salesforce orgs and Insights API."),
        Verb("up", "serve.serve_all", "Dagster UI, daemon and console in the foreground; Ctrl-C ends all."),
        Verb("console", "serve.serve_console", "The web console alone, in the foreground; Ctrl-C ends it."),
        Verb(
            "emulator", "emulator.serve_emulator", "Two local Salesforce orgs or more, and an Insights API on loopback."
        ),
    ),
}
VERBS = {verb.name: verb for verbs in TASKS.values() for verb in verbs}


class Verbs(TyperGroup):
    """The verbs, by task."""

    def list_commands(self, ctx: Any) -> list[str]:
        """See `click.Group`."""
        return [*VERBS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """See `click.Group`."""
        return VERBS[cmd_name].load() if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See `click.Group`. Nothing is imported to find a verb like a misspelt one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; {say_nearest(args[0], [*VERBS])}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """See `click.Group`. What Pydantic refuses of an option is said in our words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from pydantic import ValidationError

            from integration_center.wording.model_refusals import say_refusal

            if isinstance(error.__cause__, ValidationError):
                error.message = say_refusal(error.__cause__.errors()[0])
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See `click.Group`."""
        for task, verbs in TASKS.items():
            with formatter.section(task):
                formatter.write_dl([(verb.name, verb.help) for verb in verbs], col_max=14)


app = typer.Typer(
    name="integration-center",
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
    keep_log_printable()
    with guard_output():
        try:
            try:
                app(prog_name="integration-center")
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
            from integration_center.cli.failures import describe_failure

            show_failure(describe_failure(error))
        sys.exit(1)
