"""The Dagster resources. They hold names only: settings and accounts are read inside the step.

An `EnvVar` that is unset in a resource would make Dagster refuse the launch and lose the rest of a schedule's tick.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from integration_center.installation import Installation, open_installation
from integration_center.integration import Environment
from integration_center.salesforce.org import Org
from integration_center.settings import Paths
from integration_center.storage import FrameIOManager
from integration_center.translator import resource_key


class InstallationResource(dg.ConfigurableResource[None]):
    """The stored state of this `DAGSTER_HOME`."""

    @contextmanager
    def open(self) -> Iterator[Installation]:
        """The installation, for the length of a step."""
        with open_installation() as installation:
            yield installation


class SalesforceEnvironment(dg.ConfigurableResource[None]):
    """The org connected in one environment."""

    environment: str

    @contextmanager
    def connect(self, installation: Installation) -> Iterator[Org]:
        """The org, for the length of a step."""
        with installation.connect(Environment(self.environment)) as org:
            yield org


def build_resources() -> dict[str, object]:
    """Every resource the definitions need, by key."""
    environments = {
        resource_key(environment): SalesforceEnvironment(environment=environment.value) for environment in Environment
    }
    return {
        "io_manager": FrameIOManager(base_dir=str(Paths().storage)),
        "installation": InstallationResource(),
        **environments,
    }
