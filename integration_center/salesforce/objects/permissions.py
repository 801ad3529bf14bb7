"""Find out what describe does not say about the connected user's access: hidden fields, and converted Leads.

Each question costs a call, so callers ask only where the answer matters. An org that refuses to answer is not an error:
the caller continues as if it had not asked.

Sources: Tooling API, "FieldDefinition"; Object Reference, "UserPermissionAccess"; help page "Let Users View and Edit
Converted Leads".
"""

import logging
from collections.abc import Mapping, Sequence

from integration_center.errors import OrgError, TransientError
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, quote

logger = logging.getLogger(__name__)

EDITS_CONVERTED = "PermissionsAllowViewEditConvertedLeads"


def list_field_names(session: Session, object_name: str) -> frozenset[str] | None:
    """List all fields of an object, including those that field-level security hides, in one call.

    FieldDefinition lists every custom field, but may leave out the parts of standard compound fields.

    Returns:
        The API names; None when the org does not list them.
    """
    where = f"EntityDefinition.QualifiedApiName = {quote(object_name)}"
    soql = build_select(["QualifiedApiName"], "FieldDefinition", where)
    try:
        records = session.get_json("tooling/query", params={"q": soql}, members={"records": list})["records"]
    except (OrgError, TransientError) as error:
        logger.info("the org does not list the fields of %s (%s)", object_name, error)
        return None
    return frozenset(name for record in records if (name := record.get("QualifiedApiName"))) or None


def read_permissions(session: Session, names: Sequence[str]) -> Mapping[str, bool] | None:
    """Read which permissions the connected user has, in one call.

    Args:
        session: the session of the connected user.
        names: fields of UserPermissionAccess, such as `PermissionsModifyAllData`.

    Returns:
        Whether the user has each of them; None when the org does not tell.
    """
    soql = f"{build_select(names, 'UserPermissionAccess')} LIMIT 1"
    try:
        records = session.get_json("query", params={"q": soql}, members={"records": list})["records"]
    except (OrgError, TransientError) as error:
        logger.info("the org does not tell the permissions of the connected user (%s)", error)
        return None
    return next(({name: record.get(name) is True for name in names} for record in records), None)


def may_edit_converted_leads(session: Session) -> bool:
    """Return whether the connected user has "View and Edit Converted Leads", in one call; False without an answer."""
    return bool((read_permissions(session, [EDITS_CONVERTED]) or {}).get(EDITS_CONVERTED))
