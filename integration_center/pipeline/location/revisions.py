"""Which revision of the integrations a process loads, where they are kept in the database.

A code server loads the newest one. Dagster notes its number with each run, and hands it to every process that executes
a step of that run, wherever it is; so a run is executed as the integrations were when it was started.
"""

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType  # not public

from integration_center.integration_files.places import DatabasePlace, open_place
from integration_center.pipeline.location.assembly import build_definitions
from integration_center.settings import Paths

CARRIED = "integration_center/change"
"""Under which name Dagster keeps the number of the change that was loaded."""


def build_newest(paths: Paths, *, beside_others: bool = False) -> dg.Definitions:
    """Build the definitions of an installation, as its integrations are now, or as they were for this process's run.

    Args:
        paths: where integrations are kept.
        beside_others: see `build_definitions`.

    Raises:
        ConfigurationError: the database does not have the change that the run carries.
    """
    place = open_place(paths)
    if not isinstance(place, DatabasePlace):
        return build_definitions(place.open(), beside_others=beside_others)
    context = DefinitionsLoadContext.get()
    carried = None
    if context.load_type is DefinitionsLoadType.RECONSTRUCTION:
        carried = context.reconstruction_metadata.get(CARRIED)
    folder = place.open() if carried is None else place.open_at(int(carried))
    context.add_to_pending_reconstruction_metadata(CARRIED, folder.name.partition("-")[0])
    return build_definitions(folder, beside_others=beside_others)
