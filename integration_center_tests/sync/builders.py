"""Small schemas, reports and records for the tests of the core."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.lines import build_lines
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.values.fit import fit_values
from integration_center.sync.values.rules import FittedValue

DAY = date(2026, 11, 22)
FIELDS = (
    SObjectField("Id", "Record ID", "id", length=18, updateable=False, nillable=False, id_lookup=True),
    SObjectField("SystemModstamp", "System Modstamp", "datetime", updateable=False, nillable=False),
    SObjectField("IsConverted", "Converted", "boolean", updateable=False, nillable=False),
    SObjectField("Email", "Email", "email", length=80, id_lookup=True),
    SObjectField("Company", "Company", "string", length=255, nillable=False),
    SObjectField("Score__c", "Score", "double", precision=8, scale=2),
    SObjectField("Logins__c", "Logins", "int", digits=9),
    SObjectField("Note__c", "Note", "textarea", length=1000),
    SObjectField("Title", "Title", "string", length=20),
    SObjectField("Last__c", "Last", "datetime"),
    SObjectField("Since__c", "Since", "date"),
    SObjectField("Champion__c", "Champion", "boolean", nillable=False),
    SObjectField("Tags__c", "Tags", "multipicklist", length=4099, restricted_picklist=True, picklist=("Red", "Blue")),
    SObjectField("Code__c", "Code", "string", length=30, case_sensitive=True, unique=True, external_id=True),
    SObjectField("Number__c", "Number", "double", precision=18, scale=0, external_id=True),
)
LEAD = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=FIELDS)


def make_field(type_: str, **attributes: Any) -> SObjectField:
    """A field `F__c` of a type."""
    return SObjectField("F__c", "F", type_, **attributes)


def make_spec(
    fields: Mapping[str, str] | Sequence[Mapping[str, Any]], keys: Mapping[str, str] | None = None, **options: Any
) -> IntegrationSpec:
    """An integration that maps columns to fields, by default with key `User` ↔ `Email`."""
    mappings = [{"column": c, "field": f} for c, f in fields.items()] if isinstance(fields, Mapping) else list(fields)
    pairs = [{"column": column, "field": field} for column, field in (keys or {"User": "Email"}).items()]
    return IntegrationSpec.model_validate(
        {
            "name": "Logins to Leads",
            "environment": "sandbox",
            "report": "Logins",
            "object": "Lead",
            "keys": pairs,
            "fields": mappings,
            **options,
        }
    )


def make_rows(columns: Mapping[str, Sequence[Any]], days: Sequence[date] | None = None, **dtypes: Any) -> pl.DataFrame:
    """A report frame of one day, or of the days given row by row."""
    frame = pl.DataFrame(dict(columns), schema_overrides={"User": pl.String, **dtypes})
    return frame.with_columns(pl.Series("_day", days or [DAY] * frame.height, dtype=pl.Date))


def make_records(*records: Mapping[str, Any], schema: SObjectSchema = LEAD) -> pl.DataFrame:
    """A records frame with all fields of the schema; the n-th record has the n-th id unless it says so."""
    filled = [{"Id": record_id(number), **record} for number, record in enumerate(records)]
    columns = {field.name: field.dtype for field in schema.fields}
    return pl.DataFrame([{name: record.get(name) for name in columns} for record in filled], schema=columns)


def record_id(number: int) -> str:
    """An 18-character id; digits only, so that its check characters are AAA."""
    return f"{number:015}AAA"


def fit(values: Sequence[Any], field: SObjectField, dtype: Any = None, **options: Any) -> list[Any]:
    """What `fit_values` makes of values: the value, or the code where it is unfit."""
    column = pl.Series("c", values, dtype=dtype)
    fitted = fit_column(column, field, **options)
    assert fitted.schema["value"] == field.dtype
    assert (fitted["code"].is_null() == fitted["reason"].is_null()).all()
    return [code if code is not None else value for value, code in fitted.select("value", "code").iter_rows()]


def fit_column(column: pl.Series, field: SObjectField, **options: Any) -> pl.DataFrame:
    """`value`, `code` and `reason` of a series."""
    fitted: FittedValue = fit_values(pl.col(column.name), column.dtype, field, **options)
    return column.to_frame().select(value=fitted.value, code=fitted.code, reason=fitted.reason)


def utc(text: str) -> datetime:
    """A datetime of ISO text without zone, in UTC."""
    return datetime.fromisoformat(text + "+00:00")


ANN, BOB = "ann@example.org", "bob@example.org"
SCORE = make_spec({"Score": "Score__c"})


def plan(rows: pl.DataFrame, records: pl.DataFrame, spec: Any = SCORE, **options: Any) -> pl.DataFrame:
    """Plan rows for records of `LEAD`."""
    return build_lines(rows, records, spec, LEAD, **options)


def outcomes(lines: pl.DataFrame) -> list[str]:
    """The outcome of each line."""
    return lines["outcome"].to_list()
