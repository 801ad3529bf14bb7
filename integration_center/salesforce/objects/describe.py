"""Parse describe answers into our schema. Source: REST API, "sObject Describe"; real answers of API v58."""

from dataclasses import dataclass
from typing import Any

from integration_center.errors import ConfigurationError, IntegrationCenterError, OrgError, SchemaMismatch
from integration_center.salesforce.client.session import Session
from integration_center.sync.schema import SObjectField, SObjectSchema

DESCRIBE_MEMBERS = {"name": str, "fields": list}


@dataclass(frozen=True)
class SObjectSummary:
    """One object in the org's list of objects.

    Attributes:
        layoutable: whether people see it on pages of its own, as objects with records of the business.
    """

    name: str
    label: str
    queryable: bool
    updateable: bool
    custom: bool
    layoutable: bool = False


def parse_field(json: dict[str, Any]) -> SObjectField:
    """Parse one entry of describe's `fields`."""
    # Describe lists inactive values too, but the org refuses them.
    choices = [item for item in json.get("picklistValues") or () if item.get("active", True) and item.get("value")]
    return SObjectField(
        name=json["name"],
        label=json.get("label") or json["name"],
        type=json["type"],
        length=json.get("length") or 0,
        digits=json.get("digits") or 0,
        precision=json.get("precision") or 0,
        scale=json.get("scale") or 0,
        nillable=bool(json.get("nillable")),
        updateable=bool(json.get("updateable")),
        filterable=bool(json.get("filterable")),
        aggregatable=bool(json.get("aggregatable")),
        case_sensitive=bool(json.get("caseSensitive")),
        unique=bool(json.get("unique")),
        external_id=bool(json.get("externalId")),
        id_lookup=bool(json.get("idLookup")),
        calculated=bool(json.get("calculated")),
        auto_number=bool(json.get("autoNumber")),
        restricted_picklist=bool(json.get("restrictedPicklist")),
        html_formatted=bool(json.get("htmlFormatted")),
        custom=bool(json.get("custom")),
        picklist=tuple(item["value"] for item in choices),
        picklist_labels=tuple(item.get("label") or item["value"] for item in choices),
        reference_to=tuple(json.get("referenceTo") or ()),
        permissionable=bool(json.get("permissionable", True)),
        compound=json.get("compoundFieldName") or None,
        master_detail=json.get("relationshipOrder") is not None,
    )


def parse_describe(json: dict[str, Any]) -> SObjectSchema:
    """Parse a whole describe answer."""
    return SObjectSchema(
        name=json["name"],
        label=json.get("label") or json["name"],
        queryable=bool(json.get("queryable")),
        updateable=bool(json.get("updateable")),
        fields=tuple(parse_field(field) for field in json["fields"]),
        createable=bool(json.get("createable")),
        deletable=bool(json.get("deletable")),
    )


def read_schema(session: Session, name: str) -> SObjectSchema:
    """Describe the object `name`, in one API call.

    Raises:
        SchemaMismatch: the org has no such object, or hides it from the connected user.
    """
    if not name.isidentifier():
        raise SchemaMismatch(f"{name!r} is not an API name of an object")
    try:
        return parse_describe(session.get_json(f"sobjects/{name}/describe", members=DESCRIBE_MEMBERS))
    except OrgError as error:
        _check_version(session, error)
        if error.status == 404 or error.code in {"NOT_FOUND", "INVALID_TYPE"}:
            raise SchemaMismatch(
                f"the org has no object {name}, or the connected user may not see it; check its API name, or ask the"
                f" Salesforce admin for the right Read on {name}",
                code=error.code,
                status=error.status,
            ) from None
        raise


def read_objects(session: Session) -> tuple[SObjectSummary, ...]:
    """List the objects of the org that are not being retired, in one API call.

    Raises:
        ConfigurationError: the org does not offer the API version.
    """
    try:
        found = session.get_json("sobjects", members={"sobjects": list})
    except OrgError as error:
        _check_version(session, error)
        raise
    return tuple(
        SObjectSummary(
            row["name"],
            row.get("label") or row["name"],
            bool(row.get("queryable")),
            bool(row.get("updateable")),
            bool(row.get("custom")),
            bool(row.get("layoutable")),
        )
        for row in found["sobjects"]
        if not row.get("deprecatedAndHidden")
    )


def _check_version(session: Session, error: OrgError) -> None:
    """Check, after a refused request, that the org offers the session's API version. Takes one more call.

    Without that version the org knows no address, and says of every object that it does not exist.

    Args:
        session: the session whose request was refused.
        error: the refusal. The check is made only if it says that the address is unknown.

    Raises:
        ConfigurationError: the org does not offer the version. The message names the versions that it offers.
    """
    if error.status not in {404, 410} and error.code != "UNSUPPORTED_API_VERSION":
        return
    try:
        rows = session.get_json("/services/data")
        offered = [str(row["version"]) for row in rows]
    except (IntegrationCenterError, LookupError, TypeError, ValueError):
        return  # the caller reports the first refusal
    wanted = session.base_path.rpartition("/v")[2]
    if offered and wanted not in offered:
        raise ConfigurationError(
            f"the org does not offer API version {wanted}; it offers {offered[0]} to {offered[-1]}",
            setting="Change INTEGRATION_CENTER_API_VERSION",
        ) from None
