"""Expressions reach nothing but the columns of the report, and each fault says where it is."""

import re
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.integration.expression import parse_expression
from integration_center.integration.sql_words import FUNCTIONS

DAY = {"RUN_DATE": date(2026, 11, 22)}


@pytest.mark.parametrize(
    ("text", "columns", "aggregates"),
    [
        ("'x'", (), False),
        ("COUNT(*)", (), True),
        ('UPPER("First ""Name""") || Last', ('First "Name"', "Last"), False),
        ('RUN_DATE - CAST("Last Login" AS DATE)', ("Last Login",), False),
        ("CASE WHEN Score >= 9 THEN 'Promoter' WHEN Score BETWEEN 7 AND 8 THEN 'Passive' END", ("Score",), False),
        ("MAX(Date)", ("Date",), True),
        ("EXTRACT(DAY FROM Day)", ("Day",), False),
        ('COUNT(DISTINCT "Course ID") FILTER (WHERE x IS NOT NULL)', ("Course ID", "x"), True),
        ("x::int + 1 - -2", ("x",), False),
        ("\"^.*$\" IN ('a', 'b')", ("^.*$",), False),
        ("DATE '2026-01-01'", (), False),
    ],
)
def test_columns_and_aggregates(text: str, columns: tuple[str, ...], aggregates: bool) -> None:
    found = parse_expression(text)
    assert (found.columns, found.aggregates) == (columns, aggregates)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("(SELECT 1)", "character 2: SELECT is not allowed"),
        ("x IN (SELECT a FROM read_csv('/etc/passwd'))", "SELECT"),
        ("x IN (FROM read_csv('/etc/passwd'))", "function read_csv is not allowed"),
        ("(TABLE x)", "TABLE"),
        ("(VALUES (1))", "VALUES"),
        ("(WITH a AS (1) x)", "WITH"),
        ("EXISTS (x)", "EXISTS"),
        ("read_parquet('s3://x')", "function read_parquet is not allowed"),
        ("\"read_csv\"('x')", "is no function"),
        ("UNNEST(x)", "function UNNEST is not allowed"),
        ("REPEAT('x', 1000000000)", "function REPEAT is not allowed"),
        ("LPAD('x', 1000000000, 'y')", "function LPAD is not allowed"),
        ("SUM(x) OVER ()", "OVER"),
        ("NOW()", "RUN_DATE is the day of the run"),
        ("CURRENT_DATE", "RUN_DATE"),
        ("1 -- comment", "comments"),
        ("1 /* comment */", "comments"),
        ("1; DROP TABLE x", "character 2"),
        ('"a"."b"', "character 4: a point"),
        ("`a`", "write names of columns"),
        ("a[1]", "write names of columns"),
        ("E'x'", "E before a text"),
        ("$1", "character 1"),
        ("'open", "character 1: the text is not closed"),
        ('"open', "the name of the column is not closed"),
        ("SUM(1", "not closed"),
        ("1)", "closes nothing"),
        ("*", "Polars does not understand it"),
        ("x y", "something is missing between x and y"),
        ('COUNT(x) "y"', "something is missing"),
        ("x AS y", "y is no type"),
        ("LAST_SEEN", "`absent` only"),
        ("(" * 50 + "1" + ")" * 50, "deep"),
        ("1" + "+1" * 400, "parts"),
        ("'" + "x" * 5_000 + "'", "characters"),
        ("CONCAT(" + ",".join(["x"] * 51) + ")", 'column "x" is named 51 times; at most 50 are allowed'),
        ("1e999", "character 1: the number is too large"),
        ("1 + " + "9" * 400, "character 5: the number is too large"),
        ("REGEXP_LIKE(a, b)", "character 1: REGEXP_LIKE needs a pattern in single quotes"),
        ("REGEXP_LIKE(CONCAT(a, 'x'), CONCAT('x', b))", "needs a pattern in single quotes"),
        ("'\ud800'", "half of a character"),
    ],
)
def test_what_is_not_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_expression(text)


@given(st.text(alphabet="abAB_01 '\"().,;:-+*/<>=|[]{}$`~!^\\\n", max_size=30) | st.text(max_size=20))
def test_any_text_is_an_expression_or_a_sentence(text: str) -> None:
    try:
        found = parse_expression(text)
    except ValueError:  # any other error fails the test
        return
    assert found.to_sql({name: f"c{number}" for number, name in enumerate(found.columns)}, DAY)


@given(
    st.lists(st.sampled_from(sorted(FUNCTIONS | {"CASE", "WHEN", "FROM", "(", ")", "x", "'y'", "1", ","})), max_size=12)
)
def test_no_order_of_allowed_words_ends_otherwise(words: list[str]) -> None:
    with suppress(ValueError):  # any other error fails the test
        parse_expression(" ".join(words))


def test_respelled_columns() -> None:
    found = parse_expression("UPPER(name) || \"name\" || 'name' || NAME")
    assert found.respell({"name": 'Full "Name"', "NAME": "N"}) == (
        'UPPER("Full ""Name""") || "Full ""Name""" || \'name\' || "N"'
    )
