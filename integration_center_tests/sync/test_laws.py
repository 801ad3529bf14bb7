"""What holds for every report, every org and every answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from integration_center.integration.spec import IntegrationSpec
from integration_center.store.frames import keep_rows_whole
from integration_center.sync.changes import verify_lines
from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete, ledger_adds_up, planned_updates
from integration_center.sync.limits import Figures, judge, measure
from integration_center.sync.lines import build_lines, match_report, settle_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import resolve_terms
from integration_center.sync.schema import SObjectField
from integration_center.sync.tally import Tally, count_lines, count_rows, tally_lines
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import DAY, LEAD, fit_column, make_field, make_records, make_rows, make_spec

Draw = Callable[[st.SearchStrategy[Any]], Any]
KEYS = st.sampled_from(["a@x.org", " A@X.ORG", "b@x.org", "c@x.org", "d@x.org", "", " ", None, "no address"])
TEXT = (
    st.none()
    | st.text(max_size=25)
    | st.sampled_from(["CEO", "ceo ", "#N/A", "a\r\nb", "Red;Blue", "blue", "yes", "2026-11-22"])
)
NUMBERS = st.none() | st.floats() | st.sampled_from([1.0, 1.004, 1.005, 1e9])
MOMENTS = st.none() | st.datetimes(datetime(1600, 1, 1), datetime(4100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TARGETS = {
    "Score": "Score__c",
    "Logins": "Logins__c",
    "Job": "Title",
    "Note": "Note__c",
    "Tags": "Tags__c",
    "When": "Last__c",
}
OLDEST = datetime(1, 1, 1, tzinfo=UTC)
QUICK = examples(25)


@st.composite
def reports(draw: Draw) -> pl.DataFrame:
    """A report of up to twelve rows over up to three days."""
    row = st.tuples(KEYS, NUMBERS, NUMBERS, TEXT, TEXT, TEXT, MOMENTS, st.integers(0, 2))
    rows = draw(st.lists(row, max_size=12))
    names = ["User", *TARGETS, "ago"]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    days = [DAY - timedelta(days=ago) for ago in columns.pop("ago")]
    dtypes = {"Score": pl.Float64, "Logins": pl.Float64, "When": pl.Datetime("us", "UTC")}
    return make_rows(columns, days=days or None, Job=pl.String, Note=pl.String, Tags=pl.String, **dtypes)


@st.composite
def orgs(draw: Draw) -> pl.DataFrame:
    """Up to eight leads, several of them with one address."""
    lead = st.fixed_dictionaries(
        {
            "Email": KEYS,
            "IsConverted": st.booleans(),
            "Score__c": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "Logins__c": st.none() | st.integers(0, 9),
            "Title": st.none() | st.sampled_from(["CEO", "x"]),
            "Tags__c": st.none() | st.sampled_from(["Blue;Red", "Red"]),
        }
    )
    return make_records(*draw(st.lists(lead, max_size=8)))


@st.composite
def specs(draw: Draw) -> IntegrationSpec:
    """An integration with any of the options that bear on a plan."""
    fields = [{"column": column, "field": field, "truncate": draw(st.booleans())} for column, field in TARGETS.items()]
    return make_spec(
        fields,
        when_null=draw(st.sampled_from(["keep", "clear"])),
        when_many_match=draw(st.sampled_from(["update_all", "skip"])),
        max_matches=draw(st.integers(1, 3)),
        latest_by=draw(st.sampled_from([None, "When", "Score", "Job"])),
    )


def write_updates(records: pl.DataFrame, updates: pl.DataFrame) -> pl.DataFrame:
    """The org after a push."""
    written = records.join(updates, on="Id", how="left", maintain_order="left").with_columns(
        pl.when(pl.col(f"changed.{field}").fill_null(False)).then(f"after.{field}").otherwise(field).alias(field)
        for field in TARGETS.values()
    )
    return written.select(records.columns)


ANSWERS = st.sampled_from(["updated", "failed", "unprocessed", "unknown", None])
KINDS = st.sampled_from(["snapshot", "events"])


@QUICK
@given(rows=reports(), records=orgs(), spec=specs(), kind=KINDS)
def test_the_ledger_adds_up_by_rows_and_by_lines(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, kind: Any
) -> None:
    lines = build_lines(rows, records, spec, LEAD, kind=kind)
    assert ledger_adds_up(lines, rows.height)
    assert count_rows(lines).total == rows.height
    assert count_lines(lines).total == lines.height
    for verdict in judge(measure(lines, spec.limits), spec.limits):
        assert 0 <= verdict.metadata["percent"] <= 100


@QUICK
@given(rows=reports(), records=orgs(), spec=specs(), kind=KINDS, height=st.integers(1, 12))
def test_lines_settled_some_at_a_time_are_those_settled_as_a_whole(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, kind: Any, height: int
) -> None:
    whole = build_lines(rows, records, spec, LEAD, kind=kind)
    terms = resolve_terms(
        spec, LEAD, rows.schema, latest_by=None, kind=kind, newest=max(rows["_day"].to_list(), default=None)
    )
    matching = match_report(rows.lazy(), records, terms)
    slices = keep_rows_whole(
        matching.lines[start : start + height] for start in range(0, max(matching.lines.height, 1), height)
    )
    made = [settle_lines(lines, matching) for lines in slices]
    assert_frame_equal(pl.concat([whole.clear(), *made]), whole)
    figures = sum((measure(lines, spec.limits) for lines in made), Figures())
    verdicts = judge(measure(whole, spec.limits), spec.limits)
    assert [(each.passed, each.metadata) for each in judge(figures, spec.limits)] == [
        (each.passed, each.metadata) for each in verdicts
    ]
    assert sum(map(tally_lines, made), Tally()).as_dict() == tally_lines(whole).as_dict()


@QUICK
@given(rows=reports(), records=orgs(), spec=specs(), kind=KINDS)
def test_keys_that_share_a_number_are_kept_apart_by_their_texts(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, kind: Any
) -> None:
    """Numbers made of keys are all but unique; here one in three keys shares its own."""
    whole = build_lines(rows, records, spec, LEAD, kind=kind)
    with pytest.MonkeyPatch.context() as patch:
        number = pl.Expr.hash
        patch.setattr(pl.Expr, "hash", lambda key, *seeds: number(key, *seeds) % 3)
        assert_frame_equal(build_lines(rows, records, spec, LEAD, kind=kind), whole)


@QUICK
@given(rows=reports(), records=orgs(), spec=specs(), kind=KINDS)
def test_only_matched_records_are_planned_and_none_twice(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, kind: Any
) -> None:
    lines = build_lines(rows, records, spec, LEAD, kind=kind)
    updates = planned_updates(lines)
    assert updates["Id"].is_unique().all()
    email = dict(records.select("Id", "Email").iter_rows())
    for identifier, key in lines.filter(pl.col("outcome") == Outcome.PLANNED).select("record_id", "key").iter_rows():
        assert email[identifier].strip().lower() == key.strip().lower() != ""
    marked = pl.any_horizontal(f"changed.{field}" for field in TARGETS.values())
    assert lines.filter(marked != (pl.col("outcome") == Outcome.PLANNED)).is_empty()


@QUICK
@given(rows=reports(), records=orgs(), spec=specs(), kind=KINDS)
def test_a_second_plan_over_the_updated_org_plans_nothing(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, kind: Any
) -> None:
    updates = planned_updates(build_lines(rows, records, spec, LEAD, kind=kind))
    again = build_lines(rows, write_updates(records, updates), spec, LEAD, kind=kind)
    assert count_lines(again)[Outcome.PLANNED] == 0
    assert count_lines(again)[Outcome.UNCHANGED] >= updates.height


@QUICK
@given(rows=reports(), records=orgs(), spec=specs())
def test_a_reread_org_tells_what_was_written_and_what_was_not(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec
) -> None:
    lines = build_lines(rows, records, spec, LEAD)
    updates = planned_updates(lines)
    untouched = verify_lines(lines, records, LEAD)
    assert untouched["Id"].equals(updates["Id"])
    assert untouched["outcome"].to_list() == [Outcome.UNPROCESSED] * updates.height
    written = verify_lines(lines, write_updates(records, updates), LEAD)
    assert written["outcome"].to_list() == [Outcome.UPDATED] * updates.height


@QUICK
@given(
    rows=reports(),
    records=orgs(),
    spec=specs(),
    answers=st.lists(ANSWERS, min_size=8, max_size=8),
)
def test_every_planned_line_gets_one_final_outcome(
    rows: pl.DataFrame, records: pl.DataFrame, spec: IntegrationSpec, answers: list[str | None]
) -> None:
    lines = build_lines(rows, records, spec, LEAD)
    updates = planned_updates(lines)
    nothing = pl.lit(None, dtype=pl.String)
    results = (
        updates.select("Id", pl.Series("outcome", answers[: updates.height], dtype=OUTCOME))
        .drop_nulls()
        .with_columns(code=nothing, message=nothing, error_fields=nothing, job_id=nothing)
    )
    completed = complete(lines, results)
    assert ledger_adds_up(completed, rows.height)
    assert count_lines(completed)[Outcome.PLANNED] == 0
    assert count_lines(completed).sent == updates.height


@QUICK
@given(rows=reports(), spec=specs())
def test_the_event_that_is_used_is_the_newest_of_its_key(rows: pl.DataFrame, spec: IntegrationSpec) -> None:
    """A range comes to what its days come to one by one: the newest of the rows that each day alone would use."""
    spec = spec.model_copy(update={"when_null": "clear"})  # so that every row has something to write
    lines = build_lines(rows, make_records(), spec, LEAD, kind="events", latest_by="When")
    assert lines.filter(pl.col("outcome") == Outcome.UNMATCHED)["row"].to_list() == sorted(
        max(places, key=lambda place: (rows["When"][place] or OLDEST, rows["_day"][place]))
        for places in used_by_day(rows, spec).values()
    )
    for (outcome, key), same in lines.group_by("outcome", pl.col("key").str.strip_chars().str.to_lowercase()):
        if outcome == Outcome.SUPERSEDED:
            used = lines.filter(
                pl.col("outcome") == Outcome.UNMATCHED, pl.col("key").str.strip_chars().str.to_lowercase() == key
            )
            assert used["day"].item() not in same["day"].to_list()


def used_by_day(rows: pl.DataFrame, spec: IntegrationSpec) -> dict[str, list[int]]:
    """The rows that each day alone uses, by key; several days may use one each."""
    used: dict[str, list[int]] = {}
    numbered = rows.with_row_index("place")
    for _, of_day in numbered.group_by("_day"):
        lines = build_lines(of_day.drop("place"), make_records(), spec, LEAD, kind="events", latest_by="When")
        for row, key in lines.filter(pl.col("outcome") == Outcome.UNMATCHED).select("row", "key").iter_rows():
            used.setdefault(key.strip().lower(), []).append(of_day["place"][row])
    return used


FIT_FIELDS: list[SObjectField] = [
    make_field("string", length=7),
    make_field("textarea", length=20, html_formatted=True),
    make_field("email", length=12),
    make_field("phone", length=5),
    make_field("url", length=9),
    make_field("picklist", length=9, picklist=("A", "b"), restricted_picklist=True),
    make_field("picklist", length=9, picklist=("A", "b")),
    make_field("multipicklist", length=9, picklist=("A", "b"), restricted_picklist=True),
    make_field("multipicklist", length=9, picklist=("A", "b")),
    make_field("double", precision=6, scale=3),
    make_field("currency", precision=18, scale=18),
    make_field("percent", precision=18, scale=0),
    make_field("int", digits=3),
    make_field("long"),
    make_field("boolean", nillable=False),
    make_field("date"),
    make_field("datetime"),
    make_field("time"),
    make_field("id", length=18),
    make_field("reference", length=18),
    make_field("address"),
]
SHAPED = st.from_regex(
    r"[-+]?\d{1,20}(\.\d{1,20})?([eE][-+]?\d{1,4})?"
    r"|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[-+]\d\d:\d\d)?)?"
    r"|\d{1,2}:\d\d(:\d\d)?|[0-9A-Za-z]{15}([A-Z0-5]{3})?|[aAbBc](;[aAbB ]?){0,4}|[a-zA-Z]{1,4}@[a-z]{1,3}\.[a-z]{2}",
    fullmatch=True,
)
COLUMNS = [
    (pl.String(), st.text() | SHAPED),
    (pl.Float64(), st.floats()),
    (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    (pl.Boolean(), st.booleans()),
    (pl.Date(), st.dates()),
    (pl.Datetime("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    (pl.Time(), st.times()),
]


@st.composite
def columns(draw: Draw) -> pl.Series:
    """A column of any type that reports have."""
    dtype, values = draw(st.sampled_from(COLUMNS))
    return pl.Series("c", draw(st.lists(st.none() | values, max_size=8)), dtype=dtype)


@examples(40)
@given(column=columns(), field=st.sampled_from(FIT_FIELDS), truncate=st.booleans())
def test_fitting_never_raises_and_twice_is_once(column: pl.Series, field: SObjectField, truncate: bool) -> None:
    once = fit_column(column, field, truncate=truncate)
    assert once.schema["value"] == field.dtype
    assert once.filter(pl.col("code").is_not_null() & pl.col("value").is_not_null()).is_empty()
    assert once.filter(pl.col("code").is_null() != pl.col("reason").is_null()).is_empty()
    if field.type == "address":
        return
    twice = fit_column(once["value"], field, truncate=truncate)
    assert twice["code"].null_count() == twice.height
    assert twice["value"].equals(once["value"], null_equal=True)


@examples(30)
@given(texts=st.lists(st.text(max_size=30), max_size=8), length=st.integers(1, 20), truncate=st.booleans())
def test_text_never_exceeds_its_field_as_java_counts(texts: list[str], length: int, truncate: bool) -> None:
    fitted = fit_column(pl.Series("c", texts, dtype=pl.String), make_field("string", length=length), truncate=truncate)
    for value in fitted["value"].drop_nulls():
        assert 0 < len(value.encode("utf-16-le")) // 2 <= length
