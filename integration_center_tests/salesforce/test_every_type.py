"""What we send, the org stores, and the next run calls `unchanged`: every type, all ways of writing and reading."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from integration_center.salesforce.org import Org
from integration_center.salesforce.write.bulk_files import is_unfit_for_bulk
from integration_center.salesforce.write.push import Channel, push_updates
from integration_center.sync.ledger import planned_updates
from integration_center.sync.lines import build_lines
from integration_center.sync.mapping.fitness import check_fitness, why_not_target
from integration_center.sync.schema import USABLE_TYPES, SObjectField, SObjectSchema
from integration_center_tests.proofs import examples
from integration_center_tests.salesforce.scripted import RecordingJournal, build_id
from integration_center_tests.sync.builders import make_spec
from salesforce_emulator.server import Emulator, OrgHandle

CHANNELS: tuple[Channel, ...] = ("bulk", "collections")
BY_REST, BY_BULK = 1, 1_000_000
"""Expected rows that make the reader take the one way and the other."""
KEY = "Customer_Key__c"
ROWS = 8
Cases = Mapping[str, tuple[pl.DataType, st.SearchStrategy[Any]]]
"""By field: the type of the report's column, and its values."""
SEEDED = [f"CUST-{number:06d}" for number in range(ROWS)]


@pytest.fixture(scope="module")
def record_ids(emulator: Emulator) -> list[str]:
    """Ids of the records with the keys `SEEDED`, in their order."""
    rows = emulator.sandbox.store.records("WalkMe_Engagement__c", f"{KEY} <= ?", (SEEDED[-1],))
    assert [row[KEY] for row in sorted(rows, key=lambda row: row["Id"])] == SEEDED
    return sorted(row["Id"] for row in rows)


@pytest.fixture
def engagement(org: Org) -> SObjectSchema:
    return org.describe("WalkMe_Engagement__c")


def plan(records: pl.DataFrame, schema: SObjectSchema, field: str, column: pl.Series, **mapping: Any) -> pl.DataFrame:
    """The plan of a report with one column for one field, a row for each of the first seeded records."""
    spec = make_spec([{"column": "Value", "field": field, **mapping}], keys={"User": KEY}, when_null="clear")
    rows = pl.DataFrame({"User": SEEDED[: len(column)], "Value": column}).with_columns(_day=date(2026, 11, 22))
    assert check_fitness(spec, schema, dict(rows.drop("_day").schema)) == []
    return build_lines(rows, records, spec, schema)


def join_updates(plans: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The updates of plans for different fields of the same records, as one frame."""
    joined = planned_updates(plans[0])
    for lines in plans[1:]:
        joined = joined.join(planned_updates(lines), on="Id", how="full", coalesce=True)
    return joined.with_columns(pl.col("^changed\\..*$").fill_null(False))


def sync(org: Org, schema: SObjectSchema, columns: Mapping[str, pl.Series], channel: Channel, **mapping: Any) -> None:
    """Plan, push, plan again: all that was sent is accepted, and nothing is left to send, whichever way it is read."""
    fields = [KEY, *columns]
    records = org.read_records(schema, fields, expected_rows=BY_REST)
    first = {field: plan(records, schema, field, column, **mapping) for field, column in columns.items()}
    updates = join_updates(list(first.values()))
    results = push_updates(org, schema, updates, journal=RecordingJournal(), channel=channel)
    refused = results.filter(pl.col("outcome") != "updated")
    assert refused.is_empty(), refused.select("code", "message").rows()
    by_rest, by_bulk = (org.read_records(schema, fields, expected_rows=way).sort("Id") for way in (BY_REST, BY_BULK))
    assert by_rest.equals(by_bulk)
    for field, column in columns.items():
        again = plan(by_rest, schema, field, column, **mapping)
        expected = first[field]["outcome"].cast(pl.String).replace("planned", "unchanged").to_list()
        assert again["outcome"].to_list() == expected, again.select("outcome", f"^.*{field}$").rows()


NUMBERS = st.one_of(
    st.floats(-1e15, 1e15, allow_nan=False),
    st.integers(-(10**9), 10**9).map(float),
    st.sampled_from([0.0, -0.0, 0.1, 1e-7, 2.5, -2.5, 0.005, 1.005, 912260031.0, 1e7, 12345678.9, 999_999_999.999]),
)
TRICKY = [
    *(
        '"',
        '""',
        "'",
        ",",
        ";",
        "\\",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "é",
        "e\u0301",
        "😀",
    ),
    *("=1+1", "#N/A", "\x00", "\x07", "\x85", "\u2028", "<b>", "&", "&amp;", "&lt;", "<", ">", "%", "A", "z"),
]
TEXTS = st.lists(st.sampled_from(TRICKY) | st.characters(exclude_categories=["Cs"]), max_size=8).map("".join)
MOMENTS = st.datetimes(timezones=st.just(UTC))
NUMBER_TEXTS = NUMBERS.map(str) | st.sampled_from(["87%", " 7 ", "1.0", "-0", "+3", "9.12260031E8", "NaN", "inf", "x"])
PICKED = st.sampled_from(["Dashboards", "exports", "API", "Classic Editor", "Other", " API ", "", "Über"])
TYPED: Cases = {
    "Remark__c": (pl.String(), TEXTS),
    "Summary__c": (pl.String(), TEXTS),
    "History__c": (pl.String(), TEXTS),
    "Story__c": (pl.String(), st.text("12 &<>;'\"\u00a0\n", max_size=12)),
    "User_Email__c": (pl.String(), st.emails() | st.sampled_from(["Ada@Example.ORG", "no address", " a@b.co "])),
    "Profile_Page__c": (pl.String(), TEXTS),
    "Hotline__c": (pl.String(), TEXTS),
    "Channel__c": (pl.String(), TEXTS | st.sampled_from(["Call", "Letter"])),
    "Secret_Code__c": (pl.String(), TEXTS),
    "Top_Feature__c": (pl.String(), PICKED),
    "Segment__c": (pl.String(), PICKED | TEXTS),
    "Used_Features__c": (pl.String(), st.lists(PICKED, max_size=4).map(";".join)),
    "Sessions__c": (pl.Float64(), NUMBERS),
    "Clicks__c": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "Minutes__c": (pl.Float64(), NUMBERS | st.sampled_from([float("nan"), float("inf")])),
    "Office__Latitude__s": (pl.Float64(), st.floats(-90, 90)),
    "Contract_Value__c": (pl.Float64(), NUMBERS),
    "Adoption__c": (pl.Float64(), st.floats(-2000, 2000)),
    "Is_Champion__c": (pl.Boolean(), st.booleans()),
    "Since__c": (pl.Date(), st.dates()),
    "Last_Seen__c": (pl.Datetime("us", "UTC"), MOMENTS),
    "Usual_Start__c": (pl.Time(), st.times()),
}
AS_TEXT: Cases = {
    "Sessions__c": (pl.String(), NUMBER_TEXTS),
    "Clicks__c": (pl.String(), NUMBER_TEXTS),
    "Minutes__c": (pl.String(), NUMBER_TEXTS),
    "Contract_Value__c": (pl.String(), NUMBER_TEXTS),
    "Is_Champion__c": (pl.String(), st.sampled_from(["yes", "No", "1", "TRUE", "maybe", ""])),
    "Since__c": (pl.Datetime("us", "UTC"), MOMENTS),
    "Last_Seen__c": (pl.String(), MOMENTS.map(lambda at: at.isoformat())),
    "Usual_Start__c": (pl.String(), st.times().map(str) | st.sampled_from(["9:30", "24:00", "09:30:00Z"])),
    "Remark__c": (pl.Float64(), NUMBERS),
    "Summary__c": (pl.Datetime("us", "UTC"), MOMENTS),
    "Segment__c": (pl.Boolean(), st.booleans()),
}


def draw_columns(cases: Cases) -> st.SearchStrategy[dict[str, pl.Series]]:
    return st.fixed_dictionaries(
        {
            field: st.lists(values | st.none(), min_size=ROWS, max_size=ROWS).map(partial(pl.Series, dtype=dtype))
            for field, (dtype, values) in cases.items()
        }
    )


def test_the_laws_leave_no_writable_type_out(engagement: SObjectSchema) -> None:
    writable = {field.type for field in engagement.fields if why_not_target(field) is None}
    covered = {engagement.require(name).type for name in TYPED} | {"reference"}  # references need records to point at
    assert covered == writable == USABLE_TYPES - {"id"}


@pytest.mark.proof
@pytest.mark.usefixtures("record_ids")
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("cases", [TYPED, AS_TEXT], ids=["typed", "as text"])
def test_the_next_run_finds_what_was_sent(org: Org, engagement: SObjectSchema, cases: Cases, channel: Channel) -> None:
    @examples(5, suppress_health_check=list(HealthCheck))
    @given(columns=draw_columns(cases), truncate=st.booleans())
    def law(columns: dict[str, pl.Series], truncate: bool) -> None:
        sync(org, engagement, columns, channel, truncate=truncate)

    law()


@pytest.mark.sampled
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("field", "given", "held"),
    [
        ("Remark__c", [" =1+1 ", "a\r\nb", "😀" * 20, 'say "hi", ok', "e\u0301", "\u200bx"],
         ["=1+1", "a b", "😀" * 20, 'say "hi", ok', "e\u0301", "\u200bx"]),
        ("Summary__c", ["a\r\nb\rc", "\u00a0 \t", "x\x00y\x07"], ["a\nb\nc", None, "xy"]),
        ("User_Email__c", ["Ada@Example.ORG", None], ["ada@example.org", None]),
        ("Top_Feature__c", ["exports", "API"], ["Exports", "API"]),
        ("Used_Features__c", ["API; Dashboards;API", "exports"], ["Dashboards;API", "Exports"]),
        ("Segment__c", ["Unknown to the list"], ["Unknown to the list"]),
        ("Story__c", ["<p>R&D: <b>'5'</b><br/>&gt; 4</p>"], ["<p>R&amp;D: <b>&#39;5&#39;</b><br>&gt; 4</p>"]),
        ("Sessions__c", [250.0, -0.0, 2.5, -2.5], [250, 0, 3, -3]),
        ("Minutes__c", [912260031.0, 1.005, -0.0, 1e-7], [912260031.0, 1.01, 0.0, 0.0]),
        ("Clicks__c", [2**53 - 1, 0], [2**53 - 1, 0]),
        ("Is_Champion__c", [True, False], [1, 0]),
        ("Since__c", [datetime(2026, 2, 3, 23, 59, tzinfo=UTC)], ["2026-02-03"]),
        ("Last_Seen__c", [datetime(2026, 2, 3, 4, 5, 6, 999_999, tzinfo=UTC)], ["2026-02-03T04:05:06"]),
        ("Usual_Start__c", [time(9, 30, 15, 250_000)], ["09:30:15"]),
    ],
)  # fmt: skip
def test_values_are_stored_as_the_plan_says(
    org: Org,
    handle: OrgHandle,
    engagement: SObjectSchema,
    record_ids: list[str],
    channel: Channel,
    field: str,
    given: list[Any],
    held: list[Any],
) -> None:
    sync(org, engagement, {field: pl.Series(given)}, channel)
    rows = [handle.store.record("WalkMe_Engagement__c", record_id) or {} for record_id in record_ids[: len(given)]]
    assert [row[field] for row in rows] == held


@pytest.mark.parametrize("channel", CHANNELS)
def test_references_are_stored_in_full_length(
    org: Org, handle: OrgHandle, engagement: SObjectSchema, record_ids: list[str], channel: Channel
) -> None:
    contact, lead = handle.store.records("Contact")[0]["Id"], handle.store.records("Lead")[0]["Id"]
    given = [contact[:15], lead.lower(), None, "no id"]
    sync(org, engagement, {"Reached__c": pl.Series(given)}, channel)
    rows = [handle.store.record("WalkMe_Engagement__c", record_id) or {} for record_id in record_ids[:3]]
    assert [row["Reached__c"] for row in rows] == [contact, lead, None]


def test_texts_too_long_for_bulk_are_sent_by_collections(
    org: Org, engagement: SObjectSchema, record_ids: list[str]
) -> None:
    """A long text area holds 131,072 characters, a cell of a Bulk file 32,000."""
    texts = ["x" * 131_072, "\N{PARTY POPPER}" * 16_001, "short"]
    names = {"History__c": texts, "Remark__c": ["a", "b", "c"]}
    updates = pl.DataFrame({"Id": record_ids[:3]}).with_columns(
        column
        for name, values in names.items()
        for column in (pl.Series(f"after.{name}", values), pl.lit(True).alias(f"changed.{name}"))
    )
    results = push_updates(org, engagement, updates, journal=RecordingJournal(), channel="bulk")
    assert results["outcome"].to_list() == ["updated"] * 3
    assert results["job_id"].is_not_null().to_list() == [False, False, True]
    stored = org.read_records(engagement, [*names], key=("Id", record_ids[:3]))
    assert stored.sort("Id")["History__c"].to_list() == texts


def test_records_too_long_for_bulk_are_sent_by_collections() -> None:
    names = [f"Text_{number}__c" for number in range(14)]
    wide = SObjectSchema(
        "Lead", "Lead", queryable=True, updateable=True,
        fields=tuple(SObjectField(name, name, "textarea", length=32_000) for name in names),
    )  # fmt: skip
    updates = pl.DataFrame({"Id": [build_id(1), build_id(2)]}).with_columns(
        column
        for name in names
        for column in (pl.Series(f"after.{name}", ["x" * 32_000, "x" * 20_000]), pl.lit(True).alias(f"changed.{name}"))
    )
    assert updates.select(is_unfit_for_bulk(updates, wide)).to_series().to_list() == [True, False]
