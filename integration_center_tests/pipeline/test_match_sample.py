"""The match rate and the preview of the wizard, against the local org and drops, beside what a run makes of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
import pytest

from integration_center.errors import NoDataForDay, OrgError, SchemaMismatch, UnknownReport
from integration_center.installation import open_installation
from integration_center.integration.schedule import check_schedule, next_run
from integration_center.integration.spec import Environment
from integration_center.planning.match_sample import measure_match_rate
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.salesforce.org import Org
from integration_center.sync.match.match_rate import MatchRate
from integration_center.sync.outcomes import Outcome
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, email, logins


@contextmanager
def opened(center: Center) -> Iterator[Org]:
    with open_installation() as installation, installation.connect(Environment.SANDBOX) as org:
        yield org


def newest(name: str = "Logins Review", text: tuple[str, ...] = ("User ID",)) -> NewestReport:
    with open_installation() as installation:
        return read_newest(installation.source(), installation.reports, name, text)


def measure(center: Center, field: str, column: str = "User ID") -> MatchRate:
    with opened(center) as org:
        schema = org.describe("Lead")
        center.emulator.sandbox.calls.clear()
        return measure_match_rate(newest().frame, [(column, field)], schema, org)


def test_it_says_what_a_run_says_in_one_call(center: Center) -> None:
    center.integrate()
    center.drop([*logins(range(1, 40)), ("nobody@nowhere.example", None, None, 1), (None, None, None, 2)])
    rate = measure(center, "Email")
    calls = center.emulator.sandbox.calls.find(path="/services/data/*")
    assert [call.path.rpartition("/")[2] for call in calls] == ["composite"]
    assert email(1) not in "".join(call.path for call in calls)
    ledger = center.ledger(center.run())
    unmatched = ledger.filter(pl.col("outcome") == Outcome.UNMATCHED)["key"].to_list()
    assert rate.unmatched == len(unmatched)
    assert set(rate.strays) <= set(unmatched)
    assert "nobody@nowhere.example" in unmatched
    assert rate.sample.without_key == 1
    assert rate.matched + rate.many == 40 - len(unmatched)


def test_all_keys_are_looked_up_while_they_take_few_calls(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    strays = [(f"nobody{number}@nowhere.example", None, None, 1) for number in range(1_000)]
    center.drop([*strays, *logins(PLAIN)])
    rate = measure(center, "Email")
    assert rate.scope == f"all {1_000 + len(PLAIN):,} keys"
    assert rate.matched == len(PLAIN)
    for limit, most in (("MOST_KEYS", 1_000), ("MOST_QUERIES", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(f"integration_center.planning.match_sample.{limit}", most)
            assert measure(center, "Email").scope == f"500 keys chosen at random from {1_000 + len(PLAIN):,}"


def test_hostile_keys_ask_for_nothing_else(center: Center) -> None:
    center.drop([("' OR Id != '", None, None, 1), ("x\\' OR Name LIKE '%", None, None, 1), *logins(PLAIN[:2])])
    rate = measure(center, "Email")
    assert (rate.matched, rate.unmatched) == (2, 2)


def test_a_field_without_an_index_is_listed_too(center: Center) -> None:
    center.drop(logins(PLAIN))
    rate = measure(center, "Company")
    assert rate.unmatched == len(PLAIN)
    calls = center.emulator.sandbox.calls.find(path="/services/data/*")
    assert {call.path.rpartition("/")[2] for call in calls} == {"composite"}
    assert len(calls) == 2  # the second looks for addresses as a sandbox has them


def test_fields_that_are_gone_or_cannot_be_searched_by_are_named(center: Center) -> None:
    center.drop(logins(PLAIN))
    with pytest.raises(SchemaMismatch, match="Gone__c"):
        measure(center, "Gone__c")


def test_dates_are_compared_with_the_whole_object_while_it_is_small(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.drop(logins(PLAIN))
    assert measure(center, "CreatedDate", "Last Login").unmatched == 1
    monkeypatch.setattr("integration_center.planning.match_sample.SMALL_OBJECT", 3)
    with pytest.raises(OrgError, match="continue without the match rate"):
        measure(center, "CreatedDate", "Last Login")


def test_the_preview_has_the_types_of_a_run_and_stores_nothing(center: Center) -> None:
    center.drop(logins(PLAIN))
    preview = newest(text=("User ID", "# Logins Last 30 Days"))
    assert preview.day == YESTERDAY
    assert preview.info.key_column == "User ID"
    assert preview.frame.schema["# Logins Last 30 Days"] == pl.String()
    assert not list((center.home / "storage").rglob("*.parquet"))
    center.integrate()
    center.run()
    stored = newest()
    assert stored.frame.equals(newest(text=("User ID",)).frame)
    assert stored.info.key_column == "User ID"
    assert newest(text=("User ID", "# Logins Last 30 Days")).frame.equals(preview.frame)


def test_a_report_that_is_gone_or_empty_is_named(center: Center) -> None:
    with pytest.raises(UnknownReport, match="Churn"):
        newest("Churn")
    with pytest.raises(NoDataForDay, match="there is none at all"):
        newest()


def test_the_next_run_of_a_cron() -> None:
    now = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    assert next_run("0 8 * * *", now) == datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    assert next_run("30 9 * * 1", now) == datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    assert next_run("0 0 30 2 *", now) is None
    for never in ("0 0 30 2 *", "every day at nine", "99 8 * * *", "@daily"):
        with pytest.raises(ValueError, match=r"cron expression of five fields|never comes"):
            check_schedule(never)
