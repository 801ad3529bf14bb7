"""Create the fields that an integration lacks, after asking."""

from collections.abc import Sequence

import typer

from integration_center.access.audit import Action
from integration_center.accounts.store import Account
from integration_center.cli.output import console, errors
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.newest_report import NewestReport
from integration_center.salesforce.objects.field_creation import create_fields, write_help_text
from integration_center.salesforce.objects.field_package import is_creatable
from integration_center.salesforce.org import Org
from integration_center.sync.mapping.missing_fields import MissingField, find_existing, suggest_field
from integration_center.sync.mapping.suggestions import suggest_api_name, suggest_targets
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.texts import measure_texts
from integration_center.wording.plain_text import make_printable


def create_missing(
    installation: Installation, spec: IntegrationSpec, missing: Sequence[MissingField], *, ask: bool
) -> bool:
    """Create the missing fields in the org and grant access to them; return whether that was done.

    Raises:
        ConfigurationError: the connected user may not create fields or change permission sets.
        OrgError: the org refused.
        TransientError: the org did not answer.
    """
    wanted = [field for field in missing if is_creatable(field)]
    if not wanted:
        errors.print(f"No missing field of {spec.name} can be created here.", markup=False, soft_wrap=True)
        return False
    listed = ", ".join(map(_describe, wanted))
    question = make_printable(f"Create on {spec.object} in {spec.environment.title}: {listed}?")
    if ask and not typer.confirm(question, err=True):
        return False
    account = installation.accounts.get(spec.environment)
    with installation.connect(spec.environment) as org:
        said = create_here(installation, account, org, spec.object, wanted, write_help_text(spec.name, spec.report))
    # On standard error, so that JSON stays alone on standard output.
    errors.print(said, markup=False, soft_wrap=True)
    return True


def offer_fields(
    installation: Installation,
    account: Account,
    org: Org,
    schema: SObjectSchema,
    report: NewestReport,
    *,
    keys: Sequence[tuple[str, str]],
    help_text: str,
) -> SObjectSchema:
    """Offer a new field for each column that no field suits, and create what is wanted. Returns the object after that.

    Args:
        installation: keeps the audit log.
        account: the connected account.
        org: its org.
        schema: the object.
        report: the newest rows of the report.
        keys: the key pairs, whose columns need no field and whose fields are taken.
        help_text: says in Salesforce what fills the fields.

    Raises: see `create_missing`.
    """
    of_keys = dict(keys)
    dtypes = {name: dtype for name, dtype in report.likely_dtypes.items() if name not in of_keys}
    suited = suggest_targets(schema, dtypes, [*of_keys.values()])
    longest = measure_texts(report.frame.lazy(), dtypes)
    org_fields = org.list_field_names(schema.name) or ()
    wanted = []
    for column, dtype in dtypes.items():
        suggested = suggest_field(column, suggest_api_name(column), dtype, longest=longest.get(column, 0))
        found = find_existing(suggested, schema, org_fields)
        if column in suited or found is None or not is_creatable(found):
            continue
        if typer.confirm(make_printable(f"No field suits {column!r}. Create {_describe(found)}?"), default=False):
            wanted.append(found)
    if not wanted:
        return schema
    said = create_here(installation, account, org, schema.name, wanted, help_text)
    console.print(said, markup=False, soft_wrap=True)
    return org.describe(schema.name)


def create_here(
    installation: Installation,
    account: Account,
    org: Org,
    object_name: str,
    fields: Sequence[MissingField],
    help_text: str,
) -> str:
    """Create the fields, note it in the audit log, and return what became of them, in words.

    Raises: see `create_missing`.
    """
    environment, sleep = account.environment, org.polling.sleep
    done = create_fields(
        org.session, environment, object_name, fields, account.user_id, help_text=help_text, sleep=sleep
    )
    said = done.summarize(object_name)
    installation.audit.record_command(Action.CREATED_FIELDS, environment=environment, detail=said)
    return said


def _describe(field: MissingField) -> str:
    return f"{field.name} ({'grant access' if field.hidden else field.shape})"
