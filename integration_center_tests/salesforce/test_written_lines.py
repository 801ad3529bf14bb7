"""A sample of written lines and their totals are the same however a ledger is cut into parts."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from integration_center.salesforce.write.written_lines import WrittenLines
from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcomes import Outcome
from integration_center_tests.salesforce.scripted import LEAD

FIELD = "Logins__c"
SCHEMA = {"record_id": pl.String(), "outcome": OUTCOME, f"changed.{FIELD}": pl.Boolean()}
SCHEMA |= {f"{side}.{FIELD}": pl.Float64() for side in ("before", "after")}
numbers = st.integers(-9, 9).map(float) | st.none()
lines = st.tuples(
    st.sampled_from([Outcome.UPDATED, Outcome.FAILED, Outcome.UNMATCHED]), st.booleans(), numbers, numbers
)


@given(st.lists(lines, min_size=1), st.lists(st.integers(0, 9)))
def test_parts_of_any_size_give_the_sample_and_the_totals_of_the_whole(
    given: list[tuple[Outcome, bool, float | None, float | None]], sizes: list[int]
) -> None:
    rows = [(str(number), *line) for number, line in enumerate(given)]
    ledger = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    written = ledger.filter(pl.col("outcome") == Outcome.UPDATED)
    noted = WrittenLines(LEAD, ledger.columns, written.height)
    begin = 0
    for size in [*sizes, ledger.height]:
        noted.note(ledger.slice(begin, size))
        begin += size
    values = written.select(pl.when(f"changed.{FIELD}").then(f"after.{FIELD}").otherwise(f"before.{FIELD}")).to_series()
    expected = {"COUNT": values.count(), "SUM": values.sum(), "MIN": values.min(), "MAX": values.max()}
    assert {total.function: total.expected for total in noted.totals} == expected
    assert noted.sample.equals(written)  # so few lines are all drawn
    assert WrittenLines.read(LEAD, ledger.lazy(), written.height).sample.equals(written)
