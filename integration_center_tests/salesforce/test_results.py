"""The Results frame: what Salesforce did with each record of a push."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from integration_center.salesforce.write.results import (
    ALLOW,
    BLOCKED,
    DUPLICATES,
    RESULTS,
    advise,
    build_results,
    overlay_results,
)
from integration_center.sync.outcomes import Outcome
from integration_center_tests.proofs import examples

answers = st.tuples(
    st.sampled_from([Outcome.UPDATED.value, Outcome.FAILED.value, Outcome.UNKNOWN.value]),
    *(st.sampled_from([None, "A", "B"]) for _ in range(4)),
)
known = st.dictionaries(st.integers(0, 9).map(str), answers, max_size=10)


def build(lines: dict[str, tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame([(key, *line) for key, line in lines.items()], schema=RESULTS, orient="row")


@given(known, known, st.booleans())
@examples(100)
def test_newer_lines_replace_those_of_the_same_record(
    before: dict[str, tuple[str | None, ...]], newer: dict[str, tuple[str | None, ...]], constant: bool
) -> None:
    results = build(before)
    if constant:  # as of a job that wrote all its records: columns of one value
        results = build_results(results["Id"], Outcome.UPDATED, job_id="750")
    copy = results.clone()
    old = {line[0]: line[1:] for line in results.iter_rows()}

    overlaid = overlay_results(results, build(newer))

    assert overlaid.schema == RESULTS
    assert overlaid.rows() == [(key, *newer.get(key, line)) for key, line in old.items()]
    assert results.equals(copy), "the earlier results are still needed"


def test_only_a_line_that_a_duplicate_rule_refused_gets_advice() -> None:
    failed, updated = Outcome.FAILED.value, Outcome.UPDATED.value
    results = build(
        {
            "1": (failed, DUPLICATES, "Use one of these?", None, None),
            "2": (failed, DUPLICATES, None, None, None),
            "3": (failed, "INVALID_EMAIL_ADDRESS", "no address", None, None),
            "4": (updated, None, None, None, None),
        }
    )
    for allow, advice in ((False, ALLOW), (True, BLOCKED)):
        said = advise(results, allow_duplicates=allow)["message"].to_list()
        assert said == [f"Use one of these? ({advice})", f"({advice})", "no address", None]
