"""Everything Dagster knows of the integrations in a folder, put together."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType  # not public

from integration_center.errors import ConfigurationError
from integration_center.integration_files.reading import look_at_files
from integration_center.pipeline.instance.long_lived import collect_seldom
from integration_center.pipeline.instance.quiet import without_beta_warnings
from integration_center.pipeline.instance.tried_location import TRIED
from integration_center.pipeline.location.component_list import describe_components
from integration_center.pipeline.location.loader import LoadedIntegrations, describe, load_integrations
from integration_center.pipeline.location.selected_assets import find_selected
from integration_center.pipeline.location.shared import build_reports, build_shared
from integration_center.pipeline.names import FRAMES, asset_keys, report_key
from integration_center.pipeline.steps.resources import build_resources


@without_beta_warnings
def build_definitions(folder: Path, *, beside_others: bool = False) -> dg.Definitions:
    """Everything Dagster knows of the integrations in `folder`.

    Integrations that Dagster does not take together with the older ones are broken, and stop no other. The process of
    a run gets what the run needs.

    Args:
        folder: of the integrations; absolute.
        beside_others: whether the definitions are to be merged with those of a project, which has an executor and an
            IO manager of its own.
    """
    if DefinitionsLoadContext.get().load_type is not DefinitionsLoadType.RECONSTRUCTION:
        seen = look_at_files(folder)
        definitions = build_location(folder, beside_others=beside_others)
        TRIED.keep((folder, beside_others), definitions, seen)
        return definitions
    if tried := TRIED.take((folder, beside_others)):
        return tried
    with suppress(dg.DagsterError):
        unresolved = build_for_run(folder, dg.Definitions() if beside_others else build_own_location())
        unresolved.get_repository_def()
        return unresolved
    return build_location(folder, beside_others=beside_others)


def build_location(folder: Path, *, beside_others: bool = False) -> dg.Definitions:
    """Build everything, and try it: integrations that Dagster does not take together with the older ones are broken."""
    loaded = load_integrations(folder)
    collect_seldom(len(loaded.slugs))
    place = dg.Definitions()
    if not beside_others:
        place = dg.Definitions.merge(build_own_location(), describe_components(folder, loaded.specs))
    definitions = resolve(loaded, place)
    if isinstance(definitions, dg.Definitions):
        return definitions
    return merge_definitions(loaded.break_off(find_misfits(loaded, place, folder)), place)


def build_for_run(folder: Path, place: dg.Definitions) -> dg.Definitions:
    """Build what the run of this process needs; where that is not known, everything."""
    keys = find_selected()
    if keys is not None:
        slugs = {key.path[0] for key in keys}
        # A run without assets is that of a job of its own.
        if part := build_part(load_integrations(folder, only=slugs), place, slugs, keys, only_assets=bool(keys)):
            return part
    return merge_definitions(load_integrations(folder), place)


def build_part(
    loaded: LoadedIntegrations,
    place: dg.Definitions,
    slugs: Collection[str],
    keys: Collection[dg.AssetKey],
    *,
    only_assets: bool,
) -> dg.Definitions | None:
    """Build what a run needs that materializes the assets `keys`.

    Args:
        loaded: all integrations; only those of `slugs` have definitions.
        place: what the location has besides.
        slugs: the integrations to build.
        keys: assets of the integrations, and reports.
        only_assets: of what the integrations share; see `build_shared`.

    Returns:
        None where one of the assets is somebody else's: it may need more.
    """
    own = {key for slug in loaded.pick(slugs).slugs for key in asset_keys(slug, loaded.specs.get(slug))}
    shared: list[dg.Definitions] = []
    for prefix, group in loaded.by_prefix().items():
        named = {slug for slug in group.readers() if report_key(slug, prefix) in {*own, *keys}}
        own |= {report_key(slug, prefix) for slug in named}
        reports = build_reports(group, prefix, only=named)
        shared.append(build_shared(group.pick(slugs), prefix, reports=reports, only_assets=only_assets))
    if not own.issuperset(keys):
        return None
    return dg.Definitions.merge(place, *shared, *(loaded.definitions[slug] for slug in loaded.pick(slugs).slugs))


@without_beta_warnings
def build_job(folder: Path, name: str) -> dg.JobDefinition:
    """Build one job of the integrations in `folder`, and as little else as possible.

    The job of an integration needs its own assets and its report; other jobs need what the integrations share.

    Raises:
        dagster.DagsterError: there is no such job.
    """
    loaded = load_integrations(folder, only={name})
    is_own = name in loaded.definitions
    part = build_part(loaded, build_own_location(), {name}, (), only_assets=is_own)
    jobs = {job.name: job for job in (part.jobs if part else ()) or ()}
    # A job of several integrations would lack assets.
    if part and (is_own or isinstance(jobs.get(name), dg.JobDefinition)):
        return part.resolve_job_def(name)
    return build_location(folder).resolve_job_def(name)


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


def merge_definitions(loaded: LoadedIntegrations, place: dg.Definitions) -> dg.Definitions:
    """The definitions of all integrations with what they share."""
    shared = [build_shared(group, prefix) for prefix, group in loaded.by_prefix().items()]
    return dg.Definitions.merge(place, *shared, *loaded.definitions.values())
