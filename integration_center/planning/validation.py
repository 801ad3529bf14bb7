"""Check an integration against the live report and object, before it is saved or on request.

`check`, `new` and the console's wizard use this module, so all of them find the same problems. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from integration_center.errors import ConfigurationError, SchemaMismatch
from integration_center.insights.catalogue import ReportInfo
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.compiled import RESULT
from integration_center.planning.match_sample import has_altered_addresses
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.org_fit import check_against_org
from integration_center.planning.proposals import propose_values
from integration_center.planning.repeated_keys import find_repeated_rows
from integration_center.planning.shaping import NO_WINDOW, Shape, plan_shape, shape_rows
from integration_center.planning.spelled_columns import spell_columns
from integration_center.salesforce.org import Org
from integration_center.store.reports import EVENTS
from integration_center.sync.columns import DAY
from integration_center.sync.mapping.doubts import find_misread
from integration_center.sync.mapping.fitness import check_hashed_keys
from integration_center.sync.mapping.missing_fields import MissingField
from integration_center.sync.mapping.type_names import name_dtype, name_field_type
from integration_center.sync.match.match_rate import ALTERED
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import resolve_keys
from integration_center.sync.values.fit import fit_values
from integration_center.wording.sentences import count


@dataclass(frozen=True)
class Verdict:
    """The result of checking an integration.

    Attributes:
        problems: one sentence per problem; empty for an integration that can run.
        missing: the fields that a Salesforce admin would have to create, or make visible to the connected user.
        warnings: one sentence per thing that works, and is probably not meant.
    """

    problems: Sequence[str] = ()
    missing: Sequence[MissingField] = ()
    warnings: Sequence[str] = ()


def validate(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    report: NewestReport,
    org: Org,
) -> Verdict:
    """Check an integration against the newest rows of its report and the object.

    Takes a call or two if a field is missing, if there is a condition, or if hardly any key matches.

    Args:
        spec: the integration.
        schema: the object, as `org` describes it now.
        report: the newest rows of the report, with its key columns as text.
        org: the org that holds the records.

    Raises:
        TransientError: the org cannot be reached now.
    """
    rows, info, likely_types = report.frame, report.info, report.likely_types
    spec = spell_columns(spec, rows.columns)
    shape = plan_shape(spec, rows.lazy(), datetime.now(UTC).date(), likely_types)
    dtypes = {**rows.schema, **(shape.dtypes if shape else {})}
    faults, missing = check_against_org(spec, schema, dtypes, org, likely_types=likely_types, rows=rows.lazy())
    faults += [*(shape.faults if shape else ()), *find_misread(spec, schema, report.doubts)]
    problems = [fault.message for fault in [*faults, *check_hashed_keys(spec, schema, rows)]]
    if spec.window and info.kind != EVENTS:
        problems.append(NO_WINDOW.format(repr(spec.report)))
    if refused := find_refusal(org, schema, spec.where):
        problems.append(refused)
    if not problems and shape and (wrong := find_wrong_values(shape, rows, schema)):
        problems.append(wrong)
    if not problems and has_altered_addresses(rows, resolve_keys(spec, schema), schema, org, where=spec.where):
        problems.append(f"hardly any key matches a record of {schema.name}: {ALTERED}")
    return Verdict(problems, missing, [] if problems else find_doubts(spec, report, schema))


def find_doubts(spec: IntegrationSpec, report: NewestReport, schema: SObjectSchema) -> list[str]:
    """Find what works, and is probably not meant, in an integration that fits; a sentence each."""
    if spec.rows == "newest" and not spec.shapes_rows:
        repeated = find_repeated_rows(spec, report, schema).warn()
        return [f"{repeated}{_say_proposed(spec, report.frame, report.info)}"] if repeated else []
    if spec.rows == "all" and report.info.kind == EVENTS and spec.window is None:
        return [
            f"report {spec.report!r} holds events, and no window is set, so each value is made of one day's rows; set"
            " window to the number of days to look at"
        ]
    return []


def _say_proposed(spec: IntegrationSpec, rows: pl.DataFrame, info: ReportInfo) -> str:
    """Name the first value that is worth having of all rows of a key of this report, if there is one."""
    proposal = propose_values(info.slug, spec.object, rows.columns)
    if proposal is None or proposal.rows != "all":
        return ""
    first, *others = proposal.values
    more = f" (the wizard has {len(others)} more)" if others else ""
    return f"; of {info.name}, for example {first.label}: {first.value}{more}"


def find_wrong_values(shape: Shape, rows: pl.DataFrame, schema: SObjectSchema) -> str | None:
    """Calculate the values of all rows; return why one cannot be calculated, or fits its field in no row."""
    dated = rows.with_columns(pl.lit(shape.day).alias(DAY))
    try:
        shaped = shape_rows(shape, dated, resolve_keys(shape.spec, schema), newest=None, by_day=False)
    except ConfigurationError as error:
        return str(error)
    for mapping in shape.spec.fields:
        field = schema.get(mapping.field)
        if mapping.value is None or field is None:
            continue
        given = shaped.select(pl.col(mapping.source).alias(RESULT)).drop_nulls()
        fitted = fit_values(
            pl.col(RESULT), given.schema[RESULT], field, truncate=mapping.truncate, factor=mapping.factor
        )
        if given.height and given.select(fitted.code.is_not_null().all()).item():
            kind = f"{name_dtype(given.schema[RESULT])} that {field.name} ({name_field_type(field)}) cannot hold"
            return f"{mapping.source} gives {kind} in any of {count(given.height, 'row')}"
    return None


def find_refusal(org: Org, schema: SObjectSchema, where: str | None) -> str | None:
    """Return why the org does not accept the condition; None when it does, or there is none."""
    if where is None:
        return None
    try:
        org.prove_condition(schema, where)
    except (ConfigurationError, SchemaMismatch) as error:
        return str(error)
    return None
