"""The job of one integration, which Dagster builds among the integration's own assets.

Dagster builds a job of selected assets by going through all assets of the location: the square of their number for a
job an integration.
"""

from collections.abc import Collection, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.asset_selection import KeysAssetSelection  # not public
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # not public
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # not public
from dagster._core.definitions.utils import DEFAULT_IO_MANAGER_KEY  # not public
from dagster_shared.record import as_dict

from integration_center.pipeline.resources import build_job_resources


class OwnJob(UnresolvedAssetJobDefinition):
    """A job of assets that are named one by one, built among these and what they read."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, dg.ResourceDefinition] | None = None,
    ) -> dg.JobDefinition:
        """Build the job, as Dagster asks for it with the assets, executor and resources of the whole location.

        Of the resources it gets those that it needs, because the launchpad lists all that a job has.
        """
        if not isinstance(self.selection, KeysAssetSelection):
            return super().resolve(asset_graph, default_executor_def, resource_defs)
        keys = self.selection.selected_keys
        part = take_part(asset_graph, keys)
        needed, hidden = find_needed(part, keys), build_job_resources()
        given = {key: resource for key, resource in (resource_defs or {}).items() if key in needed}
        job = super().resolve(part, default_executor_def, {**hidden, **given})
        # Assets bring more of the project: its `io_manager`, and what the assets need that are read. To give the job
        # other resources in the public way is to build it again, which takes 2 ms.
        own = {key: resource for key, resource in job.resource_defs.items() if key in needed}
        job._resource_defs = {**hidden, **own}
        return job


def define_own_job(
    name: str, keys: Sequence[dg.AssetKey], *, description: str, tags: Mapping[str, object] | None = None
) -> OwnJob:
    """Define the job of the assets `keys`, which `tags` describe as they do its runs."""
    job = dg.define_asset_job(name, dg.AssetSelection.assets(*keys), description=description, tags=tags)
    return OwnJob(**as_dict(job))


def find_needed(part: AssetGraph, keys: Collection[dg.AssetKey]) -> Collection[str]:
    """Find the keys of the resources that a job of some assets needs: theirs, and the IO managers of what they read.

    Dagster names the project's `io_manager` for the outputs of checks, which no IO manager stores.

    Args:
        part: of the location; see `take_part`.
        keys: of the assets.
    """
    own = [part.get(key) for key in keys if part.has(key)]
    checks = {part.assets_def_for_key(check) for node in own for check in node.check_keys}
    needing = {*(node.assets_def for node in own), *checks}  # mostly the same ones
    needs = {key for asset in needing for key in asset.required_resource_keys} - {DEFAULT_IO_MANAGER_KEY}
    handling = [*own, *(part.get(key) for node in own for key in node.parent_keys)]
    return needs | {node.io_manager_key for node in handling}


def take_part(asset_graph: AssetGraph, keys: Collection[dg.AssetKey]) -> AssetGraph:
    """Take the assets `keys` out of a graph, with what they read and with their checks."""
    own = [asset_graph.get(key) for key in keys if asset_graph.has(key)]
    nodes = {node.key: node for node in own}
    nodes |= {key: asset_graph.get(key) for node in own for key in node.parent_keys}
    checks = {check: asset_graph.assets_def_for_key(check) for node in nodes.values() for check in node.check_keys}
    return AssetGraph(nodes, checks)
