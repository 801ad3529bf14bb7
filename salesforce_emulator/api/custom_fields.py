"""The Tooling API's resource of custom fields."""

from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.org.custom_fields import add_custom_field
from salesforce_emulator.refusals import Refusal, not_found


def create_custom_field(call: Call) -> Answer:
    """`POST /tooling/sobjects/CustomField`: one field. Without Customize Application the resource is not there."""
    if not call.org.rights.permits("PermissionsCustomizeApplication"):
        raise not_found()
    body = call.json_object()
    metadata = body.get("Metadata")
    if not isinstance(metadata, dict):
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]", ["Metadata"])
    field_id = add_custom_field(call.org, str(body.get("FullName")), metadata)
    data: dict[str, Any] = {"id": field_id, "success": True, "errors": [], "warnings": [], "infos": []}
    return Answer(201, data)
