"""What fires when a record is saved: triggers, flows, validation rules, workflow rules, duplicate rules.

Sources: Tooling API guide, "ApexTrigger", "Flow", "ValidationRule", "WorkflowRule"; Object Reference,
"FlowDefinitionView" and "DuplicateRule". An org answers each of them on one of its two query resources only.
"""

from salesforce_emulator.schema.field_kinds import checkbox, identity, reference, text, text_area
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.schema import SObject

METADATA = Field("Metadata", "Metadata", "anyType")
"""Only for a query that finds one row; stored as JSON."""
_ENTITY = reference("EntityDefinitionId", "Entity Definition ID", ("EntityDefinition",), "EntityDefinition")
_USAGES = (
    *("BeforeInsert", "AfterInsert", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete", "AfterUndelete"),
    "IsBulk",
)


def _build(name: str, label: str, prefix: str, *fields: Field) -> SObject:
    namespace = text("NamespacePrefix", "Namespace Prefix", 15)
    kept = identity(label)
    return SObject(name, label, f"{label}s", prefix, (*kept, *fields, namespace), writable=False, bulk=False)


APEX_TRIGGER = _build(
    "ApexTrigger",
    "Apex Trigger",
    "01q",
    text("Name", "Name", 255),
    text("Status", "Status", 40),
    text("TableEnumOrId", "Custom Object Definition ID", 40),
    _ENTITY,
    text_area("Body", "Body", 1_000_000),
    text("ManageableState", "Manageable State", 40),
    *(checkbox(f"Usage{usage}", usage) for usage in _USAGES),
)

VALIDATION_RULE = _build(
    "ValidationRule",
    "Validation Rule",
    "03d",
    text("ValidationName", "Validation Name", 80),
    checkbox("Active", "Active"),
    text("ErrorMessage", "Error Message", 255),
    text("ErrorDisplayField", "Error Display Field", 255),
    _ENTITY,
    METADATA,
)

WORKFLOW_RULE = _build(
    "WorkflowRule", "Workflow Rule", "01Q", text("Name", "Name", 80), text("TableEnumOrId", "Object", 40), METADATA
)

FLOW = _build("Flow", "Flow Version", "301", text("MasterLabel", "Label", 255), text("Status", "Status", 40), METADATA)

FLOW_DEFINITION_VIEW = _build(
    "FlowDefinitionView",
    "Flow Definition View",
    "3dd",
    text("ApiName", "API Name", 255),
    text("Label", "Label", 255),
    text("ProcessType", "Process Type", 40),
    text("TriggerType", "Trigger Type", 40),
    text("RecordTriggerType", "Record Trigger Type", 40),
    reference("TriggerObjectOrEventId", "Trigger", ("EntityDefinition",), "TriggerObjectOrEvent"),
    # Text, because that of a managed flow is a name.
    text("ActiveVersionId", "Active Flow Version API Name or ID", 255),
    checkbox("IsActive", "Active"),
    text("ManageableState", "Manageable State", 40),
)

DUPLICATE_RULE = _build(
    "DuplicateRule",
    "Duplicate Rule",
    "0Bm",
    text("DeveloperName", "Developer Name", 80),
    text("MasterLabel", "Label", 80),
    text("SobjectType", "Object Type", 40),
    text("SobjectSubtype", "Object Subtype", 40),
    checkbox("IsActive", "Active"),
)

CUSTOM_FIELD = _build(
    "CustomField",
    "Custom Field",
    "00N",
    text("DeveloperName", "Developer Name", 80),
    text("TableEnumOrId", "Object", 40),
    _ENTITY,
    METADATA,
)

TOOLING_ONLY = frozenset({"ApexTrigger", "ValidationRule", "WorkflowRule", "Flow", "CustomField"})
AUTOMATION_OBJECTS = (APEX_TRIGGER, VALIDATION_RULE, WORKFLOW_RULE, FLOW, FLOW_DEFINITION_VIEW, DUPLICATE_RULE)
