"""The words that an expression may hold, how it quotes names, and what Polars says of it in the words of people."""

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = _words(
    "CASE WHEN THEN ELSE END AND OR NOT IN IS NULL BETWEEN LIKE ILIKE TRUE FALSE AS DISTINCT FILTER WHERE ORDER BY ASC"
    " DESC FROM INTERVAL"
)
TYPES = _words(
    "DATE TIMESTAMP DATETIME INT INTEGER BIGINT SMALLINT DOUBLE FLOAT REAL DECIMAL NUMERIC VARCHAR TEXT STRING BOOLEAN"
    " BOOL"
)
"""Types, after `AS`, after `::` and before a text. Elsewhere such a word is a column."""
UNITS = _words("YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND DOW DOY ISODOW EPOCH")
"""What `EXTRACT(… FROM …)` returns."""
ORDERED = _words("FIRST LAST FIRST_VALUE LAST_VALUE STRING_AGG")
"""Aggregates whose result depends on the order of the rows."""
AGGREGATES = ORDERED | _words(
    "SUM AVG COUNT MIN MAX MEDIAN STDDEV STDDEV_SAMP VARIANCE VAR_SAMP QUANTILE_CONT QUANTILE_DISC CORR COVAR"
)
SCALARS = _words(
    "ABS CAST TRY_CAST CEIL CEILING CHAR_LENGTH COALESCE CONCAT CONCAT_WS DATE_PART DATE_TRUNC DIV ENDS_WITH EXP"
    " EXTRACT FLOOR GREATEST IF IFNULL INITCAP LEAST LEFT LENGTH LN LOG LOG10 LOWER LTRIM MOD NULLIF POWER"
    " REGEXP_LIKE REVERSE RIGHT ROUND RTRIM SIGN SPLIT_PART SQRT STARTS_WITH STRFTIME STRPOS SUBSTR SUBSTRING TRIM"
    " UPPER YEAR MONTH DAY HOUR MINUTE SECOND"
)
FUNCTIONS = AGGREGATES | SCALARS
BEFORE_PARENTHESIS = _words("AND OR NOT IN WHEN THEN ELSE CASE BETWEEN LIKE ILIKE BY WHERE FILTER FROM")
CLOCKS = _words("NOW CURRENT_DATE CURRENT_TIMESTAMP CURRENT_TIME TODAY GETDATE SYSDATE")
QUERIES = _words("SELECT WITH TABLE VALUES EXISTS UNION OVER UNNEST EXPLAIN")


def quote_name(name: str) -> str:
    """Return the name of a column as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


OWN_WORDS = {
    "to a string value": "it compares a date or time with a text; write DATE '2026-01-31', or"
    " TIMESTAMP '2026-01-31 10:00:00'",
    "cannot compare string with numeric": "it compares a text with a number; write numbers without quotes, or"
    ' TRY_CAST("Column name" AS DOUBLE)',
}
"""What Polars says, and the same for people who write SQL."""


def explain_polars(error: BaseException, names: Mapping[str, str]) -> str:
    """Return the first line of what Polars says, with the report's names of columns.

    Args:
        error: an error of Polars.
        names: what Polars calls each column.
    """
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    said = next((ours for theirs, ours in OWN_WORDS.items() if theirs in said), said)
    for name, safe in names.items():
        said = said.replace(f'"{safe}"', quote_name(name)).replace(safe, quote_name(name))
    return said[:300]
