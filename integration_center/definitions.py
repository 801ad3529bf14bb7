"""The entry point that Dagster loads."""

import dagster as dg

from integration_center.pipeline.assembly import build_definitions
from integration_center.settings import Paths


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this installation."""
    return build_definitions(Paths().defs)
