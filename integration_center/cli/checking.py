"""`check`: the live validation of integrations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape

from integration_center.cli.output import AsJson, console, print_json
from integration_center.errors import ConfigurationError, IntegrationCenterError, NotRead, TransientError
from integration_center.insights.catalogue import ColumnType, report_slug
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations, find_key_columns
from integration_center.pipeline.judging import read_folder
from integration_center.planning.validation import validate
from integration_center.settings import read_paths
from integration_center.store.reports import source_folder
from integration_center.sync.mapping.fitness import admin_message
from integration_center.wording.plain_text import make_printable

SIGNS = {"sound": "[green]sound[/]", "broken": "[red]broken[/]", "unchecked": "[yellow]not checked[/]"}


def check_integrations(
    slug: Annotated[str | None, typer.Argument(help="One integration; all when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check integrations against the live report and object. Nothing is written."""
    loaded = read_folder(read_paths().defs)
    slugs = loaded.slugs
    if slug is not None and slug not in slugs:
        raise typer.BadParameter(
            make_printable(f"there is no integration {slug!r}; there are {', '.join(slugs) or 'none'}")
        )
    with open_installation() as installation:
        results = [check_one(installation, loaded, name) for name in ([slug] if slug else slugs)]
    if as_json:
        print_json(results)
    else:
        for result in results:
            sign = SIGNS[result["verdict"]]
            console.print(f"{sign}  {escape(result['slug'])}")
            for problem in result["problems"]:
                console.print(f"  {problem}", markup=False, soft_wrap=True)
            if result["admin_message"]:
                console.print_lines(f"\n{result['admin_message']}\n")
    if any(result["problems"] for result in results):
        raise typer.Exit(1)


def check_one(installation: Installation, loaded: Integrations, slug: str) -> dict[str, Any]:
    """What is wrong with one integration; an error of one stops no other."""
    spec = loaded.specs.get(slug)
    message: str | None = None
    if spec is None:
        verdict, problems = "broken", [loaded.broken[slug]]
    else:
        try:
            readers = loaded.readers().get(report_slug(spec.report), [spec])
            problems, message = (
                check_rows(installation, spec, read_stored(installation, slug, spec))
                if spec.source
                else check_live(installation, spec, key_columns=find_key_columns(readers))
            )
            verdict = "broken" if problems else "sound"
        except (TransientError, NotRead) as error:
            verdict, problems = "unchecked", [str(error)]
        except IntegrationCenterError as error:
            verdict, problems = "broken", [str(error)]
    return {"slug": slug, "verdict": verdict, "problems": problems, "admin_message": message}


@dataclass(frozen=True)
class Rows:
    """The rows that an integration is checked against.

    Attributes:
        frame: the rows.
        likely_types: for text columns whose values all look like another type, that type by column.
    """

    frame: pl.DataFrame
    likely_types: Mapping[str, ColumnType]


def check_live(
    installation: Installation, spec: IntegrationSpec, *, key_columns: frozenset[str]
) -> tuple[list[str], str | None]:
    """Faults against the newest report and the object, and the message to the Salesforce admin when fields miss.

    Args:
        installation: gives the report and the org.
        spec: the integration.
        key_columns: of all integrations that read the report: a run keeps them text for each of its readers.

    Raises:
        IntegrationCenterError: the report or the org cannot be reached.
    """
    source = installation.source()
    info = source.find(spec.report)
    newest = source.newest_day(info)
    if newest is None:
        raise ConfigurationError(f"report {spec.report!r} has no data yet, so its columns are not known")
    report = source.read(replace(info, text_columns=key_columns), newest)
    return check_rows(installation, spec, Rows(report.frame, report.likely_types))


def read_stored(installation: Installation, slug: str, spec: IntegrationSpec) -> Rows:
    """Read the rows of the asset that the newest run of the integration took in: only Dagster can load an asset.

    Raises:
        NotRead: no run has taken it in yet.
    """
    folder = source_folder(slug)
    day = installation.reports.newest_day(folder)
    stored = installation.reports.stored(folder, day) if day else None
    if day is None or stored is None:
        raise NotRead(
            f"asset {spec.report!r} was not read yet; materialize {slug}/update_set once, then check it again"
        )
    return Rows(pl.read_parquet(installation.reports.path(folder, day)), stored.likely_types or {})


def check_rows(installation: Installation, spec: IntegrationSpec, rows: Rows) -> tuple[list[str], str | None]:
    """Faults against the rows and the object, and the message to the Salesforce admin when fields miss.

    Raises:
        IntegrationCenterError: the org cannot be reached.
    """
    with installation.connect(spec.environment) as org:
        schema = org.describe(spec.object)
        verdict = validate(spec, schema, rows.frame, org, likely_types=rows.likely_types)
    message = admin_message(verdict.missing, spec, user=installation.accounts.get(spec.environment).username)
    return [*verdict.problems], message if verdict.missing else None
