"""Running compiled queries: as REST records or as Bulk CSV lines."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.org.spool import Spool
from salesforce_emulator.schema.fields import COMPOUND_TYPES, TEXT_TYPES
from salesforce_emulator.soql.parser import parse
from salesforce_emulator.soql.sql import Column, Query, compile_query

_REST = {
    "datetime": "{sql} || '.000+0000'",
    "time": "{sql} || '.000Z'",
}
_CSV = {
    "datetime": "{sql} || '.000Z'",
    "time": "{sql} || '.000Z'",
    "boolean": "CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
    **dict.fromkeys(("double", "currency", "percent"), "DOUBLE_TEXT({sql})"),
}


def prepare(org: Org, statement: str, *, with_deleted: bool) -> Query:
    """Parse and compile a statement against what the org's user may see."""
    return compile_query(parse(statement), org.schema, now=org.clock.now(), with_deleted=with_deleted)


def count(org: Org, query: Query) -> int:
    """Return the number of records a query matches."""
    return int(org.store.value(f"SELECT COUNT(*) {query.body}", query.parameters))


def _rest_sql(column: Column) -> str:
    return _REST.get(column.field.type, "{sql}").format(sql=column.sql)


class RecordSet:
    """The rows of a query, turned into records only as far as pages are read."""

    def __init__(self, builder: "_RecordBuilder", rows: Sequence[Sequence[Any]]) -> None:
        self._builder = builder
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def page(self, start: int, end: int) -> list[dict[str, Any]]:
        """Return the records of some rows, as REST shows them."""
        return [self._builder.build(row) for row in self._rows[start:end]]


def fetch_records(org: Org, query: Query, base: str) -> RecordSet:
    """Return the records of a query, parents nested.

    Args:
        org: whose records.
        query: what is asked.
        base: the versioned path that record URLs begin with.
    """
    builder = _RecordBuilder(org, query, base)
    selected = ", ".join(["t.Id", *builder.expressions])
    return RecordSet(builder, org.store.rows(f"SELECT {selected} {query.body}", query.parameters))


def fetch_aggregates(org: Org, query: Query) -> dict[str, Any]:
    """Return the one record of a query of aggregate functions."""
    row = org.store.rows(f"SELECT {', '.join(query.aggregate_sql)} {query.body}", query.parameters)[0]
    record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for item, value in zip(query.statement.aggregates, row, strict=True):
        is_moment = isinstance(value, str) and len(value) == 19 and value[10] == "T"
        record[item.alias] = f"{value}.000+0000" if is_moment else value
    return record


class _RecordBuilder:
    """Turns rows into nested records; what repeats for every row is worked out once."""

    def __init__(self, org: Org, query: Query, base: str) -> None:
        self._base = base
        self._name = query.sobject.name
        self.expressions: list[str] = []
        self._steps: list[Callable[[dict[str, Any], Sequence[Any]], None]] = []
        for column in query.columns:
            if column.field.type in COMPOUND_TYPES:
                self._add_compound(column)
            elif column.owners:
                self._add_parent(column)
            else:
                self._add_value(column)

    def _expression(self, sql: str) -> int:
        self.expressions.append(sql)
        return len(self.expressions)

    def _add_value(self, column: Column) -> None:
        index, name = self._expression(_rest_sql(column)), column.path[-1]
        if column.field.type == "boolean":
            self._steps.append(lambda record, row: record.__setitem__(name, bool(row[index])))
        elif column.field.type == "anyType":
            self._steps.append(lambda record, row: record.__setitem__(name, json.loads(row[index] or "null")))
        else:
            self._steps.append(lambda record, row: record.__setitem__(name, row[index]))

    def _add_compound(self, column: Column) -> None:
        alias = column.sql.split(".")[0]
        indexes = {name: self._expression(f'{alias}."{name}"') for name in column.field.components}

        def step(record: dict[str, Any], row: Sequence[Any]) -> None:
            parts = {_component(name): row[index] for name, index in indexes.items()}
            record[column.path[-1]] = parts if any(value is not None for value in parts.values()) else None

        self._steps.append(step)

    def _add_parent(self, column: Column) -> None:
        owners = [(name, self._expression(sql)) for name, sql in column.owners]
        index = self._expression(_rest_sql(column))
        boolean = column.field.type == "boolean"
        *relationships, name = column.path

        def step(record: dict[str, Any], row: Sequence[Any]) -> None:
            for relationship, (type_name, id_index) in zip(relationships, owners, strict=True):
                if row[id_index] is None:
                    record[relationship] = None
                    return
                record = record.setdefault(relationship, {"attributes": self._attributes(type_name, row[id_index])})
            record[name] = bool(row[index]) if boolean else row[index]

        self._steps.append(step)

    def _attributes(self, type_name: str, record_id: str) -> dict[str, str]:
        return {"type": type_name, "url": f"{self._base}/sobjects/{type_name}/{record_id}"}

    def build(self, row: Sequence[Any]) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": self._attributes(self._name, row[0])}
        for step in self._steps:
            step(record, row)
        return record


def _component(name: str) -> str:
    """`MailingPostalCode` → `postalCode`, `Office__Latitude__s` → `latitude`, as inside a compound field."""
    name = name.removesuffix("__s")
    for suffix in ("PostalCode", "GeocodeAccuracy", "Street", "City", "State", "Country", "Latitude", "Longitude"):
        if name.endswith(suffix):
            return suffix[0].lower() + suffix[1:]
    raise ValueError(name)


def fetch_csv_lines(org: Org, query: Query, *, delimiter: str, line_ending: str) -> tuple[str, Spool]:
    """Return the header and one line a record, every cell quoted; SQLite writes the lines, which is quickest."""
    header = delimiter.join(f'"{".".join(column.path)}"' for column in query.columns) + line_ending
    cells = []
    for column in query.columns:
        text = _CSV.get(column.field.type, "{sql}").format(sql=column.sql)
        if column.field.type in TEXT_TYPES:
            text = f"replace({text}, '\"', '\"\"')"
        cells.append(f"COALESCE({text}, '')")
    joined = f" || '\"{delimiter}\"' || ".join(cells)
    end = "char(34, 13, 10)" if line_ending == "\r\n" else "char(34, 10)"
    rows = org.store.connection.execute(f"SELECT '\"' || {joined} || {end} {query.body}", query.parameters)
    return header, Spool(line for (line,) in rows)
