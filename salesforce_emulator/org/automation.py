"""Put triggers, flows and rules into an org, as its administrators do. They are read by clients, and change nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.schema.objects.automation import AUTOMATION_OBJECTS


def add_trigger(
    org: Org,
    sobject: str,
    name: str,
    body: str = "",
    *,
    events: Sequence[str] = ("BeforeUpdate",),
    status: str = "Active",
    namespace: str | None = None,
) -> None:
    """Add an Apex trigger. The body of a managed one is hidden."""
    row = {
        "Name": name,
        "Status": status,
        "TableEnumOrId": sobject,
        "EntityDefinitionId": _find_entity(org, sobject),
        "Body": "(hidden)" if namespace else body,
        "NamespacePrefix": namespace,
        "ManageableState": "installed" if namespace else "unmanaged",
        **{f"Usage{event}": 1 for event in events},
    }
    _insert(org, "ApexTrigger", row)


def add_validation_rule(org: Org, sobject: str, name: str, formula: str, *, active: bool = True) -> None:
    """Add a validation rule."""
    metadata = {"active": active, "errorConditionFormula": formula, "errorMessage": "No", "description": None}
    row = {"ValidationName": name, "Active": int(active), "ErrorMessage": "No", "Metadata": json.dumps(metadata)}
    _insert(org, "ValidationRule", {**row, "EntityDefinitionId": _find_entity(org, sobject)})


def add_workflow_rule(org: Org, sobject: str, name: str, field: str, *, active: bool = True) -> None:
    """Add a workflow rule with one criterion."""
    criteria = [{"field": f"{sobject}.{field}", "operation": "equals", "value": "1"}]
    metadata = {"active": active, "triggerType": "onAllChanges", "formula": None, "criteriaItems": criteria}
    _insert(org, "WorkflowRule", {"Name": name, "TableEnumOrId": sobject, "Metadata": json.dumps(metadata)})


def add_flow(
    org: Org,
    sobject: str,
    name: str,
    field: str,
    *,
    trigger: str = "RecordAfterSave",
    event: str = "Update",
    namespace: str | None = None,
    draft: bool = False,
) -> None:
    """Add an active record-triggered flow with one entry condition. A managed one cannot be opened.

    Args:
        org: the org.
        sobject: the object whose records trigger the flow.
        name: the API name.
        field: the field of the entry condition.
        trigger: the type of the trigger.
        event: the kind of change that triggers it.
        namespace: the namespace of its package, if any.
        draft: whether a later version is being written. `IsActive` is about the latest version.
    """
    start = {
        "object": sobject,
        "triggerType": trigger,
        "recordTriggerType": event,
        "filters": [{"field": field, "operator": "IsChanged", "value": {"booleanValue": True}}],
    }
    metadata = {"processType": "AutoLaunchedFlow", "status": "Active", "start": start, "recordUpdates": []}
    version = f"{namespace}__{name}-1"
    if namespace is None:
        version = _insert(org, "Flow", {"MasterLabel": name, "Status": "Active", "Metadata": json.dumps(metadata)})
    row = {
        "ApiName": name,
        "Label": name.replace("_", " "),
        "ProcessType": "AutoLaunchedFlow",
        "TriggerType": trigger,
        "RecordTriggerType": event,
        "TriggerObjectOrEventId": _find_entity(org, sobject),
        "ActiveVersionId": version,
        "IsActive": int(not draft),
        "NamespacePrefix": namespace,
    }
    _insert(org, "FlowDefinitionView", row)


def add_process(org: Org, sobject: str, name: str, field: str, *, active: bool = True) -> None:
    """Add a process of Process Builder: a flow that names its object in its content alone."""
    values = {"ObjectType": sobject, "TriggerType": "onAllChanges"}
    metadata = {
        "processType": "Workflow",
        "status": "Active",
        "processMetadataValues": [{"name": key, "value": {"stringValue": value}} for key, value in values.items()],
        "decisions": [{"name": "isChangedDecision", "rules": [{"conditions": [{"leftValueReference": field}]}]}],
    }
    version = _insert(org, "Flow", {"MasterLabel": name, "Status": "Active", "Metadata": json.dumps(metadata)})
    row = {"ApiName": name, "Label": name, "ProcessType": "Workflow", "IsActive": int(active)}
    _insert(org, "FlowDefinitionView", {**row, "ActiveVersionId": version if active else None})


def add_duplicate_rule(org: Org, sobject: str, name: str) -> None:
    """Add an active duplicate rule."""
    row = {"DeveloperName": name, "MasterLabel": name.replace("_", " "), "SobjectType": sobject, "IsActive": 1}
    _insert(org, "DuplicateRule", row)


def clear_automation(org: Org) -> None:
    """Delete all triggers, flows and rules."""
    with org.store.writing() as connection:
        for sobject in AUTOMATION_OBJECTS:
            connection.execute(f'DELETE FROM "{sobject.name}"')  # noqa: S608


def _find_entity(org: Org, sobject: str) -> str:
    return str(org.store.value('SELECT Id FROM "EntityDefinition" WHERE QualifiedApiName = ?', (sobject,)))


def _insert(org: Org, sobject: str, values: Mapping[str, Any]) -> str:
    described = org.schema.find_any(sobject)
    if described is None or described.key_prefix is None:
        raise KeyError(sobject)
    flags = {item.name: 0 for item in described.stored if item.type == "boolean"}
    row = {**flags, **values, "Id": org.new_id(described.key_prefix)}
    org.store.insert_many(sobject, tuple(row), [tuple(row.values())])
    return str(row["Id"])
