"""What Dagster describes of a job, without the types that nothing in the job names.

Dagster adds all its built-in types to each job, with the options by which each could be read from JSON or a pickle: a
quarter of the description, which is written and read ten times before a run is queued. No asset is given a value in its
run's options, so how that could be done is left out of the types that are named, too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from dagster import JobDefinition
from dagster._config.snap import ConfigSchemaSnapshot, ConfigTypeSnap  # not public, as all below
from dagster._core.remote_representation.job_index import JobIndex
from dagster._core.snap import JobSnap
from dagster._core.snap.dagster_types import DagsterTypeNamespaceSnapshot
from dagster._core.snap.job_snapshot import JobLineageSnap
from dagster._core.snap.node import GraphDefSnap, OpDefSnap
from dagster_shared.record import copy

Type = TypeVar("Type")


class JobOfOwnTypes(JobDefinition):
    """A built job that Dagster describes by the types that it names."""

    _own_index: JobIndex | None = None

    def get_job_index(self) -> JobIndex:
        """Describe the job, once."""
        if self._own_index is None:
            described = keep_named_types(JobSnap.from_job_def(self))
            self._own_index = JobIndex(described, self.get_parent_job_snapshot())
        return self._own_index


class JobAsAnother(JobOfOwnTypes):
    """The part of a job that has the steps, resources and options of another job, and is described by it."""

    part_of: JobDefinition
    described_by: JobDefinition

    def get_job_index(self) -> JobIndex:
        """Describe the job, once, by what differs from the other."""
        if self._own_index is None:
            described = copy(
                self.described_by.get_job_snapshot(),
                name=self.name,
                graph_def_name=self.name,
                description=self.description,
                tags=self.tags,
                run_tags=self.run_tags if self.has_separately_defined_run_tags else None,
                metadata=self.metadata,
                owners=self.owners,
                lineage_snapshot=JobLineageSnap(
                    parent_snapshot_id=self.part_of.get_job_snapshot_id(),
                    asset_selection=self.asset_selection,
                ),
            )
            self._own_index = JobIndex(described, self.get_parent_job_snapshot())
        return self._own_index


def keep_named_types(described: JobSnap) -> JobSnap:
    """Keep the types of a description that its steps, resources, loggers and options name, or that these name."""
    nodes: list[OpDefSnap | GraphDefSnap] = [
        *described.node_defs_snapshot.op_def_snaps,
        *described.node_defs_snapshot.graph_def_snaps,
    ]
    modes = described.mode_def_snaps
    named = [each.dagster_type_key for node in nodes for each in node.input_def_snaps]
    named += [each.dagster_type_key for node in nodes for each in node.output_def_snaps]
    types = follow(
        named,
        described.dagster_type_namespace_snapshot.all_dagster_type_snaps_by_key,
        lambda each: each.type_param_keys or (),
    )
    configured = [node.config_field_snap for node in nodes]
    configured += [each.config_field_snap for mode in modes for each in mode.resource_def_snaps]
    configured += [each.config_field_snap for mode in modes for each in mode.logger_def_snaps]
    options = follow(
        [
            *(mode.root_config_key for mode in modes if mode.root_config_key),
            *(each.type_key for each in configured if each),
        ],
        described.config_schema_snapshot.all_config_snaps_by_key,
        list_named,
    )
    return copy(
        described,
        dagster_type_namespace_snapshot=DagsterTypeNamespaceSnapshot(
            {key: each._replace(loader_schema_key=None) for key, each in types.items()}
        ),
        config_schema_snapshot=ConfigSchemaSnapshot(all_config_snaps_by_key=options),
    )


def list_named(option: ConfigTypeSnap) -> Sequence[str]:
    """List the keys of the types that one of an option names."""
    return [*(option.type_param_keys or ()), *(each.type_key for each in option.fields or ())]


def follow(
    keys: Iterable[str], known: Mapping[str, Type], list_keys: Callable[[Type], Iterable[str]]
) -> Mapping[str, Type]:
    """Follow `keys` to all that they lead to, in the order of `known`."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += list_keys(known[key])
    return {key: each for key, each in known.items() if key in found}
