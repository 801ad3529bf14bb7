"""What the Dagster UI shows of a plan and a push: counts, calls, jobs, columns and their lineage. Never a value."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg
import polars as pl

from integration_center.insights.catalogue import ColumnType
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import input_key, object_key, push_key, update_set_key
from integration_center.salesforce.client.usage import Usage
from integration_center.salesforce.write.forecast import Forecast
from integration_center.sync.columns import AFTER, BEFORE
from integration_center.sync.outcome_words import NOT_KNOWN, say_counts
from integration_center.sync.outcomes import Outcome
from integration_center.sync.refusals import say_refusal
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.tally import Counts, Tally
from integration_center.wording.markdown import escape_markdown

FAILURES_SHOWN = 20
PREVIEWED = 5


def describe_counts(counts: Counts, refused: Mapping[str, int] = NOT_KNOWN) -> str:
    """Counts in a line: `1,900 unchanged, 3 updated`; and why records were refused, as far as it is given."""
    return name_counts(counts.as_dict(), refused) or "no rows"


def name_counts(counts: Mapping[str, int], refused: Mapping[str, int]) -> str:
    """Name the outcomes with their counts, and why records were refused."""
    why = {Outcome.FAILED.value: say_refusal(refused)}
    return ", ".join(f"{count:,} {outcome}{why.get(outcome, '')}" for outcome, count in counts.items())


def count_outcomes(tally: Tally) -> dict[str, int]:
    """One number for each outcome, so that Dagster draws each over time; 0 for those that do not occur."""
    return {f"lines_{outcome.value}": tally.lines[outcome] for outcome in Outcome}


def describe_usage(usage: Usage) -> dict[str, int | float]:
    """API calls of this step, bytes on the wire, waits and their seconds, and what org and app have left today."""
    shown: dict[str, int | float] = {
        "api_calls": usage.calls,
        "bytes_sent": usage.bytes_sent,
        "bytes_received": usage.bytes_received,
        "waits": usage.waits,
        "waited_seconds": round(usage.waits_seconds, 1),
        "waits_for_jobs": usage.looks,
        "waited_for_jobs_seconds": round(usage.looks_seconds, 1),
    }
    names = {"org": "api_calls_left_today", "connected app": "api_calls_left_to_the_app"}
    return shown | {names[allowance.of]: allowance.left for allowance in usage.allowances}


def describe_forecast(forecast: Forecast | None) -> dict[str, int]:
    """The API calls that a push was expected to take; nothing when it did not come to sending."""
    if forecast is None:
        return {}
    return {"api_calls_forecast": forecast.calls, "api_calls_forecast_at_most": forecast.total}


def describe_columns(
    schema: Mapping[str, pl.DataType], likely_types: Mapping[str, ColumnType] | None = None
) -> dg.TableSchema:
    """Describe the columns of a frame, and what all values of its text columns look like."""
    likely = likely_types or {}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                str(dtype.base_type()),
                description=f"text, all of which looks like {likely[name]}" if name in likely else None,
            )
            for name, dtype in schema.items()
        ]
    )


def describe_fields(
    lines: pl.LazyFrame,
    schema: SObjectSchema | None,
    spec: IntegrationSpec | None,
    planned: Mapping[str, dg.TableColumn] | None = None,
) -> dg.TableSchema:
    """The Salesforce fields that a push may write: Salesforce's type and label, and the column each is from.

    Args:
        lines: of the ledger.
        schema: of the object; None where the org was not asked for it, and then the fields are as they were planned.
        spec: the integration whose columns the values are from; None for values that a ledger had.
        planned: how the plan described the fields, by name in lower case; without it, by the ledger's types.
    """
    origins = find_origins(spec)
    known = {} if schema else planned or {}
    return dg.TableSchema(
        [
            dg.TableColumn(name, known[name.lower()].type, known[name.lower()].description)
            if name.lower() in known
            else describe_field(name, dtype, schema.get(name) if schema else None, origins.get(name.lower()))
            for name, dtype in find_planned_fields(lines, AFTER).items()
        ]
    )


def describe_planned(lines: pl.LazyFrame, schema: SObjectSchema, spec: IntegrationSpec) -> dg.TableSchema:
    """The columns of an update set: of a field before and after with Salesforce's type and label."""
    origins = find_origins(spec)
    described = {column.name: column for column in describe_columns(lines.collect_schema()).columns}
    for prefix, said in ((BEFORE, "as the org has it"), (AFTER, None)):
        for name, dtype in find_planned_fields(lines, prefix).items():
            origin = said or origins.get(name.lower())
            described[prefix + name] = describe_field(name, dtype, schema.get(name), origin, shown=prefix + name)
    return dg.TableSchema([*described.values()])


def find_planned_fields(lines: pl.LazyFrame, prefix: str) -> Mapping[str, str]:
    """Find the fields that lines have values of, with the types of their columns, whose names begin with `prefix`."""
    schema = lines.collect_schema()
    named = {name.removeprefix(prefix): dtype for name, dtype in schema.items() if name.startswith(prefix)}
    return {name: str(dtype.base_type()) for name, dtype in named.items()}


def find_origins(spec: IntegrationSpec | None) -> Mapping[str, str]:
    """Say of each field of an integration, by its name in lower case, what it is from."""
    return {mapping.field.lower(): name_origin(mapping, spec.report) for mapping in spec.fields} if spec else {}


def name_origin(mapping: FieldMapping, report: str) -> str:
    """Say which column of a report, or which value made of its columns, a field is from."""
    return f"from column '{mapping.column}' of {report}" if mapping.column else f"{mapping.value}, over {report}"


def describe_field(
    name: str, dtype: str, field: SObjectField | None, origin: str | None, *, shown: str | None = None
) -> dg.TableColumn:
    """One field with its Salesforce type, its label, and what it is from; `shown` is its column's name, if another."""
    said = [field.label] if field and field.label != name else []
    said += [origin] if origin else []
    description = escape_markdown("; ".join(said)) or None
    return dg.TableColumn(shown or name, field.type if field else dtype, description=description)


def describe_failures(lines: pl.LazyFrame) -> dg.TableMetadataValue:
    """The first refused lines: record Id, code and fields. Salesforce's messages quote values, so they stay out."""
    refused = lines.filter(
        pl.col("outcome").is_in([Outcome.CONFLICT, Outcome.FAILED, Outcome.UNPROCESSED, Outcome.UNKNOWN])
    )
    described = refused.select(
        pl.col("record_id").fill_null(""), pl.col("code").fill_null(""), pl.col("error_fields").fill_null("")
    )
    shown = described.head(FAILURES_SHOWN).collect()
    columns = [dg.TableColumn(name, "string") for name in shown.columns]
    records = [dg.TableRecord(row) for row in shown.iter_rows(named=True)]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def preview_changes(lines: pl.LazyFrame) -> dict[str, dg.TableMetadataValue]:
    """A few planned lines with their values, for installations whose settings turn previews on."""
    names = [name for name in lines.collect_schema() if name.startswith((BEFORE, AFTER))]
    shown = lines.filter(pl.col("outcome") == Outcome.PLANNED).head(PREVIEWED).select("record_id", "key", *names)
    texts = shown.select(pl.all().cast(pl.String).fill_null("")).collect()
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in texts.columns])
    return {"preview": dg.MetadataValue.table([dg.TableRecord(row) for row in texts.iter_rows(named=True)], schema)}


def link_jobs(lines: pl.LazyFrame, instance_url: str) -> dict[str, dg.UrlMetadataValue]:
    """The Bulk jobs of a push, each with its page in the org's setup."""
    jobs = lines.select(pl.col("job_id").drop_nulls().unique().sort()).collect()["job_id"]
    page = f"{instance_url}/lightning/setup/AsyncApiJobStatus/page?address="
    return {f"job {job}": dg.MetadataValue.url(page + quote(f"/{job}", safe="")) for job in jobs}


def describe_results(
    lines: pl.LazyFrame,
    tally: Tally,
    instance_url: str,
    schema: SObjectSchema | None,
    spec: IntegrationSpec | None = None,
    planned: Mapping[str, dg.TableColumn] | None = None,
) -> dict[str, Any]:
    """A completed ledger: counts by outcome, the fields that may have been written, refused lines, Bulk jobs."""
    refused = {Outcome.FAILED.value: tally.lines[Outcome.FAILED]}
    return {
        "outcomes": tally.lines.as_dict(),
        "rows": tally.rows.as_dict(),
        "records_written": tally.lines.written,
        **({"refused": say_counts(refused, refused=tally.refused)} if tally.refused else {}),
        **count_outcomes(tally),
        "failures": describe_failures(lines),
        "dagster/column_schema": describe_fields(lines, schema, spec, planned),
        **link_jobs(lines, instance_url),
    }


def trace_update_set(spec: IntegrationSpec) -> dg.TableColumnLineage:
    """Update set column ← column of the report or asset."""
    source = input_key(spec)
    keys = [dg.TableColumnDep(asset_key=source, column_name=pair.column) for pair in spec.keys]
    # What the filter leaves out is missing in each value.
    judged = spec.condition.columns if spec.condition else ()
    fields = {
        AFTER + mapping.field: [
            dg.TableColumnDep(asset_key=source, column_name=column)
            for column in dict.fromkeys((*mapping.columns, *judged))
        ]
        for mapping in spec.fields
    }
    return dg.TableColumnLineage({"key": keys, **fields})


def trace_push(slug: str, spec: IntegrationSpec) -> dg.TableColumnLineage:
    """Pushed field ← update set column."""
    return dg.TableColumnLineage(
        {
            mapping.field: [dg.TableColumnDep(asset_key=update_set_key(slug), column_name=AFTER + mapping.field)]
            for mapping in spec.fields
        }
    )


def trace_object(integrations: dict[str, IntegrationSpec]) -> dg.TableColumnLineage:
    """Field of a Salesforce object ← pushed field, over all the integrations that write the object."""
    return dg.TableColumnLineage(
        {
            mapping.field: [dg.TableColumnDep(asset_key=push_key(slug), column_name=mapping.field)]
            for slug, spec in sorted(integrations.items())
            for mapping in spec.fields
        }
    )


def trace_gainsight(spec: IntegrationSpec) -> dg.TableColumnLineage:
    """Field of a Gainsight object ← field of the Salesforce object that Gainsight's connector reads."""
    source = object_key(spec.environment, spec.object, spec.prefix)
    return dg.TableColumnLineage(
        {mapping.field: [dg.TableColumnDep(asset_key=source, column_name=mapping.field)] for mapping in spec.fields}
    )


def link_object(instance_url: str, sobject: str) -> dg.UrlMetadataValue:
    """The list of an object's records in Salesforce."""
    return dg.MetadataValue.url(f"{instance_url}/lightning/o/{quote(sobject, safe='')}/list")
