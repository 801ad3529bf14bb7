"""What queries for setup objects have to keep to: the right resource, one row for Metadata, no OR on some objects.

Source: Tooling API guide, "SOQL limits" and the objects' own pages; texts as recorded.
"""

from salesforce_emulator.refusals import Refusal
from salesforce_emulator.schema.objects.automation import TOOLING_ONLY
from salesforce_emulator.schema.objects.definitions import ENTITY_DEFINITION, FIELD_DEFINITION
from salesforce_emulator.soql.parser import Condition, Junction, Negation
from salesforce_emulator.soql.sql import Query

ON_TOOLING = TOOLING_ONLY | {ENTITY_DEFINITION.name, FIELD_DEFINITION.name}
WITHOUT_OR = frozenset({"FlowDefinitionView"})
ONE_ROW = frozenset({"Metadata", "FullName"})


def check_setup_query(query: Query, *, tooling: bool) -> None:
    """Refuse an object on the wrong resource, and a condition that its object does not take."""
    name = query.sobject.name
    if (tooling and name not in ON_TOOLING) or (not tooling and name in TOOLING_ONLY):
        raise Refusal(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    if name in WITHOUT_OR and query.statement.where and _has_or(query.statement.where):
        raise Refusal(400, "MALFORMED_QUERY", "Disjunctions not supported")


def check_one_row(query: Query, rows: int) -> None:
    """Refuse a query for Metadata that finds more than one row."""
    if rows > 1 and ONE_ROW & {column.path[-1] for column in query.columns}:
        message = (
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more"
            f" than one row for retrieval. Result size: {rows}"
        )
        raise Refusal(400, "MALFORMED_QUERY", message)


def _has_or(condition: Condition) -> bool:
    match condition:
        case Junction():
            return condition.word == "OR" or any(map(_has_or, condition.conditions))
        case Negation():
            return _has_or(condition.condition)
    return False
