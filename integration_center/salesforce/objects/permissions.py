"""What describe does not tell of the connected user's access: fields that are hidden, and converted Leads.

Both cost a call, so both are asked only where the answer matters. An org that refuses to say is no error: then the
caller goes on as if it had not asked.

Sources: Tooling API, "FieldDefinition"; Object Reference, "UserPermissionAccess"; help page "Let Users View and Edit
Converted Leads".
"""

import logging

from integration_center.errors import OrgError, TransientError
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, quote

logger = logging.getLogger(__name__)

EDITS_CONVERTED = "PermissionsAllowViewEditConvertedLeads"


def list_field_names(session: Session, object_name: str) -> frozenset[str] | None:
    """The names of all fields of an object, those included that field-level security hides: one call.

    FieldDefinition lists custom fields one by one; of standard compound fields it may leave out the parts.

    Returns:
        The API names; None when the org does not tell.
    """
    where = f"EntityDefinition.QualifiedApiName = {quote(object_name)}"
    soql = build_select(["QualifiedApiName"], "FieldDefinition", where)
    try:
        records = session.get_json("tooling/query", params={"q": soql}).get("records") or ()
    except (OrgError, TransientError) as error:
        logger.info("the org does not list the fields of %s (%s)", object_name, error)
        return None
    return frozenset(name for record in records if (name := record.get("QualifiedApiName"))) or None


def may_edit_converted_leads(session: Session) -> bool:
    """Whether the connected user has "View and Edit Converted Leads": one call; no when the org does not tell."""
    soql = f"{build_select([EDITS_CONVERTED], 'UserPermissionAccess')} LIMIT 1"
    try:
        records = session.get_json("query", params={"q": soql}).get("records") or ()
    except (OrgError, TransientError) as error:
        logger.info("the org does not tell whether converted Leads may be edited (%s): they are left alone", error)
        return False
    return any(record.get(EDITS_CONVERTED) is True for record in records)
