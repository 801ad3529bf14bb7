"""`check`: the live validation of integrations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_center.cli.arguments import require, say_none
from integration_center.cli.creating_fields import create_missing
from integration_center.cli.firing import look_today, print_firing
from integration_center.cli.output import AsJson, console, print_json
from integration_center.database.touched import say_touched
from integration_center.errors import (
    ConfigurationError,
    IntegrationCenterError,
    NotRead,
    ServiceUnavailable,
    TransientError,
)
from integration_center.insights.asset_frames import describe_asset
from integration_center.insights.catalogue import fit_columns, report_slug
from integration_center.installation import Installation, open_installation
from integration_center.integration.source import AssetSource
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations, find_key_columns
from integration_center.pipeline.judging import read_installed
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.validation import Verdict, validate
from integration_center.salesforce.objects.rights import Rights, look_at_rights
from integration_center.store.reports import source_folder
from integration_center.sync.mapping.missing_fields import MissingField, admin_message

SIGNS = {"sound": "[green]sound[/]", "broken": "[red]broken[/]", "unchecked": "[yellow]not checked[/]"}


def check_integrations(
    slug: Annotated[str | None, typer.Argument(help="One integration; all when left out.")] = None,
    creates: Annotated[
        bool, typer.Option("--create-fields", help="Create missing fields in the org, and grant access to them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --create-fields.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check integrations against the live report and object. Nothing is written."""
    loaded = read_installed()
    if slug is not None:
        require(loaded, slug)
    names = [slug] if slug else loaded.slugs
    with open_installation() as installation:
        results = []
        lacking = ask_dagster(installation, {name: loaded.specs.get(name) for name in names})
        rights = look_at_environments(installation, loaded, names)
        # An org that does not answer was waited for once, and not again for each integration.
        away = {environment: found for environment, found in rights.items() if isinstance(found, TransientError)}
        created = False
        for name in names:
            result, missing = find_faults(installation, loaded, name, lacking, away)
            if creates and missing and create_missing(installation, loaded.specs[name], missing, ask=not yes):
                created = True
                result, _ = find_faults(installation, loaded, name, lacking, away)
            results.append(result)
        if created:
            rights = look_at_environments(installation, loaded, names)
        touched = {result["slug"]: say_touched(installation.syncs, result["slug"]) for result in results}
        firings = {
            result["slug"]: look_today(installation, spec)
            for result in results
            if result["verdict"] == "sound" and (spec := loaded.specs.get(result["slug"]))
        }
    for result in results:
        spec = loaded.specs.get(result["slug"])
        result["rights"] = describe_rights(rights.get(spec.environment)) if spec else None
        firing = firings.get(result["slug"])
        result["fires"] = firing.to_json() if firing else None
    if as_json:
        print_json(results)
    elif not results:
        console.print(say_none(), markup=False, soft_wrap=True)
    else:
        for result in results:
            sign = SIGNS[result["verdict"]]
            console.print(f"{sign}  {escape(result['slug'])}")
            for problem in result["problems"]:
                console.print(f"  {problem}", markup=False, soft_wrap=True)
            for note in [*result["warnings"], *result["notes"]]:
                console.print(f"  note: {note}", markup=False, soft_wrap=True)
            if firing := firings.get(result["slug"]):
                print_firing(loaded.specs[result["slug"]], firing, touched=touched[result["slug"]])
            if result["admin_message"]:
                console.print_lines(f"\n{result['admin_message']}\n")
        for environment, found in rights.items():
            print_rights(environment, found)
    if any(result["problems"] for result in results):
        raise typer.Exit(1)


def look_at_environments(
    installation: Installation, loaded: Integrations, slugs: Iterable[str]
) -> dict[Environment, Rights | IntegrationCenterError]:
    """Compare the rights of each environment's user with what all integrations there need; an error stops no check."""
    environments = {spec.environment for slug in slugs if (spec := loaded.specs.get(slug))}
    found: dict[Environment, Rights | IntegrationCenterError] = {}
    for environment in sorted(environments):
        specs = [spec for spec in loaded.specs.values() if spec.environment is environment]
        try:
            with installation.connect(environment) as org:
                found[environment] = look_at_rights(org.session, specs)
        except IntegrationCenterError as error:
            found[environment] = error
    return found


def describe_rights(found: Rights | IntegrationCenterError | None) -> dict[str, list[str]]:
    """Return the differences as JSON shows them."""
    if isinstance(found, Rights):
        return {name: [*getattr(found, name)] for name in ("missing", "surplus", "absent", "unknown")}
    return {"missing": [], "surplus": [], "absent": [], "unknown": [str(found)] if found else []}


def print_rights(environment: Environment, found: Rights | IntegrationCenterError) -> None:
    """Print how the rights of the connected user differ from what the integrations need."""
    place = f"the integrations of {environment.title} need"
    differences = describe_rights(found)
    for title, entries in (
        (f"The connected user lacks rights that {place}", differences["missing"]),
        (f"The connected user may do more than {place}", differences["surplus"]),
        (f"Rights in {environment.title} that are not known", differences["unknown"]),
    ):
        if entries:
            console.print_lines(f"\n{title}:")
        for entry in entries:
            console.print(f"- {entry}", markup=False, soft_wrap=True)


def ask_dagster(installation: Installation, specs: Mapping[str, IntegrationSpec | None]) -> Mapping[str, str]:
    """Ask the Dagster that runs which integrations read an asset that is missing, and what it says of each.

    Without one, or while it does not answer, nothing is known of that.
    """
    if not any(spec and spec.source for spec in specs.values()):
        return {}
    from integration_center.pipeline.instance.lacking_sources import find_lacking
    from integration_center.pipeline.instance.webserver import find_webserver

    webserver = find_webserver(installation.settings)
    try:
        return find_lacking(webserver, specs) if webserver else {}
    except ServiceUnavailable:
        return {}


def find_faults(
    installation: Installation,
    loaded: Integrations,
    slug: str,
    lacking: Mapping[str, str],
    away: Mapping[Environment, TransientError],
) -> tuple[dict[str, Any], Sequence[MissingField]]:
    """What is wrong with one integration, and its missing fields; an error of one stops no other.

    Args:
        installation: gives the report and the org.
        loaded: all integrations.
        slug: which one.
        lacking: the integrations that read an asset which is missing, with what Dagster says of it.
        away: the environments whose org does not answer, and what was said of it.
    """
    spec = loaded.specs.get(slug)
    message: str | None = None
    warnings: list[str] = []
    notes: Sequence[str] = ()
    missing: Sequence[MissingField] = ()
    if spec is None:
        verdict, problems = "broken", [loaded.broken[slug]]
    elif slug in lacking:
        verdict, problems = "broken", [lacking[slug]]
    elif spec.environment in away:
        verdict, problems = "unchecked", [str(away[spec.environment])]
    else:
        try:
            readers = loaded.readers().get(report_slug(spec.report), [spec])
            found, message, notes = (
                check_stored(installation, slug, spec, spec.source)
                if spec.source
                else check_live(installation, spec, key_columns=find_key_columns(readers))
            )
            problems, warnings, missing = [*found.problems], [*found.warnings], found.missing
            verdict = "broken" if problems else "sound"
        except (TransientError, NotRead) as error:
            verdict, problems = "unchecked", [str(error)]
        except IntegrationCenterError as error:
            verdict, problems = "broken", [str(error)]
    result = {
        "slug": slug,
        "verdict": verdict,
        "problems": problems,
        "warnings": warnings,
        "notes": [*notes],
        "admin_message": message,
    }
    return result, missing


def check_live(
    installation: Installation, spec: IntegrationSpec, *, key_columns: frozenset[str]
) -> tuple[Verdict, str | None, Sequence[str]]:
    """Check against the newest report and the object; also the message to the Salesforce admin, if fields are missing.

    Args:
        installation: gives the report and the org.
        spec: the integration.
        key_columns: of all integrations that read the report: a run keeps them text for each of its readers.

    Returns:
        The faults; the message to the Salesforce admin when fields are missing; what was found in the report's file.

    Raises:
        IntegrationCenterError: the report or the org cannot be reached.
    """
    source = installation.source()
    info = source.find(spec.report)
    newest = source.newest_day(info)
    if newest is None:
        raise ConfigurationError(f"report {spec.report!r} has no data yet, so its columns are not known")
    report = source.read(replace(info, text_columns=key_columns), newest)
    read = NewestReport(report.info, newest, report.frame, report.likely_types, report.numbers, report.doubts)
    verdict, message = check_rows(installation, spec, read)
    return verdict, message, report.notes


def check_stored(
    installation: Installation, slug: str, spec: IntegrationSpec, source: AssetSource
) -> tuple[Verdict, str | None, Sequence[str]]:
    """Check against the rows of the asset that the newest run took in, since only Dagster can load an asset.

    Args:
        installation: gives the rows and the org.
        slug: of the integration.
        spec: the integration.
        source: what it says of the asset.

    Returns:
        See `check_live`.

    Raises:
        NotRead: no run has taken the asset in yet.
        IntegrationCenterError: the org cannot be reached.
    """
    folder = source_folder(slug)
    day = installation.reports.newest_day(folder)
    stored = installation.reports.stored(folder, day) if day else None
    file = installation.reports.file(folder, day) if day else None
    if day is None or stored is None or file is None:
        raise NotRead(f"asset {spec.report!r} was not read yet; materialize {slug}/update_set once, then check again")
    frame = file.read()
    info = fit_columns(describe_asset(folder, spec, source), frame.columns)
    read = NewestReport(info, day, frame, stored.likely_types or {}, stored.numbers, stored.doubts)
    verdict, message = check_rows(installation, spec, read)
    return verdict, message, stored.notes


def check_rows(installation: Installation, spec: IntegrationSpec, report: NewestReport) -> tuple[Verdict, str | None]:
    """Check against rows and the object; also the message to the Salesforce admin, if fields are missing."""
    with installation.connect(spec.environment) as org:
        schema = org.describe(spec.object)
        verdict = validate(spec, schema, report, org)
    message = admin_message(verdict.missing, spec, user=installation.accounts.get(spec.environment).username)
    return verdict, message if verdict.missing else None
