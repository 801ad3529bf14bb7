"""Builds the reference pages of the documentation from the models and the command line.

Nothing here is written by hand but headings: what a page says of a setting, an option or an outcome is the text beside
it in the code. A text that is missing is an error.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import dagster as dg
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from integration_center.cli.verbs import TASKS, Verb
from integration_center.database.sync_records import SyncStatus
from integration_center.insights.catalogue import OUT_OF_THE_BOX
from integration_center.insights.declared.report_yaml import ColumnFile, ReportFile
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.source import AssetSource
from integration_center.integration.spec import IntegrationSpec, Limits, WhenAbsent
from integration_center.pipeline.assets.report import build_report_asset
from integration_center.pipeline.steps.checks import build_plan_checks, build_push_checks
from integration_center.settings import Settings
from integration_center.sync.outcomes import Outcome
from integration_center.wording.docstrings import join_lines
from tools.attribute_docs import read_attribute_docs

WIDTH = 100
"""Columns of the terminal that the help of a command is laid out for."""
PLACES = {
    "DAGSTER_HOME": "`dagster_home` of a checkout, else `~/.integration_center`",
    "INTEGRATION_CENTER_DEFS": "`integrations` in `DAGSTER_HOME`",
    "INTEGRATION_CENTER_DATABASE_URL": "a SQLite file in `DAGSTER_HOME`",
    "INTEGRATION_CENTER_STORAGE": "`storage` in `DAGSTER_HOME`",
    "INTEGRATION_CENTER_SECRET_KEY": "a key file in `DAGSTER_HOME`",
}
"""Defaults that are places, in words."""


def build_pages() -> dict[str, str]:
    """Build all reference pages: Markdown by the page's path below `docs/`."""
    return {
        "reference/commands.md": build_commands(),
        "reference/settings.md": build_settings(),
        "reference/integration.md": build_integration(),
        "reference/report.md": build_report(),
        "reference/outcomes.md": build_outcomes(),
        "reference/checks.md": build_checks(),
    }


def build_commands() -> str:
    """Build the page of all commands, each with the help that it prints."""
    parts = [
        "# Commands",
        "Every listing takes `--json`. Exit code 0 is done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C."
        " `integration-center --install-completion` lets the shell complete commands and options.",
    ]
    for task, verbs in TASKS.items():
        parts.append(f"## {task}")
        parts += [f"### `{verb.name}`\n\n```text\n{show_help(verb)}\n```" for verb in verbs]
    return join(parts)


def show_help(verb: Verb) -> str:
    """Show what `integration-center VERB --help` prints."""
    command = verb.load()
    context = command.context_class(
        command, info_name=f"integration-center {verb.name}", terminal_width=WIDTH, max_content_width=WIDTH
    )
    lines = str(command.get_help(context)).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def build_settings() -> str:
    """Build the page of all settings."""
    docs = read_attribute_docs(Settings)
    rows = [
        (f"`{field.alias}`", PLACES.get(str(field.alias)) or show_default(field, "empty"), say(docs, name))
        for name, field in Settings.model_fields.items()
    ]
    return join(
        [
            "# Settings",
            "Settings are read from the environment, and from a file `.env` in the working directory. The environment"
            " wins. `.env.example` in the repository has all of them, ready to copy. Other variables, such as those"
            " that open a bucket, are in [Prepare the reports](../how-to/data-engineer.md#prepare-the-reports).",
            make_table(("variable", "default", "meaning"), rows),
        ]
    )


def build_integration() -> str:
    """Build the page of what `defs.yaml` may hold."""
    parts = [
        "# Options of an integration",
        "An integration is one file, `<slug>/defs.yaml`, in the folder of integrations. The file has"
        " `type: integration_center.Integration`, and these options below `attributes:`."
        " [Write an integration](../how-to/data-engineer.md#write-an-integration) has an example.",
        make_options(IntegrationSpec),
    ]
    for heading, model in (
        ("Options of a key pair (`keys`)", KeyPair),
        ("Options of a field (`fields`)", FieldMapping),
        ("People who drop out (`when_absent`)", WhenAbsent),
        ("Limits (`limits`)", Limits),
        ("An asset instead of a report (`source`)", AssetSource),
    ):
        parts += [f"## {heading}", make_options(model)]
    return join(parts)


def build_report() -> str:
    """Build the page of what `report.yaml` may hold, with the reports that need none."""
    known = [
        (
            ", alias ".join((info.name, *info.aliases)),
            f"`{slug}`",
            info.kind,
            info.key_column or "",
            info.latest_by or "",
        )
        for slug, info in OUT_OF_THE_BOX.items()
    ]
    return join(
        [
            "# Options of report.yaml",
            "A file `report.yaml` beside the drops of a report says what their folder and header cannot. All options"
            " are optional.",
            make_options(ReportFile),
            "## Options of one column (`columns`)",
            "A type alone may be written as text. What is said of one column goes before what is said of all.",
            make_options(ColumnFile, ReportFile),
            "## Reports out of the box",
            "These reports need no `report.yaml`. TeachMe is listed only where there is a folder for it.",
            make_table(("report", "folder", "kind", "key column", "newest row of a key by"), known),
        ]
    )


def build_outcomes() -> str:
    """Build the page of outcomes and statuses."""
    return join(
        [
            "# Outcomes and statuses",
            "A line is one report row and one record; a row that matches three records has three lines. Each line ends"
            " in exactly one outcome. A row's outcome is its worst line, in this order:",
            make_table(("outcome", "meaning", "what to do"), [(f"`{o}`", *split_advice(o)) for o in Outcome]),
            "## Statuses of a sync",
            make_table(("status", "meaning"), [(status, say_member(status)) for status in SyncStatus]),
        ]
    )


def split_advice(outcome: Outcome) -> tuple[str, str]:
    """Split the text of an outcome into what it means and what to do.

    Raises:
        ValueError: the text is not one paragraph each.
    """
    meaning, advice = say_member(outcome).split("\n\n")
    return meaning, advice


def build_checks() -> str:
    """Build the page of asset checks."""
    slug = dg.AssetKey("slug")
    assets = (
        (
            "`insights/<report>`",
            build_report_asset("report", "Report", keys=frozenset(), allow_empty=False).check_specs,
        ),
        ("`<slug>/update_set`", build_plan_checks(slug)),
        ("`<slug>/push`", build_push_checks(slug)),
    )
    rows = [
        (f"`{spec.name}`", asset, "yes" if spec.blocking else "no", spec.description or missing(spec.name))
        for asset, specs in assets
        for spec in specs
    ]
    return join(
        [
            "# Checks",
            "Checks are shown with their numbers in the Dagster UI. A check that blocks stops the push before its first"
            " write. [What stops a push](../explanation/writing-once.md#what-stops-a-push) has the limits.",
            make_table(("check", "asset", "blocks", "passes when"), rows),
        ]
    )


def make_options(model: type[BaseModel], *others: type[BaseModel]) -> str:
    """Make the table of the fields of a model; `others` say what it does not say itself."""
    docs = dict(ChainMap(*(read_attribute_docs(each) for each in (model, *others))))
    rows = [
        (f"`{name}`", show_default(field, "none"), field.description or say(docs, name))
        for name, field in model.model_fields.items()
    ]
    return make_table(("option", "default", "meaning"), rows)


def show_default(field: FieldInfo, nothing: str) -> str:
    """Show the default of a field; `nothing` where the default is None or empty."""
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    match value:
        case _ if value is PydanticUndefined:
            return "required"
        case None | "" | () | [] | {}:
            return nothing
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case BaseModel():
            return "see below"
        case _:
            return f"`{value}`"


def say(docs: Mapping[str, str], name: str) -> str:
    """Say what is known of an attribute.

    Raises:
        ValueError: nothing is.
    """
    return docs.get(name) or missing(name)


def say_member(member: StrEnum) -> str:
    """Say what a member of an enumeration means."""
    return say(read_attribute_docs(type(member)), member.name)


def missing(name: str) -> str:
    """Refuse a thing that nothing is said of.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} has no text in the code; write one below it")


def make_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table of Markdown. Cells are one line each."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(join_lines(cell).replace('|', '&#124;') for cell in line)} |" for line in lines)


def join(parts: Iterable[str]) -> str:
    """Join the parts of a page."""
    return "\n\n".join(parts) + "\n"
