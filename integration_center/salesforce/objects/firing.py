"""Find what fires in the org when a record of an object is updated, and which automation reads the mapped fields.

Each question is asked on its own. One that the org refuses is named as not seen, and stops nothing. Metadata is read
one by one, so only the first few of each kind are opened.

Sources: Tooling API guide, "ApexTrigger", "ValidationRule", "WorkflowRule" and "Flow"; Object Reference,
"FlowDefinitionView" and "DuplicateRule"; Metadata API Developer Guide, "Flow" (`processMetadataValues` of a process);
Apex Developer Guide, "Triggers and Order of Execution". A missing right looks like an unknown object or like no rows.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import TypeAdapter

from integration_center.errors import IntegrationCenterError, LimitExceeded, OrgError
from integration_center.salesforce.client.faults import IncompleteRead
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, quote
from integration_center.sync.schema import SObjectSchema

OPENED = 5
"""Rules and flows of one kind whose content is read."""
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
"""An id. The active version of a managed flow is a name instead."""
HIDDEN_BODY = "(hidden)"
PAGES = 20
"""The most pages of one answer that are read."""
UNKNOWN_TO_USER = ("INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS")
"""How the codes begin with which an org hides its automation from a user."""
UNSEEN_ALWAYS = (
    "sharing, escalation, entitlement and approval rules, and automation outside of Salesforce: its API does not tell",
)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fires:
    """One thing that fires when a record is updated.

    Attributes:
        kind: such as `Apex trigger`.
        when: such as `before update`; empty where the kind says it.
        fields: the fields that it names; None when its content was not read.
    """

    kind: str
    name: str
    when: str
    fields: tuple[str, ...] | None

    def describe(self) -> str:
        """Describe it in one sentence, with the mapped fields that it reads."""
        what = f"{self.kind} {self.name}" + (f" ({self.when})" if self.when else "")
        if self.fields is None:
            return f"{what}: its content cannot be read"
        return f"{what} reads {', '.join(self.fields)}" if self.fields else f"{what} names none of the mapped fields"


@dataclass(frozen=True)
class Firing:
    """All that fires when a record of an object is updated, as far as the org tells.

    Attributes:
        found: what fires.
        unseen: what could not be looked at, and why.
    """

    found: tuple[Fires, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether a kind of rule that the org does tell of could not be looked at, or not all of it."""
        return self.unseen != UNSEEN_ALWAYS

    def about(self, fields: Collection[str]) -> Self:
        """Return the same with regard to some fields only, those that read one of them first."""
        wanted = {name.lower(): name for name in fields}
        found = [
            each
            if each.fields is None
            else replace(each, fields=tuple(wanted[name.lower()] for name in each.fields if name.lower() in wanted))
            for each in self.found
        ]
        found.sort(key=lambda each: (not each.fields, each.fields is not None, each.kind, each.name))
        return replace(self, found=tuple(found))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = FIRING.dump_python(self, mode="json")
        return plain

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Firing":
        """Read what `to_json` returned."""
        return FIRING.validate_python(value)


FIRING = TypeAdapter(Firing)


@dataclass
class _Look:
    """One look at an object."""

    session: Session
    schema: SObjectSchema
    fields: Sequence[str]
    found: list[Fires] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def query(self, path: str, columns: Sequence[str], table: str, where: str) -> list[Row]:
        """Return the rows of a query."""
        soql = build_select(columns, table, where)
        answer = self.session.get_json(path, params={"q": soql})
        rows: list[Row] = []
        for _ in range(PAGES):
            rows += answer.get("records") or ()
            if answer.get("done", True):
                return rows
            if not isinstance(following := answer.get("nextRecordsUrl"), str):
                break
            answer = self.session.get_json(following)
        raise IncompleteRead(f"only {len(rows)} rows of {table} were read")

    def open(self, table: str, row_id: str) -> Mapping[str, Any] | None:
        """Return the content of one rule or flow; None when the org does not show it."""
        try:
            rows = self.query("tooling/query", ["Metadata"], table, f"Id = {quote(row_id)}")
        except LimitExceeded:
            raise
        except OrgError:
            return None
        return next((row.get("Metadata") for row in rows), None)

    def open_flow(self, row: Row, number: int) -> Mapping[str, Any] | None:
        """Return the content of a flow's active version; None when the org does not show it, or enough were opened."""
        version = str(row.get("ActiveVersionId") or "")
        return self.open("Flow", version) if RECORD_ID.fullmatch(version) and number < OPENED else None

    def add(self, kind: str, name: str, when: str, content: str | None) -> None:
        """Note something that fires; `content` is None when it cannot be read."""
        named = None if content is None else find_named(content, self.fields)
        self.found.append(Fires(kind, name, when, named))


def look_at_firing(session: Session, schema: SObjectSchema) -> Firing:
    """Look at what fires when records of an object are updated, and which of its fields that names.

    Takes some ten calls, and never raises.
    """
    look = _Look(session, schema, [each.name for each in schema.fields])
    questions: dict[str, Callable[[_Look], None]] = {
        "Apex triggers": _find_triggers,
        "record-triggered flows": _find_flows,
        "processes of Process Builder": _find_processes,
        "validation rules": _find_validation_rules,
        "duplicate rules": _find_duplicate_rules,
        "workflow rules": _find_workflow_rules,
        "roll-up summaries on parents": _find_roll_ups,
    }
    for what, find in questions.items():
        try:
            find(look)
        except IntegrationCenterError as error:
            look.unseen.append(f"{what}: {_say_unseen(getattr(error, 'code', None))}")
    return Firing(tuple(look.found), (*look.unseen, *UNSEEN_ALWAYS))


def _say_unseen(code: str | None) -> str:
    if code is not None and code.startswith(UNKNOWN_TO_USER):
        return f"the connected user may not see them ({code}); that takes View Setup and Configuration"
    return f"the org did not answer{f' ({code})' if code else ''}"


def find_named(content: str, fields: Collection[str]) -> tuple[str, ...]:
    """List the fields that a text names as a word, ignoring case."""
    words = {word.lower() for word in re.findall(r"\w+", content)}
    return tuple(name for name in fields if name.lower() in words)


def _find_triggers(look: _Look) -> None:
    usages = {"UsageBeforeUpdate": "before update", "UsageAfterUpdate": "after update"}
    where = f"EntityDefinition.QualifiedApiName = {quote(look.schema.name)} AND Status = 'Active'"
    for row in look.query("tooling/query", ["Name", "NamespacePrefix", "Body", *usages], "ApexTrigger", where):
        when = " and ".join(words for usage, words in usages.items() if row.get(usage))
        if when:
            body = row.get("Body")
            look.add("Apex trigger", _say_name(row, "Name"), when, None if body in {None, HIDDEN_BODY} else str(body))


def _find_flows(look: _Look) -> None:
    columns = [
        *("ApiName", "Label", "TriggerType", "RecordTriggerType", "TriggerObjectOrEvent.QualifiedApiName"),
        *("ActiveVersionId", "IsActive", "NamespacePrefix"),
    ]
    where = "TriggerType IN ('RecordBeforeSave', 'RecordAfterSave')"
    flows = [
        row
        for row in look.query("query", columns, "FlowDefinitionView", where)
        if (row.get("TriggerObjectOrEvent") or {}).get("QualifiedApiName") == look.schema.name
        and row.get("RecordTriggerType") in {"Update", "CreateAndUpdate"}
        and _is_active(row)
    ]
    for number, row in enumerate(flows):
        when = "before saving" if row["TriggerType"] == "RecordBeforeSave" else "after saving"
        content = look.open_flow(row, number)
        look.add("Flow", _say_name(row, "ApiName"), when, None if content is None else json.dumps(content))


def _find_processes(look: _Look) -> None:
    """Find processes. Only the content of a process names its object."""
    columns = ["ApiName", "ActiveVersionId", "IsActive", "NamespacePrefix"]
    rows = look.query("query", columns, "FlowDefinitionView", "ProcessType = 'Workflow'")
    active = [row for row in rows if _is_active(row)]
    unread = 0
    for number, row in enumerate(active):
        content = look.open_flow(row, number)
        if content is None:
            unread += 1
            continue
        process = {
            each.get("name"): (each.get("value") or {}).get("stringValue")
            for each in content.get("processMetadataValues") or ()
        }
        if process.get("ObjectType") == look.schema.name and process.get("TriggerType") != "onCreateOnly":
            look.add("Process", _say_name(row, "ApiName"), "after saving", json.dumps(content))
    if unread:
        look.unseen.append(f"processes of Process Builder: {unread:,} of {len(active):,} were not opened")


def _is_active(row: Row) -> bool:
    """Return whether a version of a flow is active. `IsActive` says so of the latest version alone."""
    return bool(row.get("IsActive") or row.get("ActiveVersionId"))


def _find_validation_rules(look: _Look) -> None:
    where = f"EntityDefinition.QualifiedApiName = {quote(look.schema.name)} AND Active = true"
    rules = look.query("tooling/query", ["Id", "ValidationName", "NamespacePrefix"], "ValidationRule", where)
    for number, row in enumerate(rules):
        content = look.open("ValidationRule", row["Id"]) if number < OPENED else None
        formula = None if content is None else str(content.get("errorConditionFormula") or "")
        look.add("Validation rule", _say_name(row, "ValidationName"), "", formula)


def _find_duplicate_rules(look: _Look) -> None:
    where = f"IsActive = true AND SobjectType = {quote(look.schema.name)}"
    for row in look.query("query", ["DeveloperName", "MasterLabel"], "DuplicateRule", where):
        look.add("Duplicate rule", str(row["DeveloperName"]), "", None)


def _find_workflow_rules(look: _Look) -> None:
    """A query does not return whether a workflow rule is active, so each has to be opened."""
    if look.schema.name.endswith("__c"):
        look.unseen.append("workflow rules: those of custom objects go by an id")
        return
    where = f"TableEnumOrId = {quote(look.schema.name)}"
    rules = look.query("tooling/query", ["Id", "Name", "NamespacePrefix"], "WorkflowRule", where)
    for row in rules[:OPENED]:
        content = look.open("WorkflowRule", row["Id"])
        if content is not None and content.get("active") and content.get("triggerType") != "onCreateOnly":
            look.add("Workflow rule", _say_name(row, "Name"), "", json.dumps(content))
    if len(rules) > OPENED:
        look.unseen.append(f"{len(rules) - OPENED:,} workflow rules: only the first {OPENED} were opened")


def _find_roll_ups(look: _Look) -> None:
    """Roll-ups need a master-detail relationship; the content of a parent's roll-ups is read one by one."""
    parents = [name for each in look.schema.fields if each.master_detail for name in each.reference_to]
    for parent in parents:
        where = f"EntityDefinition.QualifiedApiName = {quote(parent)}"
        rows = look.query("tooling/query", ["Id", "DeveloperName"], "CustomField", where)
        for row in rows[:OPENED]:
            content = look.open("CustomField", row["Id"])
            if content is not None and str(content.get("summaryForeignKey") or "").startswith(f"{look.schema.name}."):
                look.add("Roll-up summary", f"{parent}.{row['DeveloperName']}__c", "", json.dumps(content))
        if len(rows) > OPENED:
            look.unseen.append(f"roll-up summaries on {parent}: only {OPENED} of {len(rows):,} fields were opened")


def _say_name(row: Row, column: str) -> str:
    prefix = row.get("NamespacePrefix")
    return f"{prefix}__{row[column]}" if prefix else str(row[column])
