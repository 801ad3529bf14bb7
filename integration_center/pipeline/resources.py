"""The Dagster resources. None of them takes run config: a run cannot choose another org, folder or database.

Settings and accounts are read inside the step. An `EnvVar` that is unset in a resource would make Dagster refuse the
launch and lose the rest of a schedule's tick.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

import dagster as dg

from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import Environment, with_first
from integration_center.pipeline.io_manager import FrameIOManager
from integration_center.pipeline.names import FRAMES, INSTALLATION, resource_key
from integration_center.salesforce.org import Org
from integration_center.settings import Settings, read_settings
from integration_center.store.frame_store import FrameStore


class StoredFrames:
    """The stored frames of this `DAGSTER_HOME`. Settings are read once a run, because that takes a while."""

    @cached_property
    def settings(self) -> Settings:
        """The settings as they were when the first frame was asked for."""
        return read_settings()

    @contextmanager
    def open(self) -> Iterator[FrameStore]:
        """The stored frames, for the length of the block."""
        with open_installation(self.settings) as installation:
            yield installation.frames


class InstallationResource:
    """The stored state of this `DAGSTER_HOME`."""

    @contextmanager
    def open(self) -> Iterator[Installation]:
        """The installation, for the length of a step."""
        with open_installation() as installation:
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


@cache
def _build_common() -> Mapping[str, object]:
    return {
        FRAMES: dg.IOManagerDefinition(lambda _: FrameIOManager(StoredFrames().open), config_schema={}),
        INSTALLATION: build_fixed_resource(InstallationResource()),
    }


@cache
def _build_account_resource(environment: Environment) -> dg.ResourceDefinition:
    return build_fixed_resource(SalesforceEnvironment(environment))


def build_fixed_resource(value: object) -> dg.ResourceDefinition:
    """A resource whose run config must be empty: Dagster refuses to launch a run with any.

    `ResourceDefinition.hardcoded_resource` would take any run config, and ignore it.
    """
    return dg.ResourceDefinition(lambda _: value, config_schema={})
