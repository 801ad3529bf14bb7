"""From when on a push looks for records that changed since its plan: by the time of the clock that stamps them."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from integration_center.planning.plan import read_since
from integration_center.salesforce.write.last_look import MARGIN
from integration_center.sync.columns import MODSTAMP

NEWEST = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "org_time",
    [NEWEST - timedelta(days=3), NEWEST, NEWEST + MARGIN],
    ids=["lags behind the stamps", "is that of the stamps", "is just after them"],
)
def test_what_the_org_tells_counts_where_a_stamp_bears_it_out(org_time: datetime) -> None:
    assert read_since(build_lines([NEWEST, NEWEST - timedelta(days=9), None], org_time)) == org_time


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(minutes=59), timedelta(days=3)], ids=str)
def test_however_far_ahead_what_the_org_tells_runs_every_later_stamp_counts(ahead: timedelta) -> None:
    since = read_since(build_lines([NEWEST, None], NEWEST + ahead))
    assert since is not None
    assert NEWEST < since - MARGIN <= NEWEST + SECOND


@pytest.mark.parametrize(("newest", "since"), [(NEWEST, NEWEST), (None, None)], ids=["stamped", "without stamps"])
def test_an_org_that_tells_no_time_is_read_from_the_newest_stamp(
    newest: datetime | None, since: datetime | None
) -> None:
    assert read_since(build_lines([newest], None)) == since


def build_lines(stamps: list[datetime | None], org_time: datetime | None) -> pl.LazyFrame:
    """Lines of a plan with these SystemModstamps, read when the org gave this time."""
    columns = {"modstamp": stamps, "org_time": [org_time] * len(stamps)}
    return pl.LazyFrame(columns, schema={"modstamp": MODSTAMP, "org_time": MODSTAMP})
