"""EntityDefinition and FieldDefinition: the org's own list of its objects and fields, hidden ones included.

Source: Tooling API guide, "FieldDefinition". The Tooling API's query and the data API's both read it.
"""

from dataclasses import replace

from salesforce_emulator.schema.field_kinds import checkbox, identity, read_only, reference, text
from salesforce_emulator.schema.schema import SObject

ENTITY_DEFINITION = SObject(
    "EntityDefinition",
    "Entity Definition",
    "Entity Definitions",
    "4ie",
    (
        identity("Entity Definition")[0],
        read_only(text("QualifiedApiName", "Qualified API Name", 70, required=True)),
        read_only(text("Label", "Label", 80)),
    ),
    writable=False,
    bulk=False,
)

FIELD_DEFINITION = SObject(
    "FieldDefinition",
    "Field Definition",
    "Field Definitions",
    "4fe",
    (
        identity("Field Definition")[0],
        read_only(text("QualifiedApiName", "Qualified API Name", 70, required=True)),
        read_only(text("Label", "Label", 80)),
        read_only(
            replace(
                reference("EntityDefinitionId", "Entity Definition ID", ("EntityDefinition",), "EntityDefinition"),
                nillable=False,
            )
        ),
        read_only(text("DataType", "Data Type", 80)),
        read_only(checkbox("IsCalculated", "Is Calculated")),
    ),
    writable=False,
    bulk=False,
)
