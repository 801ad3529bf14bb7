"""The laws of rows that are shaped into records."""

import random
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import ReportInfo
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.repeated_keys import find_repeated_rows
from integration_center.planning.shaping import Shape, plan_shape, shape_rows
from integration_center.planning.validation import find_wrong_values
from integration_center.sync.columns import ASIDE, DAY, PART_OF, SOURCE_ROWS
from integration_center.sync.ledger import ledger_adds_up
from integration_center.sync.lines import match_report, settle_lines
from integration_center.sync.plan_terms import resolve_terms
from integration_center.sync.row_numbers import RowNumbers
from integration_center.sync.targets import resolve_keys
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import DAY as TODAY
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec

KEYS = st.sampled_from(["a@x.org", " A@X.ORG", "b@x.org", "c@x.org", "", None])
ROWS = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 10)), max_size=10)
Rows = list[tuple[str | None, int | None]]
QUICK = examples(40)
RECORDS = make_records(*({"Email": f"{name}@x.org", "Company": "X", "Champion__c": False} for name in "abc"))


def shape(spec: IntegrationSpec, rows: pl.DataFrame) -> tuple[Shape, pl.DataFrame]:
    found = plan_shape(spec, rows.lazy(), TODAY, {})
    assert found is not None
    assert not found.faults, found.faults
    return found, shape_rows(found, rows, resolve_keys(spec, LEAD), newest=None, by_day=False)


def plan(spec: IntegrationSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """The lines of a plan, without an org."""
    dtypes = {name: dtype for name, dtype in rows.schema.items() if name != DAY}
    if spec.shapes_rows:
        found, rows = shape(spec, rows)
        dtypes |= found.dtypes
    terms = resolve_terms(spec, LEAD, dtypes, latest_by=None, kind="events", newest=None)
    matching = match_report(rows.lazy(), RECORDS, terms)
    return settle_lines(matching.lines, matching)


def roll_up(*values: str, **options: Any) -> IntegrationSpec:
    fields = ("Score__c", "Logins__c", "Title")
    mapped = [{"value": value, "field": field} for value, field in zip(values, fields, strict=False)]
    return make_spec(mapped, rows="all", **options)


def faults(spec: IntegrationSpec, columns: dict[str, list[Any]]) -> str:
    found = plan_shape(spec, make_rows(columns).lazy(), TODAY, {})
    return "; ".join(fault.message for fault in found.faults) if found else ""


@QUICK
@given(ROWS)
def test_every_row_ends_in_one_outcome(given_rows: Rows) -> None:
    rows = make_rows({"User": [k for k, _ in given_rows], "N": [n for _, n in given_rows]}, N=pl.Int64)
    lines = plan(roll_up('SUM("N")', filter='"N" > 2'), rows)
    assert ledger_adds_up(lines, len(given_rows))
    outcomes = lines["outcome"].cast(pl.String).to_list()
    kept = [(key.strip().lower(), n) for key, n in given_rows if key and key.strip() and n is not None and n > 2]
    assert outcomes.count("rolled_up") == len(kept) - len({key for key, _ in kept})
    assert outcomes.count("filtered") == sum(n is None or n <= 2 for _, n in given_rows)
    planned = lines.filter(pl.col("outcome") == "planned")
    written = {key.strip().lower(): value for key, value in planned.select("key", "after.Score__c").iter_rows()}
    assert written == {key: sum(n for k, n in kept if k == key) for key in {key for key, _ in kept}}


@QUICK
@given(st.dictionaries(st.sampled_from(["a@x.org", "b@x.org", "c@x.org", "d@x.org"]), st.none() | st.integers(0, 99)))
def test_groups_of_one_row_equal_the_plain_mapping(given_rows: dict[str, int | None]) -> None:
    rows = make_rows({"User": [*given_rows], "N": [*given_rows.values()]}, N=pl.Int64)
    plain = plan(make_spec({"N": "Score__c"}), rows)
    assert plan(roll_up('MAX("N")'), rows).equals(plain)


@QUICK
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(given_rows: Rows, chance: random.Random) -> None:
    def written(of: Rows) -> set[tuple[object, ...]]:
        rows = make_rows({"User": [k for k, _ in of], "N": [n for _, n in of]}, N=pl.Int64)
        lines = plan(roll_up('AVG("N")', 'COUNT("N")', "STRING_AGG(CAST(\"N\" AS VARCHAR), '-')"), rows)
        names = ("record_id", "after.Score__c", "after.Logins__c", "after.Title")
        return set(lines.select(names).drop_nulls("record_id").rows())

    shuffled = list(given_rows)
    chance.shuffle(shuffled)
    assert written(shuffled) == written(given_rows)


def test_marks_of_a_shaped_report() -> None:
    rows = make_rows({"User": ["a@x.org", "b@x.org", "A@x.org ", None], "N": ["1", "", "3", "4"]})
    _, shaped = shape(roll_up('SUM("N")'), rows)
    assert shaped[SOURCE_ROWS].to_list() == [2, 1, None, None]
    assert shaped[ASIDE].to_list() == [None, None, "rolled_up", None]
    assert shaped[PART_OF].to_list() == [None, None, 0, None]
    assert shaped["value of Score__c"].to_list() == [4, None, None, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('RUN_DATE - CAST("At" AS DATE)', 2),
        ('RUN_DATE - "At"', 1),
        ('CASE WHEN RUN_DATE - CAST("At" AS DATE) > 14 THEN 1 ELSE 0 END', 0),
        ('CASE WHEN RUN_DATE - CAST("At" AS DATE) BETWEEN 1 AND 3 THEN 7 END', 7),
        ('"N" / 0', None),
        ('"N" / 4', 0.75),
        ('COALESCE("Empty", 5)', 5),
        ('TRY_CAST("Word" AS INT)', None),
        ('EXTRACT(YEAR FROM "At")', 2026),
        ("0.1 + 0.2", 0.3),
        ("POWER(10, 10)", 10_000_000_000),
        ('"N" * 3000000000', 9_000_000_000),
        ("CAST(3000000000 AS INT)", 3_000_000_000),
        ('9007199254740993 - 9007199254740993 + "N"', 3),
        ("EXP(1000)", None),
        ("LN(0)", None),
        ("CASE WHEN \"At\" > TIMESTAMP '2026-11-20 09:59:59' THEN 1 END", 1),
        ("COALESCE(TRY_CAST(DATE '9999-12-31' + INTERVAL '1000 years' AS DATE) - DATE '2026-01-01', 4) * 0", 0),
    ],
)
def test_values_of_one_row(value: str, expected: object) -> None:
    rows = make_rows(
        {"User": ["a@x.org"], "N": ["3"], "At": ["2026-11-20 10:00:00"], "Word": ["Never"], "Empty": [None]}
    )
    _, shaped = shape(make_spec([{"value": value, "field": "Score__c"}]), rows)
    assert shaped["value of Score__c"].to_list() == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('SUM(CASE WHEN "N" > 0 THEN 2000000000 ELSE 0 END)', 4_000_000_000),
        ('SUM("Large")', 5_000_000_000_000),
        ('QUANTILE_CONT("N", 0.5)', 2.5),
        ('AVG("N") / COUNT("None")', None),
        ('STDDEV("None")', None),
    ],
)
def test_values_of_two_rows(value: str, expected: object) -> None:
    rows = make_rows({"User": ["a@x.org"] * 2, "N": ["2", "3"], "Large": ["2500000000000"] * 2, "None": [None, None]})
    assert shape(roll_up(value), rows)[1]["value of Score__c"][0] == expected


def test_dates_of_no_calendar_and_long_numbers() -> None:
    rows = make_rows({"User": ["a@x.org"], "Id": ["12345678901234567890"]})
    values = {"DATE '9999-12-31' + INTERVAL '1 year'": None, '"Id"': "12345678901234567890"}
    for value, expected in values.items():
        _, shaped = shape(make_spec([{"value": value, "field": "Title"}]), rows)
        assert shaped["value of Title"].to_list() == [expected]


def test_too_many_operators_in_a_row_are_a_sentence() -> None:
    columns = {"User": ["a@x.org"], **{f"c{n}": ["1"] for n in range(200)}}
    value = " + ".join(f"c{n}" for n in range(200))
    assert "too many operators in a row" in faults(make_spec([{"value": value, "field": "Score__c"}]), columns)


def test_columns_with_names_of_patterns() -> None:
    rows = make_rows({"User": ["a@x.org"], "^.*$": ["1"], "*": ["2"], 'a "b"': ["3"]})
    lines = plan(make_spec([{"value": '"^.*$" + "*" + "a ""b"""', "field": "Score__c"}]), rows)
    assert lines["after.Score__c"].to_list() == [6]


def test_types_that_do_not_allow_an_expression() -> None:
    columns = {"User": ["a@x.org"], "N": ["3"], "Word": ["Never"], "At": ["2026-11-20"]}
    assert "gives one value per row" in faults(roll_up('MAX("N") - "N"'), columns)
    assert "not every value of 'Word'" in faults(roll_up('SUM("Word")'), columns)
    for value, place in {
        '1 + SUM("Word")': 5,
        'ROUND(MAX("N") + (RUN_DATE - MAX("Word")), 1)': 18,
        "RUN_DATE * 2": 1,
    }.items():
        assert f"value of Score__c: character {place}: " in faults(roll_up(value), columns), value
    assert "true or false" in faults(roll_up('SUM("N")', filter='"N" + 1'), columns)
    assert "write 14 in place of INTERVAL" in faults(
        make_spec([{"value": "CASE WHEN RUN_DATE - \"At\" > INTERVAL '14 days' THEN 1 END", "field": "Score__c"}]),
        columns,
    )


def test_a_cell_that_cannot_be_cast_names_the_value_and_no_cell() -> None:
    spec = make_spec([{"value": 'CAST("Word" AS INT)', "field": "Score__c"}])
    rows = make_rows({"User": ["a@x.org"], "Word": ["secret"]})
    found = plan_shape(spec, rows.lazy(), TODAY, {})
    assert found is not None
    with pytest.raises(ConfigurationError, match=r"value of Score__c cannot be calculated: .*Word") as raised:
        shape_rows(found, rows, resolve_keys(spec, LEAD), newest=None, by_day=False)
    assert "secret" not in str(raised.value)


@pytest.mark.proof
def test_a_million_rows_equal_an_independent_calculation(tmp_path: Path) -> None:
    rows = pl.select(
        number=pl.int_range(1_000_000),
    ).select(
        User=pl.format("account{}@x.org", (pl.col("number") * 7_919) % 50_000),
        Score=((pl.col("number") * 104_729) % 11).cast(pl.String),
        Done=pl.when(pl.col("number") % 3 == 0).then(pl.lit("Completed")).otherwise(pl.lit("Started")),
    )
    spec = roll_up(
        '100.0 * (SUM(CASE WHEN "Score" >= 9 THEN 1 ELSE 0 END) - SUM(CASE WHEN "Score" <= 6 THEN 1 ELSE 0 END))'
        ' / COUNT("Score")',
        "SUM(CASE WHEN \"Done\" = 'Completed' THEN 1 ELSE 0 END)",
    )
    _, shaped = shape(spec, rows.with_columns(pl.lit(TODAY).alias(DAY)))
    ours = shaped.filter(pl.col(SOURCE_ROWS).is_not_null()).select(
        "User", "value of Score__c", "value of Logins__c", SOURCE_ROWS
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    theirs = pl.DataFrame(
        duckdb.connect()
        .sql(
            'SELECT "User", 100.0::DOUBLE * (count(*) FILTER (CAST("Score" AS INT) >= 9)'
            ' - count(*) FILTER (CAST("Score" AS INT) <= 6)) / count("Score"),'
            " count(*) FILTER (\"Done\" = 'Completed'), count(*)"
            f" FROM '{tmp_path / 'rows.parquet'}' GROUP BY 1 ORDER BY 1"
        )
        .fetchall(),
        schema=["User", "nps", "done", "n"],
        orient="row",
    )
    assert ours.height == 50_000
    mine = ours.sort("User")
    assert ((mine["value of Score__c"] - theirs["nps"]).abs() < 1e-9).all()
    assert mine["value of Logins__c"].to_list() == theirs["done"].to_list()
    assert mine[SOURCE_ROWS].to_list() == theirs["n"].to_list()


def test_days_are_rolled_up_by_themselves() -> None:
    days = [date(2026, 11, 21), TODAY, TODAY]
    rows = make_rows({"User": ["a@x.org"] * 3, "N": ["1", "2", "3"]}, days)
    found = plan_shape(roll_up('SUM("N")'), rows.lazy(), TODAY, {})
    assert found is not None
    shaped = shape_rows(found, rows, resolve_keys(found.spec, LEAD), newest=None, by_day=True)
    assert shaped["value of Score__c"].to_list() == [1, 5, None]
    newest = shape_rows(found, rows, resolve_keys(found.spec, LEAD), newest=TODAY, by_day=False)
    assert newest["value of Score__c"].to_list() == [None, 5, None]


def test_times_are_utc() -> None:
    rows = make_rows({"User": ["a@x.org"] * 2, "At": ["2026-11-20 23:30:00-05:00", "2026-11-21 01:00:00Z"]})
    _, shaped = shape(make_spec([{"value": 'MAX("At")', "field": "Last__c"}], rows="all"), rows)
    assert shaped["value of Last__c"][0].replace(tzinfo=None) == datetime(2026, 11, 21, 4, 30)  # noqa: DTZ001


@pytest.mark.parametrize(("repeats", "warned"), [(5, False), (6, True)])
def test_many_rows_that_are_not_used_are_warned_of(repeats: int, warned: bool) -> None:
    users = [f"p{n}@x.org" for n in range(100 - repeats)] + ["p1@x.org"] * repeats + [None, ""]
    rows = make_rows({"User": users, "Score": [1] * 102, "At": [f"2026-11-{n % 28 + 1:02d}" for n in range(102)]})
    spec = make_spec({"Score": "Score__c"})
    info = ReportInfo("scores", "scores", "Scores", latest_by="At")
    numbers = RowNumbers.of_places([(0, 4)])
    found = find_repeated_rows(spec, NewestReport(info, TODAY, rows.drop(DAY), {}, numbers), LEAD)
    assert (found.dropped, found.keyed) == (repeats, 100)
    assert found.example in {number for number, user in enumerate(users, 4) if user == "p1@x.org"}
    assert bool(found.warn()) is warned


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('UPPER("Word")', "value of Score__c gives text that Score__c (number) cannot hold in any of 2 rows"),
        ("CASE WHEN \"Word\" = 'seven' THEN '7' ELSE \"Word\" END", None),
        ('CAST("Word" AS DOUBLE)', "value of Score__c cannot be calculated"),
    ],
)
def test_values_that_fit_in_no_row_are_found_before_they_are_saved(value: str, said: str | None) -> None:
    rows = make_rows({"User": ["a@x.org", "b@x.org"], "Word": ["seven", "eight"]}).drop(DAY)
    planned = plan_shape(make_spec([{"value": value, "field": "Score__c"}]), rows.lazy(), TODAY, {})
    assert planned is not None
    wrong = find_wrong_values(planned, rows, LEAD)
    assert (wrong or "").startswith(said or "")
    assert bool(wrong) is bool(said)
