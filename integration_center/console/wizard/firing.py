"""What the org runs when the records of a draft are updated, for the last screen and the plan."""

from dataclasses import dataclass

from integration_center.console.lookups import wait_for
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.screens import Screen
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.objects.firing import Firing
from integration_center.sync.schema import SObjectSchema

PATIENCE = 0.4
"""Seconds that a page waits for what is asked once a day."""


@dataclass(frozen=True)
class FoundFiring:
    """What is known of that.

    Attributes:
        firing: what fires with regard to the mapped fields; None where it is not known.
        late: whether the org is still being asked.
    """

    firing: Firing | None = None
    late: bool = False


def find_firing(screen: Screen, environment: Environment, schema: SObjectSchema) -> FoundFiring:
    """Find what fires with regard to the mapped fields, as far as the org answers in a moment."""
    asked = screen.calls.fires(environment, schema)
    try:
        if not wait_for([asked], PATIENCE):
            return FoundFiring(late=True)
        return FoundFiring(asked.get().about([row.field for row in screen.draft.complete_rows]))
    except IntegrationCenterError:  # it stops nobody from saving
        return FoundFiring()


def find_firing_of_draft(screen: Screen) -> tuple[FoundFiring, SObjectSchema | None]:
    """Find the same for a draft whose object has to be described first, and the object, as far as it is known."""
    try:
        environment = require_environment(screen.draft)
        described = screen.calls.schema(environment, screen.draft.object)
        if not wait_for([described], PATIENCE):
            return FoundFiring(late=True), None
        return find_firing(screen, environment, described.get()), described.get()
    except IntegrationCenterError:  # no account is connected, or no object is chosen
        return FoundFiring(), None
