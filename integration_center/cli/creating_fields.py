"""Create the fields that an integration lacks, after asking."""

import getpass
from collections.abc import Sequence

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.output import errors
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.salesforce.objects.field_creation import create_fields, write_help_text
from integration_center.salesforce.objects.field_package import can_deploy
from integration_center.sync.mapping.missing_fields import MissingField
from integration_center.wording.plain_text import make_printable


def create_missing(
    installation: Installation, spec: IntegrationSpec, missing: Sequence[MissingField], *, ask: bool
) -> bool:
    """Create the missing fields in the org and grant access to them; return whether that was done.

    What is said goes to standard error, so that JSON stays alone on standard output.

    Raises:
        ConfigurationError: the connected user may not create fields or change permission sets.
        OrgError: the org refused.
        TransientError: the org did not answer.
    """
    wanted = [field for field in missing if field.hidden or can_deploy(field)]
    if not wanted:
        errors.print(f"No missing field of {spec.name} can be created here.", markup=False, soft_wrap=True)
        return False
    listed = ", ".join(f"{field.name} ({'grant access' if field.hidden else field.shape})" for field in wanted)
    question = make_printable(f"Create on {spec.object} in {spec.environment.title}: {listed}?")
    if ask and not typer.confirm(question, err=True):
        return False
    account = installation.accounts.get(spec.environment)
    with installation.connect(spec.environment) as org:
        done = create_fields(
            org.session,
            spec.environment,
            spec.object,
            wanted,
            account.user_id,
            help_text=write_help_text(spec.name, spec.report),
            sleep=org.polling.sleep,
        )
    said = done.summarize(spec.object)
    installation.audit.record(
        Action.CREATED_FIELDS, who=getpass.getuser(), where=COMMAND_LINE, environment=spec.environment, detail=said
    )
    errors.print(said, markup=False, soft_wrap=True)
    return True
