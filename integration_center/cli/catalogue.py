"""`reports`, `objects`, `fields`: what can be mapped."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import typer

from integration_center.cli.arguments import EnvironmentArgument
from integration_center.cli.output import AsJson, Column, console, print_rows
from integration_center.insights.drop_folders.drop_names import NAMES_SHOWN, NotTaken
from integration_center.insights.files import FilesSource
from integration_center.installation import open_installation
from integration_center.sync.mapping.fitness import why_not_key, why_not_target


def list_reports(as_json: AsJson = False) -> None:
    """The Insights reports that may be integrated."""
    with open_installation() as installation:
        source = installation.source()
        not_taken = source.list_not_taken() if isinstance(source, FilesSource) else []
        rows = [
            {
                "name": info.name,
                "slug": info.slug,
                "aliases": info.aliases,
                "kind": info.kind,
                "key_column": info.key_column,
                "latest_by": info.latest_by,
                "newest_day": None if info.problem else source.newest_day(info),
                "problem": info.problem,
                "not_taken": [
                    {"name": each.name, "reason": each.reason} for each in not_taken if each.folder == info.id
                ],
            }
            for info in source.list_reports()
        ]
    columns = (
        Column("name", "Report"),
        Column("slug", "Asset"),
        Column("kind", "Kind"),
        Column("key_column", "Key"),
        Column("newest_day", "Newest day"),
        Column("problem", "Problem"),
    )
    print_rows(
        rows,
        columns,
        as_json=as_json,
        empty="The source offers no report; custom reports need the tag integrations_salesforce.",
    )
    if not as_json:
        show_not_taken(not_taken)


def show_not_taken(files: Sequence[NotTaken]) -> None:
    """Print which files no run reads, and why; of many files with one reason only the last ones."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in files:
        groups[each.folder, each.reason].append(each.name)
    if groups:
        console.print()
        console.print("Not taken:", markup=False)
    for (folder, reason), names in groups.items():
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        listed = ", ".join("/".join(filter(None, (folder, name))) for name in names[-NAMES_SHOWN:])
        console.print(f"- {listed}{more}: {reason}", markup=False, soft_wrap=True)


def list_objects(environment: EnvironmentArgument, as_json: AsJson = False) -> None:
    """The objects of an org that can be read and updated."""
    with open_installation() as installation, installation.connect(environment) as org:
        rows = [
            {"name": summary.name, "label": summary.label, "custom": summary.custom}
            for summary in org.list_objects()
            if summary.queryable and summary.updateable
        ]
    columns = (Column("name", "Object"), Column("label", "Label"), Column("custom", "Custom"))
    print_rows(rows, columns, as_json=as_json, empty="The connected user can update no object.")


def list_fields(
    environment: EnvironmentArgument,
    sobject: Annotated[str, typer.Argument(metavar="OBJECT", help="API name, such as Lead")],
    as_json: AsJson = False,
) -> None:
    """The fields of an object: which may be keys, which may be written."""
    with open_installation() as installation, installation.connect(environment) as org:
        rows = [
            {
                "name": field.name,
                "label": field.label,
                "type": field.type,
                "length": field.length or None,
                "precision": field.precision or None,
                "scale": field.scale if field.precision else None,
                "key": why_not_key(field) is None,
                "target": why_not_target(field) is None,
                "unique": field.unique or field.external_id or field.id_lookup,
            }
            for field in org.describe(sobject).fields
        ]
    columns = (
        Column("name", "Field"),
        Column("label", "Label"),
        Column("type", "Type"),
        Column("length", "Length", right=True),
        Column("precision", "Precision", right=True),
        Column("scale", "Scale", right=True),
        Column("key", "Can be a key"),
        Column("target", "Can be written"),
    )
    print_rows(rows, columns, as_json=as_json, empty="The connected user sees no field of this object.")
