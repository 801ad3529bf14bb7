"""Show what fires in the org when an integration writes."""

import logging

from integration_center.cli.output import console
from integration_center.errors import IntegrationCenterError
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.salesforce.objects.firing import Firing
from integration_center.salesforce.objects.firing_notes import FiringNotes

logger = logging.getLogger(__name__)


def look_today(installation: Installation, spec: IntegrationSpec) -> Firing | None:
    """Look at what fires, once a day; None when the org cannot be asked, which stops nothing."""
    account = installation.accounts.find(spec.environment)
    if account is None:
        return None
    notes = FiringNotes(installation.settings.scratch)
    fields = [mapping.field for mapping in spec.fields]
    try:
        with installation.connect(spec.environment) as org:
            return notes.look(org.session, spec.object, fields, (account.org_id, account.user_id))
    except IntegrationCenterError as error:
        logger.info("what fires on %s is not known: %s", spec.object, error)
        return None


def print_firing(spec: IntegrationSpec, firing: Firing, *, touched: str = "", brief: bool = False) -> None:
    """Print what fires, those that read mapped fields first, and what could not be seen.

    Args:
        spec: the integration.
        firing: what was seen.
        touched: how many records the last runs touched; see `say_touched`.
        brief: whether to print nothing where everything was looked at and nothing fires.
    """
    if brief and not firing.found and not firing.is_partial:
        return
    if firing.found:
        console.print(f"  When {spec.object} is updated, the org runs:", markup=False)
    elif firing.is_partial:
        console.print(f"  Not all that runs when {spec.object} is updated could be looked at.", markup=False)
    else:
        console.print(f"  No trigger, flow or rule was seen that runs when {spec.object} is updated.", markup=False)
    for each in firing.found:
        console.print(f"  - {each.describe()}", markup=False, soft_wrap=True)
    for what in firing.unseen:
        console.print(f"  not seen: {what}", markup=False, soft_wrap=True)
    if touched:
        console.print(f"  {touched}", markup=False, soft_wrap=True)
