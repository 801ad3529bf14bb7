import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.lines import build_lines
from integration_center.sync.match.match_rate import compare_keys, find_keys, resolve_pairs
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import count_rows
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec

KEYS = st.one_of(st.none(), st.sampled_from(["", " ", "a@x.io", "A@X.io ", "b@x.io", "c@x.io", "d@x.io", "é@x.io"]))


@given(st.lists(KEYS, max_size=12), st.lists(KEYS, max_size=8))
def test_it_says_what_a_plan_says(report: list[str | None], org: list[str | None]) -> None:
    spec = make_spec({"Job": "Title"})
    rows = make_rows({"User": report, "Job": ["same"] * len(report)}, Job=pl.String)
    records = make_records(*({"Email": email} for email in org))
    keys = resolve_pairs(LEAD, [("User", "Email")])
    rate = compare_keys(find_keys(rows, keys), records, keys)
    counts = count_rows(build_lines(rows, records, spec, LEAD))
    assert rate.whole
    assert rate.unmatched == counts[Outcome.UNMATCHED]
    assert rate.sample.without_key == counts[Outcome.NO_KEY]
    assert rate.sample.repeated == counts[Outcome.DUPLICATE_KEY]
    assert rate.matched + rate.many == counts[Outcome.PLANNED] + counts[Outcome.AMBIGUOUS]
    assert rate.matched + rate.many + rate.unmatched == rate.sample.distinct


@given(st.integers(2, 60), st.integers(1, 59), st.integers(1_000, 4_000))
def test_a_sample_does_not_go_with_what_repeats_itself_in_the_report(period: int, known: int, height: int) -> None:
    known = min(known, period)
    addresses = [f"{number:05}@x.io" for number in range(height)]
    matching = [address for number, address in enumerate(addresses) if number % period < known]
    keys = resolve_pairs(LEAD, [("User", "Email")])
    sample = find_keys(make_rows({"User": addresses}), keys).draw()
    rate = compare_keys(sample, make_records(*({"Email": address} for address in matching)), keys)
    assert rate.scope == f"500 keys chosen at random from {height:,}"
    assert rate.percent == pytest.approx(100 * len(matching) / height, abs=10)
    assert sample.frame["key"].is_sorted()


def test_a_sample_of_few_keys_is_all_of_them() -> None:
    keys = resolve_pairs(LEAD, [("User", "Email")])
    found = find_keys(make_rows({"User": ["b@x.io", "a@x.io"]}), keys)
    assert found.draw().frame.equals(found.frame)
    assert compare_keys(found, make_records(), keys).scope == "all 2 keys"


def test_examples_show_keys_as_the_report_has_them() -> None:
    rows = make_rows({"User": ["A@X.io", "none@x.io", "two@x.io", None]})
    records = make_records({"Email": "a@x.io"}, {"Email": "two@x.io"}, {"Email": "TWO@x.io"})
    keys = resolve_pairs(LEAD, [("User", "Email")])
    rate = compare_keys(find_keys(rows, keys), records, keys)
    assert (list(rate.examples), list(rate.strays), list(rate.crowded)) == (["A@X.io"], ["none@x.io"], ["two@x.io"])
    assert round(rate.percent) == 67
    assert not rate.hashed


def test_one_column_may_be_the_key_of_two_fields() -> None:
    rows = make_rows({"User": ["a@x.io", "b@x.io"]})
    records = make_records({"Email": "a@x.io", "Code__c": "a@x.io"}, {"Email": "b@x.io", "Code__c": "B@x.io"})
    keys = resolve_pairs(LEAD, [("User", "Email"), ("User", "Code__c")])
    rate = compare_keys(find_keys(rows, keys), records, keys)
    assert (list(rate.examples), list(rate.strays)) == (["a@x.io · a@x.io"], ["b@x.io · b@x.io"])


@pytest.mark.parametrize("column", ["*", "^User$"])
def test_a_key_column_may_have_any_name(column: str) -> None:
    rows = make_rows({"User": ["no@x.io"], column: ["a@x.io"]})
    keys = resolve_pairs(LEAD, [(column, "Email")])
    assert compare_keys(find_keys(rows, keys), make_records({"Email": "a@x.io"}), keys).matched == 1


def test_hashed_ids_are_distinguished_from_addresses() -> None:
    rows = make_rows({"User": ["n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", "x" * 43]})
    keys = resolve_pairs(LEAD, [("User", "Email")])
    assert compare_keys(find_keys(rows, keys), make_records(), keys).hashed


def test_an_empty_report_has_no_rate() -> None:
    keys = resolve_pairs(LEAD, [("User", "Email")])
    rate = compare_keys(find_keys(make_rows({"User": []}), keys), make_records(), keys)
    assert (rate.percent, rate.looked_up, rate.whole) == (0.0, 0, True)
