"""What the integrations of one location share: reports, external assets, resources, schedules, sensors, and jobs."""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping

import dagster as dg

from integration_center.accounts.names import AccountNames
from integration_center.database.engine import build_engine
from integration_center.errors import IntegrationCenterError
from integration_center.integration.environment import with_first
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations, find_key_columns
from integration_center.pipeline.assets.report import build_report_asset
from integration_center.pipeline.location.translator import Appearance, IntegrationTranslator, expect_runs
from integration_center.pipeline.names import gainsight_key, object_key, push_key
from integration_center.pipeline.starting.schedules import build_daily_sync
from integration_center.pipeline.steps.metadata import name_origin, trace_object
from integration_center.pipeline.steps.resources import build_resources
from integration_center.settings import Settings, read_settings
from integration_center.wording.markdown import escape_markdown

logger = logging.getLogger(__name__)


def build_shared(
    loaded: Integrations,
    prefix: str | None = None,
    translator: IntegrationTranslator | None = None,
    reports: Mapping[str, dg.AssetsDefinition] | None = None,
    *,
    only_assets: bool = False,
) -> dg.Definitions:
    """Build all that the integrations share. Neither an executor nor an `io_manager` is among it.

    Args:
        loaded: the integrations, all with the same prefix.
        prefix: of the project, see `IntegrationSpec`.
        translator: of the project.
        reports: the assets of the reports by slug, where they are built already.
        only_assets: whether only what a run needs is built that materializes assets: nothing else that starts a run.
    """
    look = Appearance(translator or IntegrationTranslator())
    built = build_reports(loaded, prefix, translator) if reports is None else reports
    external = [
        look.translate("gainsight" if "gainsight" in spec.kinds else "object", spec)
        for spec in build_external_assets(loaded, prefix)
    ]
    accounts = name_accounts(loaded) if only_assets else find_accounts(loaded)
    needed = dg.Definitions.merge(
        dg.Definitions(assets=[*built.values(), *external], resources=build_resources(accounts)),
        build_daily_sync(loaded, prefix),
    )
    if only_assets:
        return needed
    from integration_center.pipeline.location.beside_assets import build_beside_assets  # a run needs none of it

    return dg.Definitions.merge(needed, build_beside_assets(loaded, prefix, accounts))


def name_accounts(loaded: Integrations) -> tuple[Environment, ...]:
    """The accounts that integrations name, which are all that their assets need."""
    return with_first(spec.environment for spec in loaded.specs.values())


def find_accounts(loaded: Integrations) -> tuple[Environment, ...]:
    """The accounts that integrations name, and those of the installation: a sync of a deleted one can be undone."""
    return with_first({*name_accounts(loaded), *_read_names()})


def _read_names() -> tuple[Environment, ...]:
    """The names in the database; none while it cannot be read, because integrations load without it."""
    try:
        settings = read_settings()
        return AccountNames(build_engine(settings.database)).list() if _has_database(settings) else ()
    except IntegrationCenterError as error:
        logger.info("the names of the accounts could not be read: %s", error)
        return ()


def _has_database(settings: Settings) -> bool:
    """Whether there is a database already: to load integrations makes none."""
    return settings.has_database_server or (settings.dagster_home / "integration_center.db").exists()


def build_reports(
    loaded: Integrations,
    prefix: str | None = None,
    translator: IntegrationTranslator | None = None,
    *,
    only: Collection[str] | None = None,
) -> Mapping[str, dg.AssetsDefinition]:
    """Build one asset for each report that an integration names, shared by all that name it; by slug.

    Args:
        loaded: the integrations.
        prefix: of the project, see `IntegrationSpec`.
        translator: of the project.
        only: the slugs of the reports that are needed.
    """
    look = Appearance(translator or IntegrationTranslator())
    return {
        slug: look.apply(
            "report",
            build_report_asset(
                slug,
                specs[0].report,
                keys=find_key_columns(specs),
                allow_empty=any(spec.limits.allow_empty for spec in specs),
                prefix=prefix,
                freshness=expect_runs(specs),
            ),
        )
        for slug, specs in loaded.readers().items()
        if only is None or slug in only
    }


def describe_object(environment: Environment, sobject: str, integrations: Mapping[str, IntegrationSpec]) -> str:
    """Describe a Salesforce object: which integration writes which field, and what that is from.

    The columns are in the event of each push, with their labels and types. Dagster's page shows the texts of a schema
    that is in the definition instead, and all names in lower case.
    """
    fields = [
        escape_markdown(f"{mapping.field}: {name_origin(mapping, spec.report)}, by {slug}.")
        for slug, spec in integrations.items()
        for mapping in spec.fields
    ]
    return "\n".join([f"Salesforce object {sobject} in {environment.title}.", *fields])


def build_external_assets(loaded: Integrations, prefix: str | None = None) -> list[dg.AssetSpec]:
    """The Salesforce objects that integrations write, and the Gainsight objects that read them."""
    writers: dict[tuple[Environment, str], dict[str, IntegrationSpec]] = defaultdict(dict)
    for slug, spec in sorted(loaded.specs.items()):
        writers[spec.environment, spec.object][slug] = spec
    objects = [
        dg.AssetSpec(
            object_key(environment, sobject, prefix),
            deps=[push_key(slug) for slug in integrations],
            group_name="salesforce",
            kinds={"salesforce"},
            description=describe_object(environment, sobject, integrations),
            metadata={
                "dagster/column_lineage": trace_object(integrations),
            },
        )
        for (environment, sobject), integrations in writers.items()
    ]
    readers: dict[str, set[dg.AssetKey]] = defaultdict(set)
    for spec in loaded.specs.values():
        if spec.gainsight:
            readers[spec.gainsight].add(object_key(spec.environment, spec.object, prefix))
    gainsight = [
        dg.AssetSpec(
            gainsight_key(sobject, prefix),
            deps=sorted(sources),
            group_name="gainsight",
            kinds={"gainsight"},
            description=f"Gainsight object {sobject}, which Gainsight's own Salesforce connector fills.",
        )
        for sobject, sources in sorted(readers.items())
    ]
    return objects + gainsight
