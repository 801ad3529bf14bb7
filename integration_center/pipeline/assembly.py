"""Everything Dagster knows of the integrations in a folder, put together."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from integration_center.errors import ConfigurationError
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import find_key_columns
from integration_center.pipeline.alert_watch import build_alert_sensor
from integration_center.pipeline.arrival_sensors import build_arrival_sensors
from integration_center.pipeline.loader import LoadedIntegrations, describe, load_integrations
from integration_center.pipeline.metadata import trace_object
from integration_center.pipeline.names import gainsight_key, object_key, push_key
from integration_center.pipeline.release import build_release
from integration_center.pipeline.report import build_report_asset
from integration_center.pipeline.resources import build_resources
from integration_center.pipeline.retention_job import build_retention
from integration_center.pipeline.schedules import build_schedules
from integration_center.pipeline.sensors import build_sensors
from integration_center.pipeline.undo import build_undo

# Used knowingly: in Dagster 1.13 backfill policies and code references are marked beta, partitions of checks preview.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def build_reports(loaded: LoadedIntegrations) -> list[dg.AssetsDefinition]:
    """One asset a report that an integration names, shared by all that name it."""
    return [
        build_report_asset(
            slug,
            specs[0].report,
            keys=find_key_columns(specs),
            allow_empty=any(spec.limits.allow_empty for spec in specs),
        )
        for slug, specs in loaded.readers().items()
    ]


def build_external_assets(loaded: LoadedIntegrations) -> list[dg.AssetSpec]:
    """The Salesforce objects that integrations write, and the Gainsight objects that read them."""
    writers: dict[tuple[Environment, str], dict[str, IntegrationSpec]] = defaultdict(dict)
    for slug, spec in sorted(loaded.specs.items()):
        writers[spec.environment, spec.object][slug] = spec
    objects = [
        dg.AssetSpec(
            object_key(environment, sobject),
            deps=[push_key(slug) for slug in integrations],
            group_name="salesforce",
            kinds={"salesforce"},
            description=f"Salesforce object {sobject} in {environment.title}.",
            metadata={
                "dagster/column_schema": dg.TableSchema(
                    [
                        dg.TableColumn(mapping.field, description=f"written by {slug}")
                        for slug, spec in integrations.items()
                        for mapping in spec.fields
                    ]
                ),
                "dagster/column_lineage": trace_object(integrations),
            },
        )
        for (environment, sobject), integrations in writers.items()
    ]
    readers: dict[str, set[dg.AssetKey]] = defaultdict(set)
    for spec in loaded.specs.values():
        if spec.gainsight:
            readers[spec.gainsight].add(object_key(spec.environment, spec.object))
    gainsight = [
        dg.AssetSpec(
            gainsight_key(sobject),
            deps=sorted(sources),
            group_name="gainsight",
            kinds={"gainsight"},
            description=f"Gainsight object {sobject}, which Gainsight's own Salesforce connector fills.",
        )
        for sobject, sources in sorted(readers.items())
    ]
    return objects + gainsight


def build_definitions(folder: Path) -> dg.Definitions:
    """Everything Dagster knows of the integrations in `folder`.

    Integrations that Dagster does not take together with the older ones are broken, and stop no other.
    """
    loaded = load_integrations(folder)
    definitions = resolve(loaded)
    if isinstance(definitions, dg.Definitions):
        return definitions
    return merge_definitions(loaded.break_off(find_misfits(loaded, folder)))


def find_misfits(loaded: LoadedIntegrations, folder: Path) -> dict[str, str]:
    """The sound integrations that Dagster does not take together with the others, with the reason.

    Of two that do not go together it is the newer one. Halves are tried, so that one misfit among hundreds is soon
    found.

    Raises:
        ConfigurationError: Dagster does not even take what the project itself brings.
    """
    fitting: list[str] = []
    misfits: dict[str, str] = {}

    def add(slugs: Sequence[str]) -> None:
        found = resolve(loaded.keep([*fitting, *slugs]))
        if isinstance(found, dg.Definitions):
            fitting.extend(slugs)
        elif not slugs:
            raise ConfigurationError(f"Dagster does not take the project's own definitions: {found}")
        elif len(slugs) == 1:
            misfits[slugs[0]] = f"{folder / slugs[0] / 'defs.yaml'}: Dagster does not take it: {found}"
        else:
            middle = len(slugs) // 2
            add(slugs[:middle])
            add(slugs[middle:])

    add(())
    add([*loaded.specs])  # the oldest first
    return misfits


def resolve(loaded: LoadedIntegrations) -> dg.Definitions | str:
    """The definitions of all integrations, resolved together; or why Dagster does not take them.

    Dagster resolves definitions once, so the code location does not pay for it again.
    """
    try:
        definitions = merge_definitions(loaded)
        definitions.get_repository_def().get_all_jobs()  # names are compared when jobs are built
    except Exception as error:  # noqa: BLE001 - Dagster raises many types; which one is not known beforehand
        return describe(error)
    return definitions


def merge_definitions(loaded: LoadedIntegrations) -> dg.Definitions:
    """The definitions of all integrations with what they share."""
    shared = dg.Definitions(
        assets=[*build_reports(loaded), *build_external_assets(loaded)],
        resources=build_resources(),
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(
        shared,
        build_schedules(loaded),
        build_sensors(loaded),
        build_arrival_sensors(loaded),
        build_retention(),
        build_undo(),
        build_release(),
        build_alert_sensor(),
        *loaded.definitions.values(),
    )
