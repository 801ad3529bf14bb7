"""The job of one integration, which Dagster builds among the integration's own assets.

Dagster builds a job of selected assets by going through all assets of the location: the square of their number for a
job an integration. It does so again for each run of a job that selects some of the job's assets, as the daily schedule
does for each integration. Where the location has a job of just these assets, the run takes what is built of that one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import cast
from weakref import WeakKeyDictionary

import dagster as dg
from dagster import JobDefinition  # by this name: Dagster's checks of `AssetSelectionData` look for it where it is made
from dagster._core.definitions.asset_selection import KeysAssetSelection  # not public
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # not public
from dagster._core.definitions.assets.job.asset_job import build_asset_job, get_asset_graph_for_job  # not public
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # not public
from dagster._core.definitions.utils import DEFAULT_IO_MANAGER_KEY  # not public
from dagster._core.selector.subset_selector import AssetSelectionData  # not public
from dagster_shared.record import as_dict

from integration_center.pipeline.starting.own_types import JobAsAnother, JobOfOwnTypes
from integration_center.pipeline.steps.resources import build_job_resources

Jobs = dict[AbstractSet[dg.AssetKey], "OwnJobDefinition"]
BUILT: WeakKeyDictionary[AssetGraph, Jobs] = WeakKeyDictionary()
"""The jobs that were built of each location, by their assets."""


class OwnJobDefinition(JobOfOwnTypes):
    """A built job, of which a run may select some assets at the cost of these alone."""

    _last_part: tuple[tuple[object, object], JobDefinition] | None = None
    _built: Mapping[AbstractSet[dg.AssetKey], "OwnJobDefinition"] = {}
    """The jobs of the same location."""

    def get_subset(
        self,
        *,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[dg.AssetKey] | None = None,
        asset_check_selection: AbstractSet[dg.AssetCheckKey] | None = None,
    ) -> JobDefinition:
        """Build the job of a run that selects some of the assets, or their steps.

        The last one is kept: before Dagster queues a run, it asks for the job and then for its plan.
        """
        if op_selection or not asset_selection or self.config_mapping is not None:
            return super().get_subset(
                op_selection=op_selection, asset_selection=asset_selection, asset_check_selection=asset_check_selection
            )
        wanted, last = (asset_selection, asset_check_selection), self._last_part
        if last is None or last[0] != wanted:
            same = self._built.get(frozenset(asset_selection)) if asset_check_selection is None else None
            if same is not None and same.executor_def is self.executor_def:
                part = self._rename(same, asset_selection)
            else:
                part = self._build_part(asset_selection, asset_check_selection)
            last = self._last_part = wanted, part
        return last[1]

    def _rename(self, same: "OwnJobDefinition", keys: AbstractSet[dg.AssetKey]) -> JobDefinition:
        """Build the part that has the steps, resources and options of another job. To build it by itself takes 3 ms."""
        part = same.graph.to_job(
            name=self.name,
            description=self.description,
            resource_defs=same.resource_defs,
            config=self.partitioned_config,
            tags=self.tags,
            run_tags=self._run_tags,
            metadata=self.metadata,
            logger_defs=self.loggers,
            executor_def=self.executor_def,
            hooks=self.hook_defs,
            op_retry_policy=self.op_retry_policy,
            asset_layer=same.asset_layer,
            automation_condition=self.automation_condition,
            _asset_selection_data=AssetSelectionData(
                asset_selection=keys, asset_check_selection=None, parent_job_def=self
            ),
        )
        part._run_config_schema = same.run_config_schema  # type: ignore[assignment] # of None, for Dagster's typing
        part.__class__ = JobAsAnother
        own = cast("JobAsAnother", part)
        own.part_of, own.described_by = self, same
        return own

    def _build_part(
        self, keys: AbstractSet[dg.AssetKey], checks: AbstractSet[dg.AssetCheckKey] | None
    ) -> JobDefinition:
        selection: dg.AssetSelection = dg.AssetSelection.assets(*keys)
        if checks is not None:
            selection = selection.without_checks() | dg.AssetSelection.checks(*checks)
        part = build_asset_job(
            name=self.name,
            asset_graph=get_asset_graph_for_job(
                take_part(self.asset_layer.asset_graph.source_asset_graph, keys),
                selection,
                allow_different_partitions_defs=True,
            ),
            executor_def=self.executor_def,
            resource_defs=self.resource_defs,
            description=self.description,
            tags=self.tags,
            run_tags=self._run_tags,
            config=self.partitioned_config,
            allow_different_partitions_defs=True,
            automation_condition=self.automation_condition,
            _asset_selection_data=AssetSelectionData(
                asset_selection=keys, asset_check_selection=checks, parent_job_def=self
            ),
        )
        # Of a part, Dagster would also describe the options of each step of the whole job that is left out.
        selected, part._subset_selection_data = part._subset_selection_data, None
        _ = part.run_config_schema  # which the job keeps
        part._subset_selection_data = selected
        part.__class__ = JobOfOwnTypes
        return part


class OwnJob(UnresolvedAssetJobDefinition):
    """A job of assets that are named one by one, built among these and what they read."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, dg.ResourceDefinition] | None = None,
    ) -> JobDefinition:
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
        job.__class__ = OwnJobDefinition
        own_job = cast("OwnJobDefinition", job)
        own_job._built = built = BUILT.setdefault(asset_graph, {})
        built[frozenset(keys)] = own_job
        return own_job


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
