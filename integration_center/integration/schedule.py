"""When an integration runs: cron expressions of five fields, in UTC."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

from croniter import CroniterBadDateError, croniter

DEFAULT_SCHEDULE = "0 8 * * *"
LOOKED_AHEAD = timedelta(days=8)
"""The time in which the longest wait between two runs is looked for: a night and a weekend are in it."""


def check_schedule(schedule: str) -> str:
    """The cron expression with single blanks.

    Raises:
        ValueError: it is none, or its time never comes.
    """
    plain = " ".join(schedule.split())
    if plain.count(" ") != 4 or not croniter.is_valid(plain):
        raise ValueError(
            f"{schedule!r} is no cron expression of five fields; expected is one such as {DEFAULT_SCHEDULE!r}"
        )
    if next_run(plain, datetime.now(UTC)) is None:
        raise ValueError(f"{schedule!r} is a time that never comes; name another day")
    return plain


@cache
def longest_wait(schedule: str) -> timedelta:
    """The longest time between two of the next runs of a valid cron expression."""
    times = croniter(schedule, datetime.now(UTC))
    runs = [times.get_next(datetime), times.get_next(datetime)]
    while runs[-1] - runs[0] < LOOKED_AHEAD:
        runs.append(times.get_next(datetime))
    return max(later - earlier for earlier, later in pairwise(runs))


def next_run(schedule: str, now: datetime) -> datetime | None:
    """The first time of a valid cron expression after `now`, UTC; None when it never comes, such as 30 February."""
    try:
        return croniter(schedule, now.astimezone(UTC)).get_next(datetime)
    except CroniterBadDateError:
        return None
