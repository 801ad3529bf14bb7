"""What the org runs when the records of a draft are updated, for the last screen and the plan."""

from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.screens import Screen, settle
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.objects.firing import Firing
from integration_center.sync.schema import SObjectSchema

PATIENCE = 0.4
"""Seconds that a page waits for what is asked once a day."""


def find_firing(screen: Screen, environment: Environment, schema: SObjectSchema) -> Firing | None:
    """What fires with regard to the mapped fields; None while the org has not answered, or cannot be asked."""
    asked = screen.calls.fires(environment, schema)
    try:
        if not settle([asked], PATIENCE):
            return None
        return asked.get().about([row.field for row in screen.draft.complete_rows])
    except IntegrationCenterError:  # it stops nobody from saving
        return None


def find_firing_of_draft(screen: Screen) -> tuple[Firing | None, SObjectSchema | None]:
    """The same for a draft whose object has to be described first, and the object, as far as it is known."""
    try:
        environment = require_environment(screen.draft)
        described = screen.calls.schema(environment, screen.draft.object)
        if not settle([described], PATIENCE):
            return None, None
        return find_firing(screen, environment, described.get()), described.get()
    except IntegrationCenterError:  # no account is connected, or no object is chosen
        return None, None
