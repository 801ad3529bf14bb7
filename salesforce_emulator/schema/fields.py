"""Fields of the org's objects: what describe says of them, as data."""

from dataclasses import dataclass
from typing import Literal

FieldType = Literal[
    "id", "string", "textarea", "email", "phone", "url", "combobox", "encryptedstring", "picklist", "multipicklist",
    "int", "long", "double", "currency", "percent", "boolean", "date", "datetime", "time", "reference", "address",
    "location", "base64", "anyType",
]  # fmt: skip
TEXT_TYPES = frozenset(
    {
        *("string", "textarea", "email", "phone", "url", "combobox", "encryptedstring", "picklist", "multipicklist"),
        *("base64", "anyType"),
    }
)
NUMBER_TYPES = frozenset({"int", "long", "double", "currency", "percent"})
COMPOUND_TYPES = frozenset({"address", "location"})
"""What shows other fields together and stores nothing itself."""

_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "int": "xsd:int", "long": "xsd:long", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "boolean": "xsd:boolean", "date": "xsd:date",
    "datetime": "xsd:dateTime", "time": "xsd:time", "address": "urn:address", "location": "urn:location",
    "base64": "xsd:base64Binary", "anyType": "xsd:anyType",
}  # fmt: skip
_NOT_GROUPABLE = {
    *("double", "currency", "percent", "datetime", "address", "location", "multipicklist", "time"),
    *("encryptedstring", "base64", "anyType"),
}
_NOT_FILTERABLE = {"encryptedstring", "base64", "anyType"}
_NOT_PREFILTERABLE = {"Owner", "CreatedBy", "LastModifiedBy", "MasterRecord"}
LONG_TEXT = 256
"""Text areas from this length on are long text: not filterable, not sortable."""


@dataclass(frozen=True)
class PicklistValue:
    """One choice of a picklist; an inactive one is still listed by describe. Without a label it shows its value."""

    value: str
    active: bool = True
    default: bool = False
    label: str = ""


@dataclass(frozen=True)
class Field:
    """One field of an object.

    Attributes:
        name: the API name.
        label: the field label, which error messages use.
        type: the describe type.
        length: characters a text may have.
        digits: digits an `int` may have.
        precision: digits a number may have in all.
        scale: of them, digits after the point.
        compound: the compound field this one is a part of.
        extra: describe's `extraTypeInfo`.
        sql: for a formula or a composed name: how the value is worked out from the row (columns without alias).
        formula: the formula text that describe shows.
        components: for an address or a location: the fields it is made of.
        html: whether a text area is rich text.
    """

    name: str
    label: str
    type: FieldType
    length: int = 0
    digits: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted: bool = False
    default: str | bool | None = None
    permissionable: bool | None = None
    name_field: bool = False
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    auto_number: str | None = None
    restricted: bool = False
    values: tuple[PicklistValue, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    extra: str | None = None
    sql: str | None = None
    formula: str | None = None
    components: tuple[str, ...] = ()
    html: bool = False
    aggregatable: bool | None = None

    @property
    def custom(self) -> bool:
        """Tell a custom field by its suffix."""
        return self.name.endswith(("__c", "__s"))

    @property
    def is_long_text(self) -> bool:
        """Tell a long text area, which can be neither filtered nor sorted."""
        return self.type == "textarea" and self.length >= LONG_TEXT

    @property
    def filterable(self) -> bool:
        """Tell whether WHERE may name the field."""
        return not self.is_long_text and self.type not in _NOT_FILTERABLE

    @property
    def sortable(self) -> bool:
        """Tell whether ORDER BY may name the field."""
        return self.filterable and self.type not in COMPOUND_TYPES | {"multipicklist"}

    @property
    def can_aggregate(self) -> bool:
        """Tell whether aggregate functions may name the field."""
        if self.aggregatable is not None:
            return self.aggregatable
        return self.filterable and self.type not in COMPOUND_TYPES | {"boolean", "multipicklist", "time"}

    @property
    def required(self) -> bool:
        """Tell whether a caller has to give a value on create."""
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"

    @property
    def stored(self) -> bool:
        """Tell a column of the table from a worked-out value."""
        return self.sql is None and self.type not in COMPOUND_TYPES

    @property
    def takes_permissions(self) -> bool:
        """Tell whether field-level security governs the field; a required or system field comes with its object."""
        if self.permissionable is not None:
            return self.permissionable
        is_compound_part = self.name in ("FirstName", "LastName", "Salutation", "Name")
        return self.nillable and self.createable and not is_compound_part

    def describe(self) -> dict[str, object]:
        """Return describe's attributes of the field, in describe's order."""
        is_text = self.type in TEXT_TYPES
        return {
            "aggregatable": self.can_aggregate,
            "aiPredictionField": False,
            "autoNumber": self.auto_number is not None,
            "byteLength": (self.length if self.type in ("id", "reference") else self.length * 3),
            "calculated": self.formula is not None,
            "calculatedFormula": self.formula,
            "cascadeDelete": False,
            "caseSensitive": self.case_sensitive,
            "compoundFieldName": self.compound,
            "controllerName": None,
            "createable": self.createable,
            "custom": self.custom,
            "defaultValue": False if self.type == "boolean" and self.default is None else self.default,
            "defaultValueFormula": None,
            "defaultedOnCreate": self.defaulted,
            "dependentPicklist": False,
            "deprecatedAndHidden": False,
            "digits": self.digits,
            "displayLocationInDecimal": False,
            "encrypted": self.type == "encryptedstring",
            "externalId": self.external_id,
            "extraTypeInfo": self.extra,
            "filterable": self.filterable,
            "filteredLookupInfo": None,
            "formulaTreatNullNumberAsZero": False,
            "groupable": self.type not in _NOT_GROUPABLE and not self.is_long_text and self.formula is None,
            "highScaleNumber": False,
            "htmlFormatted": self.html,
            "idLookup": self.id_lookup,
            "inlineHelpText": None,
            "label": self.label,
            "length": self.length if is_text or self.type in ("id", "reference") else 0,
            "mask": "*" if self.type == "encryptedstring" else None,
            "maskType": "all" if self.type == "encryptedstring" else None,
            "name": self.name,
            "nameField": self.name_field,
            "namePointing": len(self.reference_to) > 1,
            "nillable": self.nillable,
            "permissionable": self.takes_permissions,
            "picklistValues": [
                {
                    "active": choice.active,
                    "defaultValue": choice.default,
                    "label": choice.label or choice.value,
                    "validFor": None,
                    "value": choice.value,
                }
                for choice in self.values
            ],
            "polymorphicForeignKey": len(self.reference_to) > 1,
            "precision": self.precision,
            "queryByDistance": self.type in COMPOUND_TYPES,
            "referenceTargetField": None,
            "referenceTo": list(self.reference_to),
            "relationshipName": self.relationship,
            "relationshipOrder": None,
            "restrictedDelete": False,
            "restrictedPicklist": self.restricted,
            "scale": self.scale,
            "searchPrefilterable": self.type == "reference" and self.relationship not in _NOT_PREFILTERABLE,
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
            "sortable": self.sortable,
            "type": self.type,
            "unique": self.unique,
            "updateable": self.updateable,
            "writeRequiresMasterRead": False,
        }
