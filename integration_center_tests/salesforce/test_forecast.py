from pathlib import Path

import polars as pl
import pytest

from integration_center.salesforce.write.bulk_files import estimate_bytes, write_parts
from integration_center.salesforce.write.push import forecast_push, push_updates
from integration_center_tests.salesforce.scripted import LEAD, RecordingJournal, build_org
from integration_center_tests.salesforce.test_collections import build_updates
from integration_center_tests.salesforce.test_push import WholeOrg


@pytest.mark.parametrize("rows", [1, 200, 1_001, 2_000, 2_001, 50_000])
def test_a_push_takes_at_most_the_calls_forecast(rows: int) -> None:
    org = build_org(WholeOrg())
    updates = build_updates(rows)
    forecast = forecast_push(updates)
    push_updates(org, LEAD, updates, journal=RecordingJournal())
    used = org.session.usage.calls
    assert used <= forecast.calls <= used + 12
    assert forecast.calls < forecast.total


def test_a_large_push_is_forecast_by_its_jobs() -> None:
    long = build_updates(10_000).with_columns(
        pl.lit("x" * 30_000).alias("after.Company"), pl.lit(True).alias("changed.Company")
    )
    one, many = forecast_push(build_updates(10_000)), forecast_push(long)
    assert many.calls >= 3 * one.calls, "300 MB take at least three jobs"


@pytest.mark.proof
@pytest.mark.parametrize("length", [5, 60, 700])
def test_files_are_filled_so_that_no_more_jobs_are_made_than_forecast(length: int, tmp_path: Path) -> None:
    most = 3_000_000
    updates = build_updates(120_000).with_columns(
        pl.lit("x" * length).alias("after.Company"), pl.lit(True).alias("changed.Company")
    )
    sizes = [part.size for part in write_parts(updates, ["Company"], tmp_path, most)]
    assert len(sizes) > 1
    assert min(sizes[:-1]) > 0.85 * most


def test_bytes_are_judged_by_a_sample(tmp_path_factory: pytest.TempPathFactory) -> None:
    updates = build_updates(20_000)
    (part,) = write_parts(updates, ["Logins__c"], tmp_path_factory.mktemp("parts"))
    assert estimate_bytes(updates) == pytest.approx(part.size, rel=0.1)
    assert estimate_bytes(updates.clear()) == 0
