from typing import Any

import polars as pl
import pytest

from integration_center.integration.spec import Limits
from integration_center.sync.ledger import hold
from integration_center.sync.limits import Verdict, judge, measure, run_status
from integration_center.sync.lines import build_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import Counts
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec


def verdicts(
    scores: list[float | None], records: list[float | None], users: list[str] | None = None, **options: Any
) -> dict[str, Verdict]:
    """Verdicts over users `0@x.org`, `1@x.org`, ... with new scores, and as many records with old ones."""
    spec = make_spec({"Score": "Score__c"}, when_null="clear", **options)
    users = users or [f"{number}@x.org" for number in range(len(scores))]
    rows = make_rows({"User": users, "Score": scores}, Score=pl.Float64)
    held = make_records(*({"Email": f"{number}@x.org", "Score__c": score} for number, score in enumerate(records)))
    return {
        verdict.name: verdict
        for verdict in judge(measure(build_lines(rows, held, spec, LEAD), spec.limits), spec.limits)
    }


def test_match_rate_counts_rows_that_could_be_looked_up() -> None:
    users = ["0@x.org", "0@x.org", "nobody@x.org", ""]
    verdict = verdicts([1.0, 1.0, 2.0, 3.0], [None], users, limits={"min_match_rate": 50})["match_rate"]
    assert verdict.passed
    assert verdict.metadata == {"rows": 2, "matched": 1, "percent": 50.0, "limit": 50.0}
    assert verdict.description == "1 of 2 rows that could be looked up match a record (50.0 %); at least 50 % must"
    assert not verdicts([1.0, 1.0, 2.0, 3.0], [None], users, limits={"min_match_rate": 51})["match_rate"].passed


def test_nothing_matched_fails_by_default() -> None:
    assert not verdicts([1.0], [])["match_rate"].passed
    assert not verdicts([1.0], [], [""])["match_rate"].passed


def test_empty_report_fails_unless_allowed() -> None:
    assert not verdicts([], [1.0])["match_rate"].passed
    assert verdicts([], [1.0], limits={"allow_empty": True})["match_rate"].passed


def test_hashed_ids_are_named_when_nothing_matches() -> None:
    hashed = ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
    assert "hashed" in verdicts([1.0], [1.0], hashed)["match_rate"].description
    assert "hashed" not in verdicts([1.0], [], ["a@x.org"])["match_rate"].description


def test_cleared_counts_records_that_lose_a_value() -> None:
    given = [None, None, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    verdict = verdicts(given, [9.0, None, *given[2:]])["values_cleared"]
    assert verdict.passed
    assert verdict.metadata == {"records": 1, "matched": 10, "percent": 10.0, "limit": 10.0}
    assert not verdicts(given, [9.0, 9.0, *given[2:]])["values_cleared"].passed


def test_changed_is_judged_only_when_asked() -> None:
    assert verdicts([1.0, 2.0], [None, None])["share_changed"].passed
    strict = verdicts([1.0, 2.0], [None, 2.0], limits={"max_changed": 49})["share_changed"]
    assert not strict.passed
    assert strict.description == "1 of 2 matched records would change (50.0 %); at most 49 % may"
    assert verdicts([1.0, 2.0], [None, 2.0], limits={"max_changed": 50})["share_changed"].passed


def test_shares_of_nothing_pass() -> None:
    found = verdicts([1.0], [], limits={"max_changed": 0})
    assert found["values_cleared"].passed
    assert found["share_changed"].passed


@pytest.mark.parametrize(
    ("counts", "limits", "status", "word"),
    [
        ({Outcome.UPDATED: 9, Outcome.FAILED: 1}, {}, "Completed", None),
        (
            {Outcome.UPDATED: 8, Outcome.FAILED: 1},
            {},
            "Failed",
            "1 of 9 records went wrong (11.1 %; at most 10 % may): 1 refused",
        ),
        ({Outcome.UNCHANGED: 8, Outcome.REJECTED: 1}, {}, "Failed", "1 not sent, because a value does not fit"),
        ({Outcome.UPDATED: 8, Outcome.UNPROCESSED: 1}, {}, "Failed", "1 not reached"),
        ({Outcome.UPDATED: 8, Outcome.UNKNOWN: 1}, {}, "Failed", "1 without a known result"),
        ({Outcome.UPDATED: 8, Outcome.CONFLICT: 2, Outcome.UNMATCHED: 90}, {}, "Failed", "2 left alone, because"),
        ({Outcome.UPDATED: 9, Outcome.CONFLICT: 1, Outcome.UNMATCHED: 90}, {}, "Completed", None),
        (
            {Outcome.CONFLICT: 5},
            {},
            "Failed",
            "nothing was written; 5 of 5 records went wrong (100.0 %; at most 10 % may): 5 left alone, because",
        ),
        (
            {Outcome.FAILED: 5, Outcome.REJECTED: 1},
            {},
            "Failed",
            "nothing was written; 6 of 6 records went wrong (100.0 %; at most 10 % may):"
            " 1 not sent, because a value does not fit, 5 refused",
        ),
        ({Outcome.CONFLICT: 1, Outcome.UNCHANGED: 99}, {}, "Completed", "written (changed in"),
        (
            {Outcome.UNPROCESSED: 1, Outcome.UNCHANGED: 99},
            {},
            "Completed",
            "nothing was written (not reached before the push stopped: 1)",
        ),
        ({Outcome.REJECTED: 1, Outcome.UNCHANGED: 99}, {}, "Completed", None),
        ({Outcome.FAILED: 5}, {"max_failed": 100}, "Completed", "nothing was written (refused by Salesforce: 5)"),
        ({Outcome.UPDATED: 99, Outcome.FAILED: 1}, {"max_failed": 0}, "Failed", "1 refused"),
        ({Outcome.UPDATED: 1}, {"max_failed": 0}, "Completed", None),
        ({Outcome.HELD: 1, Outcome.UPDATED: 99}, {}, "Failed", "held"),
        ({Outcome.UNMATCHED: 5, Outcome.NO_KEY: 1}, {}, "Failed", "no row matched"),
        ({Outcome.AMBIGUOUS: 5}, {}, "Failed", "no row matched"),
        ({Outcome.INELIGIBLE: 1, Outcome.UNMATCHED: 5}, {}, "Completed", None),
        ({}, {}, "Failed", "empty"),
        ({}, {"allow_empty": True}, "Completed", None),
    ],
)
def test_status_of_a_run(counts: dict[Outcome, int], limits: dict[str, Any], status: str, word: str | None) -> None:
    found, reason = run_status(Counts(counts), Limits.model_validate(limits))
    assert found == status
    assert (reason is None) == (word is None)
    assert word is None or word in (reason or "")
    assert (reason or "").count("refused") <= 1, "each count is said once"


def test_superseded_day_is_no_failure() -> None:
    assert run_status(Counts({Outcome.SUPERSEDED: 3}), Limits(), superseded=True) == ("Completed", None)


def test_held_lines_are_judged_as_failed() -> None:
    spec = make_spec({"Score": "Score__c"})
    lines = build_lines(
        make_rows({"User": ["a@x.org"], "Score": [1.0]}), make_records({"Email": "a@x.org"}), spec, LEAD
    )
    from integration_center.sync.tally import count_lines

    assert run_status(count_lines(hold(lines, "stop")), Limits())[0] == "Failed"
