"""Lets a code location load although an integration reads an asset that nothing in the location defines.

Dagster 1.13 refuses the whole location then. An asset without a step takes the place of the missing one instead, and
its IO manager refuses to load it with the sentence that says what is missing.
"""

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import (  # not public
    SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET,
    SYSTEM_METADATA_KEY_IO_MANAGER_KEY,
)
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # not public
from dagster._core.definitions.source_asset import SourceAsset
from dagster.components.resolved.core_models import post_process_defs  # not public

from integration_center.pipeline.names import FRAMES, PROBLEM, READS_ASSET
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.near_names import say_nearest

logger = logging.getLogger(__name__)

Asset = dg.AssetsDefinition | SourceAsset
SAID: set[str] = set()
"""The sentences that this process has logged: Dagster puts the assets of a location together several times."""
OF_INTEGRATIONS, WRITTEN = {"update_set", "push"}, {"salesforce", "gainsight"}
"""Names and kinds of assets of ours that no integration reads."""

put_together = AssetGraph.normalize_assets


def put_together_leniently(assets: Iterable[Asset]) -> Sequence[dg.AssetsDefinition]:
    """Put the assets of a location together as Dagster does; where it refuses, with what is missing replaced.

    Raises:
        dagster.DagsterInvalidDefinitionError: Dagster refuses them for another reason.
    """
    given = list(assets)
    try:
        return put_together(given)
    except dg.DagsterInvalidDefinitionError:
        problems = find_problems(given)
        if not problems:
            raise
    if not is_post_processing():
        warn(given, problems)
    stand_ins = [build_stand_in(key, problem) for key, problem in problems.items()]
    return put_together([*(mark(asset, problems) for asset in given), *stand_ins])


def is_post_processing() -> bool:
    """Whether Dagster applies `post_processing`: it puts one component together then, without the assets of others."""
    return any(frame.f_code is post_process_defs.__code__ for frame, _ in traceback.walk_stack(None))


def let_upstreams_be_missing() -> None:
    """Let Dagster put assets together with `put_together_leniently` in this process, from now on."""
    AssetGraph.normalize_assets = staticmethod(put_together_leniently)  # type: ignore[method-assign]


def find_problems(assets: Sequence[Asset]) -> Mapping[dg.AssetKey, str]:
    """Find the assets that integrations read and nothing defines, each with the sentence that says so."""
    defined = {key for asset in assets for key in list_keys(asset)}
    missing = sorted({key for asset in assets if (key := find_source(asset))} - defined)
    names = sorted(key.to_user_string() for asset in assets for key in list_keys(asset) if may_be_read(asset, key))
    return {
        key: f"asset {key.to_user_string()!r} is not defined in this code location;"
        f" {say_nearest(key.to_user_string(), names)}. Correct `asset` below `source:`; if another code location makes"
        " the asset, declare it here with dg.AssetSpec"
        for key in missing
    }


def warn(assets: Sequence[Asset], problems: Mapping[dg.AssetKey, str]) -> None:
    """Log once for each integration that what it reads is missing."""
    for asset in assets:
        source = find_source(asset)
        if source is None or source not in problems:
            continue
        said = f"{next(iter(list_keys(asset))).path[0]}: {problems[source]}"
        if said not in SAID:
            SAID.add(said)
            logger.warning(said)


def find_source(asset: Asset) -> dg.AssetKey | None:
    """Find the key of the asset that an update set loads; None for one that reads a report, and for other assets."""
    if isinstance(asset, SourceAsset) or not asset.is_executable:
        return None
    for name, key in asset.node_keys_by_input_name.items():
        if READS_ASSET in (asset.node_def.input_dict[name].metadata or {}):
            return key
    return None


def list_keys(asset: Asset) -> Iterable[dg.AssetKey]:
    """List the keys that a definition defines."""
    return [asset.key] if isinstance(asset, SourceAsset) else asset.keys


def may_be_read(asset: Asset, key: dg.AssetKey) -> bool:
    """Whether somebody may have meant this asset when they wrote the source of an integration."""
    if isinstance(asset, SourceAsset):
        return True
    return key.path[-1] not in OF_INTEGRATIONS and not asset.get_asset_spec(key).kinds & WRITTEN


def build_stand_in(key: dg.AssetKey, problem: str) -> dg.AssetsDefinition:
    """Build an asset without a step, whose IO manager says why it cannot be loaded.

    It is marked as those are that Dagster makes for dependencies which nothing defines, so that the pages of a
    deployment show the asset of another location of that name instead.
    """
    metadata = {
        SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET: True,
        SYSTEM_METADATA_KEY_IO_MANAGER_KEY: FRAMES,
        PROBLEM: problem,
    }
    return dg.AssetsDefinition(specs=[dg.AssetSpec(key, metadata=metadata)])


def mark(asset: Asset, problems: Mapping[dg.AssetKey, str]) -> Asset:
    """Say on the page of an update set that what it reads is missing; other assets stay as they are."""
    source = find_source(asset)
    problem = problems.get(source) if source else None
    if problem is None or isinstance(asset, SourceAsset):
        return asset
    return asset.map_asset_specs(
        lambda spec: spec.replace_attributes(
            description=f"Broken: {escape_markdown(problem)}", kinds={"broken"}
        ).merge_attributes(metadata={PROBLEM: problem})
    )
