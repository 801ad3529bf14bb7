"""List what integrations need of an org, object by object and field by field, and nothing else.

Sources: help page "Field-Level Security"; Object Reference, "FieldPermissions"; metadata of public projects, which name
an address as a whole and never its parts.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from integration_center.integration.condition import list_named_fields
from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.schema import SObjectSchema

ALWAYS_READABLE = frozenset(
    {"id", "isdeleted", "name", "lastname", "firstname", "salutation", "ownerid", "isconverted"}
    | {"createddate", "createdbyid", "lastmodifieddate", "lastmodifiedbyid", "systemmodstamp", "lastactivitydate"}
)
"""Standard fields that come with every object. Field-level security does not take them."""
REQUIRED = frozenset({"lead.company", "lead.status", "opportunity.stagename", "opportunity.closedate"})
"""Required standard fields of some objects, which come with them too."""
WITHOUT_PERMISSIONS = frozenset({"User", "Group", "Profile", "UserRole", "RecordType", "Organization"})
"""Objects that a permission set gives no rights on; every user reads them."""
ADDRESS_PART = re.compile(
    r"^(|Billing|Shipping|Mailing|Other|PersonMailing|PersonOther)"
    r"(Street|City|State|StateCode|PostalCode|Country|CountryCode|Latitude|Longitude|GeocodeAccuracy)$"
)
LOCATION_PART = re.compile(r"^(.+)__(?:Latitude|Longitude)__s$")

Describe = Callable[[str], SObjectSchema | None]
"""Describes an object; None when the connected user does not see it."""


@dataclass
class ObjectNeeds:
    """What the integrations of an environment need of one object.

    Attributes:
        object: the API name.
        fields: whether each field has to be edited; the others are only read. The names are those that field-level
            security knows: an address is one field.
        edit: whether records are updated.
    """

    object: str
    fields: dict[str, bool] = field(default_factory=dict)
    edit: bool = False

    def add(self, name: str, *, edit: bool) -> None:
        """Note that a field is read, or read and edited."""
        known = next((each for each in self.fields if each.lower() == name.lower()), name)
        self.fields[known] = self.fields.get(known, False) or edit


def list_needs(specs: Iterable[IntegrationSpec], describe: Describe) -> tuple[ObjectNeeds, ...]:
    """List what the integrations need, by object.

    Args:
        specs: the integrations of one environment.
        describe: describes an object. It tells which fields field-level security does not govern, and which object a
            path such as `Account.Industry` leads to.
    """
    found: dict[str, ObjectNeeds] = {}

    def needs_of(name: str) -> ObjectNeeds:
        return found.setdefault(name.lower(), ObjectNeeds(name))

    for spec in specs:
        needs, schema = needs_of(spec.object), describe(spec.object)
        needs.edit = True
        named = [*spec.key_fields, *list_named_fields(spec.where or "")]
        for path in named:
            if "." in path:
                _add_path(path, needs, schema, needs_of)
            else:
                _add_field(path, needs, schema, edit=False)
        for mapping in spec.fields:
            _add_field(mapping.field, needs, schema, edit=True)
    return tuple(sorted(found.values(), key=lambda each: each.object))


def find_governing(name: str, schema: SObjectSchema | None) -> str | None:
    """Return the field whose field-level security decides about a field; None when it comes with the object."""
    described = schema.get(name) if schema else None
    if part := LOCATION_PART.fullmatch(name):
        return f"{part[1]}__c"
    if part := ADDRESS_PART.fullmatch(described.name if described else name):
        return f"{part[1]}Address"
    if described is not None:
        return described.name if described.permissionable else None
    # A field that describe hides is governed, or it would not be hidden.
    return name


def _add_field(name: str, needs: ObjectNeeds, schema: SObjectSchema | None, *, edit: bool) -> None:
    known = {name.lower(), f"{needs.object}.{name}".lower()}
    if schema is None and known & (ALWAYS_READABLE | REQUIRED):
        return
    if governing := find_governing(name, schema):
        needs.add(governing, edit=edit)


def _add_path(
    path: str, needs: ObjectNeeds, schema: SObjectSchema | None, needs_of: Callable[[str], ObjectNeeds]
) -> None:
    """Note the lookup of a path such as `Account.Industry`, and what lies behind it."""
    relationship, _, rest = path.partition(".")
    if relationship.lower() == needs.object.lower():  # the object's own name may begin a path
        _add_field(rest, needs, schema, edit=False)
        return
    custom = relationship.lower().endswith("__r")
    lookup = f"{relationship[:-3]}__c" if custom else f"{relationship}Id"
    _add_field(lookup, needs, schema, edit=False)
    described = schema.get(lookup) if schema else None
    parents = [name for name in (described.reference_to if described else ()) if name not in WITHOUT_PERMISSIONS]
    if len(parents) == 1 and "." not in rest:
        _add_field(rest, needs_of(parents[0]), None, edit=False)
