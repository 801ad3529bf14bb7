"""Everything Dagster knows of the integrations in a folder, put together."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType  # not public

from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import report_slug
from integration_center.pipeline.loader import LoadedIntegrations, describe, load_integrations
from integration_center.pipeline.names import FRAMES
from integration_center.pipeline.quiet import without_beta_warnings
from integration_center.pipeline.resources import build_resources
from integration_center.pipeline.shared import build_reports, build_shared

TOGETHER = 10
"""How many integrations are resolved together."""


@without_beta_warnings
def build_definitions(folder: Path, *, beside_others: bool = False) -> dg.Definitions:
    """Everything Dagster knows of the integrations in `folder`.

    Integrations that Dagster does not take together with the older ones are broken, and stop no other.

    Args:
        folder: of the integrations; absolute.
        beside_others: whether the definitions are to be merged with those of a project, which has an executor and an
            IO manager of its own.
    """
    loaded = load_integrations(folder)
    place = dg.Definitions() if beside_others else build_own_location()
    if DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION:
        # A run's own process: the code server has tried all jobs, and Dagster resolves the one that is run.
        with suppress(dg.DagsterError):
            unresolved = merge_definitions(loaded, place, lazily=True)
            unresolved.get_repository_def()
            return unresolved
    definitions = resolve(loaded, place)
    if isinstance(definitions, dg.Definitions):
        return definitions
    return merge_definitions(loaded.break_off(find_misfits(loaded, place, folder)), place)


@without_beta_warnings
def build_job(folder: Path, name: str) -> dg.JobDefinition:
    """Build one job of the integrations in `folder`, and as little else as possible.

    The job of an integration needs its own assets and its report; other jobs need what the integrations share.

    Raises:
        dagster.DagsterError: there is no such job.
    """
    loaded = load_integrations(folder, only=name)
    spec = loaded.specs.get(name)
    if name not in loaded.definitions or (spec and spec.source):
        return build_definitions(folder).resolve_job_def(name)
    place = dg.Definitions.merge(build_own_location(), dg.Definitions(resources=build_resources()))
    reports = build_reports(loaded, spec.prefix, only=report_slug(spec.report)) if spec else {}
    together = dg.Definitions.merge(place, dg.Definitions(assets=[*reports.values()]), loaded.definitions[name])
    return together.resolve_job_def(name)


def build_own_location() -> dg.Definitions:
    """What our own code location has besides: steps run in one process, and no run config chooses where values go."""
    return dg.Definitions(executor=dg.in_process_executor, resources={"io_manager": build_resources()[FRAMES]})


def find_misfits(loaded: LoadedIntegrations, place: dg.Definitions, folder: Path) -> dict[str, str]:
    """The sound integrations that Dagster does not take together with the others, with the reason.

    Of two that do not go together it is the newer one. Halves are tried, so that one misfit among hundreds is soon
    found.

    Raises:
        ConfigurationError: Dagster does not even take what the project itself brings.
    """
    fitting: list[str] = []
    misfits: dict[str, str] = {}

    def add(slugs: Sequence[str]) -> None:
        found = resolve(loaded.keep([*fitting, *slugs]), place)
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


def resolve(loaded: LoadedIntegrations, place: dg.Definitions) -> dg.Definitions | str:
    """The definitions of all integrations, resolved together; or why Dagster does not take them.

    Dagster resolves definitions once, so the code location does not pay for it again.
    """
    try:
        definitions = merge_definitions(loaded, place)
        definitions.get_repository_def().get_all_jobs()  # names are compared when jobs are built
    except Exception as error:  # noqa: BLE001 - Dagster raises many types; which one is not known beforehand
        return describe(error)
    return definitions


def merge_definitions(loaded: LoadedIntegrations, place: dg.Definitions, *, lazily: bool = False) -> dg.Definitions:
    """The definitions of all integrations with what they share; `lazily` with jobs that are not resolved yet."""
    reports: dict[str | None, Mapping[str, dg.AssetsDefinition]] = {}
    shared: list[dg.Definitions] = []
    for prefix, group in loaded.by_prefix().items():
        reports[prefix] = build_reports(group, prefix)
        shared.append(build_shared(group, prefix, reports=reports[prefix]))
    own = [*loaded.definitions.values()] if lazily else resolve_jobs(loaded, place, reports)
    return dg.Definitions.merge(place, *shared, *own)


def resolve_jobs(
    loaded: LoadedIntegrations, place: dg.Definitions, reports: Mapping[str | None, Mapping[str, dg.AssetsDefinition]]
) -> list[dg.Definitions]:
    """Resolve the job of each integration among the assets of a few, and their reports.

    Dagster resolves each job by going through all assets of the location: the square of their number. To resolve each
    alone costs a small location for each.

    Args:
        loaded: the integrations.
        place: what the location has besides.
        reports: the assets of reports, by prefix and slug.
    """
    specs = loaded.specs
    # The assets of a team are known to the whole location only.
    alone = [slug for slug in loaded.definitions if (spec := specs.get(slug)) is None or spec.source]
    grouped = sorted(loaded.definitions.keys() - set(alone), key=lambda slug: (specs[slug].prefix or "", slug))
    resolved = [loaded.definitions[slug] for slug in alone]
    for group in (grouped[at : at + TOGETHER] for at in range(0, len(grouped), TOGETHER)):
        read = {(specs[slug].prefix, report_slug(specs[slug].report)) for slug in group}
        assets = [reports[prefix][slug] for prefix, slug in sorted(read, key=str)]
        own = [loaded.definitions[slug] for slug in group]
        together = dg.Definitions.merge(place, dg.Definitions(assets=assets, resources=build_resources()), *own)
        jobs = [together.resolve_job_def(job.name) for each in own for job in each.jobs or ()]
        resolved.append(dg.Definitions(assets=[asset for each in own for asset in each.assets or ()], jobs=jobs))
    return resolved
