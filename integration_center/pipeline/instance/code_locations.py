"""The code locations of a Dagster that hold integrations: ours, those of other projects, or several of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from integration_center.errors import ConfigurationError
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import UNDO, WEEKLY_RETENTION

LOCATION = "integration_center"
"""Our own."""


@dataclass(frozen=True)
class Location:
    """A code location that holds integrations, whatever it is called.

    Attributes:
        name: of the location.
        repository: in it.
        jobs: the names of all its jobs.
    """

    name: str
    repository: str
    jobs: frozenset[str]

    @property
    def prefixes(self) -> frozenset[str]:
        """The prefixes of its projects, an empty one where there is none: each project brings the jobs that undo."""
        undo = UNDO.job(Environment.SANDBOX)
        ends = {job.removesuffix(undo) for job in self.jobs if job.endswith(undo)}
        return frozenset(end.removesuffix("_") for end in ends if not end or end.endswith("_"))


def read_locations(nodes: Sequence[Mapping[str, Any]]) -> list[Location]:
    """Read the locations that hold integrations from GraphQL's answer; our own comes first."""
    found = [
        Location(node["location"]["name"], node["name"], frozenset(job["name"] for job in node["jobs"]))
        for node in nodes
    ]
    return sorted((each for each in found if each.prefixes), key=lambda each: (each.name != LOCATION, each.name))


def choose_location(locations: Sequence[Location], job: str, *, shared: bool, url: str) -> Location:
    """Choose the location that runs a job.

    Args:
        locations: all that hold integrations.
        job: its name.
        shared: whether the job does the same in each location that has it, as one that undoes.
        url: of the web server that knows them.

    Raises:
        ConfigurationError: none has the job, or several have one of that name.
    """
    having = [each for each in locations if job in each.jobs]
    if not having:
        names = ", ".join(repr(each.name) for each in locations) or "none that holds integrations"
        raise ConfigurationError(
            f"the Dagster at {url} has no job {job!r}; its code locations are {names}. Reload the location"
            " after a file was added"
        )
    if len(having) > 1 and not shared:
        names = " and ".join(repr(each.name) for each in having)
        raise ConfigurationError(
            f"the code locations {names} each have an integration {job!r}, so nothing was started. Give the"
            " integrations of one of them a `prefix`"
        )
    return having[0]


def find_project(locations: Sequence[Location], slug: str) -> str | None:
    """Find the prefix of the project that has an integration, or had it; None where its project has none."""
    having = [each for each in locations if slug in each.jobs] or locations
    prefixes = {prefix for each in having for prefix in each.prefixes}
    fitting = [prefix for prefix in prefixes if not prefix or slug.startswith(f"{prefix}_")]
    return max(fitting or sorted(prefixes), key=len, default="") or None


def name_locations(instance: dg.DagsterInstance) -> frozenset[str]:
    """Name the locations that hold integrations, as Dagster's storage knows them: each has our weekly schedule."""
    states: Iterable[Any] = instance.all_instigator_state() if instance.schedule_storage else ()
    ours = {
        state.repository_selector.location_name
        for state in states
        if state.instigator_name == WEEKLY_RETENTION or state.instigator_name.endswith(f"_{WEEKLY_RETENTION}")
    }
    return frozenset(ours | {LOCATION})
