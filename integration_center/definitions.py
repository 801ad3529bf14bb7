"""The entry point that Dagster loads."""

import dagster as dg

from integration_center.pipeline.instance.long_lived import keep_for_good, without_collections
from integration_center.pipeline.location.revisions import build_newest
from integration_center.settings import Paths


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this installation."""
    with without_collections():
        definitions = build_newest(Paths())
        keep_for_good()
    return definitions
