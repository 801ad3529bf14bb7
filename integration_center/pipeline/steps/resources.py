"""The Dagster resources. None of them takes run config: a run cannot choose another org, folder or database.

Nor does the launchpad list them: what nobody can set is no question to ask.

Settings and accounts are read inside the step. An `EnvVar` that is unset in a resource would make Dagster refuse the
launch and lose the rest of a schedule's tick.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import dagster as dg
from dagster._config import Field, process_config  # not public
from dagster._config.evaluate_value_result import EvaluateValueResult  # not public
from dagster._core.definitions.definition_config_schema import ConfiguredDefinitionConfigSchema  # not public

from integration_center.database.engine import kept_open
from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import Environment, with_first
from integration_center.pipeline.names import FRAMES, INSTALLATION, resource_key
from integration_center.pipeline.steps.io_manager import FrameIOManager
from integration_center.salesforce.org import Org
from integration_center.store.frame_store import FrameStore


class NoField(Field):
    """A field that Dagster takes for none."""

    def __bool__(self) -> bool:
        """Say that there is none."""
        return False


class NoConfig(ConfiguredDefinitionConfigSchema):
    """The schema of a resource that takes no run config, and that the launchpad leaves out.

    Dagster lists a resource in the launchpad where its schema is true. The job of all assets takes any config of a
    resource that is not listed, so that it is refused here.
    """

    def __init__(self) -> None:
        self.parent_def = dg.ResourceDefinition(config_schema={}, resource_fn=lambda _: None)
        self._field = NoField({}, is_required=False)

    def __bool__(self) -> bool:
        """Say that there is none."""
        return False

    def as_field(self) -> Field:
        """The field that holds nothing."""
        return self._field

    def resolve_config(self, processed_config: Mapping[str, object]) -> EvaluateValueResult[Any]:
        """Refuse whatever a run gives."""
        return process_config({}, processed_config)


class StoredFrames:
    """The stored frames of this `DAGSTER_HOME`, opened once in a run: to read settings takes a while."""

    @cached_property
    def frames(self) -> FrameStore:
        """The frames by the settings as they were when the first frame was asked for."""
        with open_installation() as installation:
            return installation.frames

    @contextmanager
    def open(self) -> Iterator[FrameStore]:
        """The stored frames, for the length of the block."""
        yield self.frames


class InstallationResource:
    """The stored state of this `DAGSTER_HOME`."""

    @contextmanager
    def open(self) -> Iterator[Installation]:
        """The installation, for the length of a step."""
        with open_installation() as installation, kept_open(installation.engine):
            yield installation


@dataclass(frozen=True)
class SalesforceEnvironment:
    """The org connected in one environment."""

    environment: Environment

    @contextmanager
    def connect(self, installation: Installation) -> Iterator[Org]:
        """The org, for the length of a step."""
        with installation.connect(self.environment) as org:
            yield org


def build_resources(environments: Iterable[Environment] = ()) -> Mapping[str, object]:
    """Every resource the definitions need, by key.

    Always the same objects: Dagster merges definitions only where equal keys mean the same object.

    Args:
        environments: the accounts that are needed besides the first ones.
    """
    accounts = {resource_key(each): _build_account_resource(each) for each in with_first(environments)}
    return {**_build_common(), **accounts}


def build_job_resources(environments: Iterable[Environment] = ()) -> Mapping[str, dg.ResourceDefinition]:
    """The resources of a job that needs none of a project's own.

    It gets an `io_manager`, which nothing of it uses: else Dagster gives it that of the project, and its form.

    Args:
        environments: whose accounts the job needs.
    """
    common = _build_common()
    accounts = {resource_key(each): _build_account_resource(each) for each in environments}
    return {"io_manager": common[FRAMES], **common, **accounts}


@cache
def _build_common() -> Mapping[str, dg.ResourceDefinition]:
    return {
        FRAMES: dg.IOManagerDefinition(lambda _: FrameIOManager(StoredFrames().open), config_schema=NoConfig()),
        INSTALLATION: build_fixed_resource(InstallationResource()),
    }


@cache
def _build_account_resource(environment: Environment) -> dg.ResourceDefinition:
    return build_fixed_resource(SalesforceEnvironment(environment))


def build_fixed_resource(value: object) -> dg.ResourceDefinition:
    """A resource whose run config must be empty: Dagster refuses to launch a run with any.

    `ResourceDefinition.hardcoded_resource` would take any run config, and ignore it.
    """
    return dg.ResourceDefinition(lambda _: value, config_schema=NoConfig())
