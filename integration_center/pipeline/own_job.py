"""The job of one integration, which Dagster builds among the integration's own assets.

Dagster builds a job of selected assets by going through all assets of the location: the square of their number for a
job an integration.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.definitions.asset_selection import KeysAssetSelection  # not public
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # not public
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # not public
from dagster_shared.record import as_dict


class OwnJob(UnresolvedAssetJobDefinition):
    """A job of assets that are named one by one, built among these and what they read."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, dg.ResourceDefinition] | None = None,
    ) -> dg.JobDefinition:
        """Build the job, as Dagster asks for it with the assets, executor and resources of the whole location."""
        part = asset_graph
        if isinstance(self.selection, KeysAssetSelection):
            part = take_part(asset_graph, self.selection.selected_keys)
        return super().resolve(part, default_executor_def, resource_defs)


def define_own_job(
    name: str, keys: Sequence[dg.AssetKey], *, description: str, tags: Mapping[str, object] | None = None
) -> OwnJob:
    """Define the job of the assets `keys`, which `tags` describe as they do its runs."""
    job = dg.define_asset_job(name, dg.AssetSelection.assets(*keys), description=description, tags=tags)
    return OwnJob(**as_dict(job))


def take_part(asset_graph: AssetGraph, keys: Sequence[dg.AssetKey]) -> AssetGraph:
    """Take the assets `keys` out of a graph, with what they read and with their checks."""
    own = [asset_graph.get(key) for key in keys if asset_graph.has(key)]
    nodes = {node.key: node for node in own}
    nodes |= {key: asset_graph.get(key) for node in own for key in node.parent_keys}
    checks = {check: asset_graph.assets_def_for_key(check) for node in nodes.values() for check in node.check_keys}
    return AssetGraph(nodes, checks)
