"""Parsed SOQL to SQLite SQL.

SOQL has two truth values: `Name != 'x'` holds for an empty Name. So NOT is written `IS NOT TRUE`, and `!=` as
`IS NOT`. Text columns carry the NOCASE collation; it lowers ASCII only, so a literal with other letters is compared
through FOLD on both sides.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from salesforce_emulator.refusals import Refusal
from salesforce_emulator.schema.fields import COMPOUND_TYPES, NUMBER_TYPES, TEXT_TYPES, Field
from salesforce_emulator.schema.schema import Schema, SObject
from salesforce_emulator.soql.literals import bind
from salesforce_emulator.soql.parser import Comparison, Condition, Junction, Negation, Statement
from salesforce_emulator.soql.tokens import Token, located

MAX_OFFSET = 2_000
_WSDL = "Please reference your WSDL or the describe call for the appropriate names."


@dataclass(frozen=True)
class Column:
    """One selected value.

    Attributes:
        path: relationship names and the field's name, as describe spells them.
        field: the field at the end of the path.
        sql: the expression of its stored value.
        owners: for each relationship of the path, the object at its end and the expression of that record's id.
    """

    path: tuple[str, ...]
    field: Field
    sql: str
    owners: tuple[tuple[str, str], ...] = ()


@dataclass
class Query:
    """A statement ready to run.

    Attributes:
        columns: what is selected.
        body: FROM, WHERE, ORDER BY, LIMIT.
        parameters: the values bound in `body`.
    """

    sobject: SObject
    statement: Statement
    columns: list[Column]
    body: str
    parameters: list[object]
    aggregate_sql: list[str] = field(default_factory=list)


def unknown_type(statement: str, token: Token) -> Refusal:
    """Return the refusal of an object that is not there."""
    return located(
        statement,
        token.position,
        "INVALID_TYPE",
        f"sObject type '{token.text}' is not supported. If you are attempting to use a custom object, be sure to "
        f"append the '__c' after the entity name. {_WSDL}",
    )


def compile_query(statement: Statement, schema: Schema, *, now: datetime, with_deleted: bool) -> Query:
    """Resolve names against what the user may see, and write the SQL.

    Sources: SOQL and SOSL Reference, "FIELDS()" (duplicate field selected) and "Support for Field Types in Aggregate
    Functions"; Bulk API guide, "PK Chunking" (Ids are compared by `>=` and `<`).

    Raises:
        Refusal: an object or field that is not there, or twice, a literal of the wrong type, a field that cannot be
            filtered, sorted or aggregated, an offset beyond 2,000.
    """
    sobject = schema.find(statement.entity.text)
    if sobject is None:
        raise unknown_type(statement.text, statement.entity)
    return _Compiler(statement, schema, sobject, now).compile(with_deleted=with_deleted)


class _Compiler:
    def __init__(self, statement: Statement, schema: Schema, sobject: SObject, now: datetime) -> None:
        self._statement = statement
        self._schema = schema
        self._sobject = sobject
        self._now = now
        self._joins: dict[tuple[str, ...], tuple[SObject, str]] = {(): (sobject, "t")}
        self._join_sql: list[str] = []
        self._parameters: list[object] = []

    def compile(self, *, with_deleted: bool) -> Query:
        statement = self._statement
        columns: dict[tuple[str, ...], Column] = {}
        for column in map(self._resolve, statement.fields):
            if column.path in columns:
                raise Refusal(400, "INVALID_FIELD", f"duplicate field selected: {'.'.join(column.path)}")
            columns[column.path] = column
        if statement.aggregates and statement.limit is not None:
            message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
            raise Refusal(400, "MALFORMED_QUERY", message)
        aggregates = [self._aggregate(item.function, item.field) for item in statement.aggregates]
        where = [self._condition(statement.where)] if statement.where else []
        if self._sobject.has("IsDeleted") and not with_deleted:
            where.append("t.IsDeleted = 0")
        order = [self._sort_key(key.field, key.descending, key.nulls_last) for key in statement.order]
        if statement.offset > MAX_OFFSET:
            raise Refusal(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        body = f'FROM "{self._sobject.name}" t {" ".join(self._join_sql)}'
        if where:
            body += f" WHERE {' AND '.join(where)}"
        if order:
            body += f" ORDER BY {', '.join(order)}"
        if not statement.counts and (statement.limit is not None or statement.offset):
            body += f" LIMIT {-1 if statement.limit is None else statement.limit} OFFSET {statement.offset}"
        return Query(self._sobject, statement, list(columns.values()), body, self._parameters, aggregates)

    def _unknown_field(self, token: Token, name: str, sobject: SObject) -> Refusal:
        return located(
            self._statement.text,
            token.position,
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom field, be "
            f"sure to append the '__c' after the custom field name. {_WSDL}",
        )

    def _join(self, token: Token, relationships: Iterable[str]) -> tuple[SObject, str, tuple[str, ...]]:
        """Follow relationship names to the parent object, joining its table once."""
        path: tuple[str, ...] = ()
        for name in relationships:
            parent, alias = self._joins[path]
            lookup = parent.by_relationship.get(name.lower())
            visible = lookup and self._schema.find_field(parent, lookup.name)
            targets = [self._schema.find(target) for target in lookup.reference_to] if lookup and visible else []
            target = next((item for item in targets if item is not None), None)
            if lookup is None or target is None or lookup.relationship is None:
                raise located(
                    self._statement.text,
                    token.position,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    f"relationship, be sure to append the '__r' after the custom relationship name. {_WSDL}",
                )
            path = (*path, lookup.relationship)
            if path not in self._joins:
                joined = f"p{len(self._joins)}"
                self._joins[path] = (target, joined)
                self._join_sql.append(f'LEFT JOIN "{target.name}" {joined} ON {joined}.Id = {alias}."{lookup.name}"')
        sobject, alias = self._joins[path]
        return sobject, alias, path

    def _resolve(self, token: Token) -> Column:
        *relationships, name = token.text.split(".")
        if relationships and relationships[0].lower() == self._sobject.name.lower():
            relationships = relationships[1:]
        if len(relationships) > 5:
            raise located(self._statement.text, token.position, "MALFORMED_QUERY", "maximum 5 relationships exceeded")
        sobject, alias, path = self._join(token, relationships)
        found = self._schema.find_field(sobject, name)
        if found is None:
            raise self._unknown_field(token, name, sobject)
        sql = f'{alias}."{found.name}"' if found.sql is None else f"({found.sql.format(row=alias)})"
        owners = tuple(
            (self._joins[path[: depth + 1]][0].name, f"{self._joins[path[: depth + 1]][1]}.Id")
            for depth in range(len(path))
        )
        return Column((*path, found.name), found, sql, owners)

    def _aggregate(self, function: str, token: Token) -> str:
        column = self._resolve(token)
        if not column.field.can_aggregate or (function in ("SUM", "AVG") and column.field.type not in NUMBER_TYPES):
            raise located(
                self._statement.text,
                token.position,
                "MALFORMED_QUERY",
                f"field {column.field.name} does not support aggregate operator {function}",
            )
        return f"COUNT(DISTINCT {column.sql})" if function == "COUNT_DISTINCT" else f"{function}({column.sql})"

    def _sort_key(self, token: Token, descending: bool, nulls_last: bool) -> str:
        column = self._resolve(token)
        if not column.field.sortable:
            raise located(
                self._statement.text,
                token.position,
                "MALFORMED_QUERY",
                f"field '{column.field.name}' can not be sorted in a query call",
            )
        return f"{column.sql} {'DESC' if descending else 'ASC'} NULLS {'LAST' if nulls_last else 'FIRST'}"

    def _condition(self, condition: Condition) -> str:
        if isinstance(condition, Negation):
            return f"(({self._condition(condition.condition)}) IS NOT TRUE)"
        if isinstance(condition, Junction):
            return f"({f' {condition.word} '.join(self._condition(item) for item in condition.conditions)})"
        return self._comparison(condition)

    def _comparison(self, comparison: Comparison) -> str:
        column = self._resolve(comparison.field)
        item, text = column.field, self._statement.text
        if not item.filterable or item.type in COMPOUND_TYPES:
            raise located(
                text,
                comparison.field.position,
                "INVALID_FIELD",
                f"field '{item.name}' can not be filtered in a query call",
            )
        operator = comparison.operator
        self._check_operator(item, comparison)
        values = [bind(text, item, token, self._now, for_like=operator == "LIKE") for token in comparison.literals]
        folds = not item.case_sensitive and any(isinstance(value, str) and not value.isascii() for value in values)
        # A worked-out text has no collation of its own.
        plain = column.sql if item.stored or item.type not in ("string", "picklist") else f"{column.sql} COLLATE NOCASE"
        sql = f"FOLD({column.sql})" if folds else plain
        if folds:
            values = [value.casefold() if isinstance(value, str) else value for value in values]
        if operator in ("IN", "NOT IN"):
            return self._membership(sql, values, negated=operator == "NOT IN")
        if operator in ("INCLUDES", "EXCLUDES"):
            return self._inclusion(sql, values, negated=operator == "EXCLUDES")
        self._parameters.append(values[0])
        if operator in ("=", "!="):
            return f"{sql} {'IS' if operator == '=' else 'IS NOT'} ?"
        return f"{sql} LIKE ? ESCAPE '\\'" if operator == "LIKE" else f"{sql} {operator} ?"

    def _check_operator(self, item: Field, comparison: Comparison) -> None:
        textual = item.type in TEXT_TYPES - {"multipicklist"}
        allowed = {
            "LIKE": textual,
            "INCLUDES": item.type == "multipicklist",
            "EXCLUDES": item.type == "multipicklist",
            **dict.fromkeys(("<", "<=", ">", ">="), item.type not in ("boolean", "reference", "multipicklist")),
        }.get(comparison.operator, True)
        if not allowed:
            raise located(
                self._statement.text,
                comparison.field.position,
                "INVALID_QUERY_FILTER_OPERATOR",
                f"invalid operator on {item.type} field",
            )

    def _membership(self, sql: str, values: list[object], *, negated: bool) -> str:
        """Bind the whole list as one JSON parameter: SQLite looks each value up in the column's index."""
        self._parameters.append(json.dumps([value for value in values if value is not None]))
        found = f"{sql} IN (SELECT value FROM json_each(?))"  # noqa: S608
        if None in values:
            found = f"({found} OR {sql} IS NULL)"
        return f"(({found}) IS NOT TRUE)" if negated else found

    def _inclusion(self, sql: str, values: list[object], *, negated: bool) -> str:
        """`INCLUDES ('A;B', 'C')`: both A and B, or C."""
        alternatives = []
        for value in values:
            wanted = [part for part in str(value).split(";") if part]
            alternatives.append(
                "(" + " AND ".join(f"instr(';' || {sql} || ';', ';' || ? || ';') > 0" for _ in wanted) + ")"
            )
            self._parameters.extend(wanted)
        found = f"({' OR '.join(alternatives)})"
        return f"({found} IS NOT TRUE)" if negated else found
