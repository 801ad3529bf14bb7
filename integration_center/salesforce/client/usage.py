"""Count what a session costs: API calls, bytes, and time spent waiting."""

import re
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

API_USAGE = re.compile(r"(?<!per-app-)api-usage\s*=\s*(\d+)\s*/\s*(\d+)", re.IGNORECASE)
APP_USAGE = re.compile(r"per-app-api-usage\s*=\s*(\d+)\s*/\s*(\d+)", re.IGNORECASE)
"""`api-usage=25/5000; per-app-api-usage=17/250(appName=x)`: the second part comes if our app has a quota in the org.

Source: REST API, "Limit Info Header".
"""


@dataclass(frozen=True)
class Allowance:
    """The API calls that the `org`, or our `connected app`, may make in 24 hours, and how many are left."""

    of: str
    maximum: int
    left: int


@dataclass(frozen=True)
class Usage:
    """What a session has used at one moment. A value that the org has not yet reported is None.

    Attributes:
        calls: the HTTP requests sent, including repeated ones; each counts as one API call of the org.
        bytes_sent: the size of request bodies on the wire.
        bytes_received: the size of response bodies on the wire (compressed where the org compressed them).
        daily_used: the API calls of the whole org in the rolling 24 hours, from the org's last answer.
        daily_max: the API calls that the org allows in 24 hours.
        app_used: the API calls of our connected app alone, if it has a quota in the org.
        app_max: the quota of our connected app.
        waits: how often we waited before trying again, and for other runs.
        waits_seconds: the total seconds of these waits.
        looks: how often we waited for a Bulk job to end.
        looks_seconds: the total seconds of these waits.
        org_time: the org's clock, from the `Date` header of the last answer.
        stamp_time: the clock that stamps rows, from the creation time of the last Bulk query job.
    """

    calls: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    daily_used: int | None = None
    daily_max: int | None = None
    app_used: int | None = None
    app_max: int | None = None
    waits: int = 0
    waits_seconds: float = 0.0
    looks: int = 0
    looks_seconds: float = 0.0
    org_time: datetime | None = None
    stamp_time: datetime | None = None

    @property
    def daily_left(self) -> int | None:
        """The calls that the org has left today; None before the org has reported them."""
        return next((allowance.left for allowance in self.allowances if allowance.of == "org"), None)

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """The calls allowed in 24 hours, for the org and for our app; empty before the org has reported them."""
        limits = (("org", self.daily_used, self.daily_max), ("connected app", self.app_used, self.app_max))
        return tuple(
            Allowance(of, most, max(most - used, 0))
            for of, used, most in limits
            if used is not None and most is not None
        )


class Meter:
    """Adds up the usage of one session, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """The current sums."""
        return self._usage

    def count_call(self, sent: int) -> None:
        """Count one request with a body of `sent` bytes."""
        with self._lock:
            now = self._usage
            self._usage = replace(now, calls=now.calls + 1, bytes_sent=now.bytes_sent + sent)

    def count_answer(self, received: int, limit_info: str | None, date: str | None = None) -> None:
        """Count an answer: `received` bytes of body, and its `Sforce-Limit-Info` and `Date` headers, if any."""
        with self._lock:
            now = replace(self._usage, bytes_received=self._usage.bytes_received + received)
            now = replace(now, org_time=parse_date(date) or now.org_time)
            if limit_info and (whole := API_USAGE.search(limit_info)):
                now = replace(now, daily_used=int(whole[1]), daily_max=int(whole[2]))
            if limit_info and (app := APP_USAGE.search(limit_info)):
                now = replace(now, app_used=int(app[1]), app_max=int(app[2]))
            self._usage = now

    def note_stamp_time(self, created: str | None) -> None:
        """Record the `createdDate` of a new job, in the ISO form of REST, if it has one."""
        with self._lock:
            self._usage = replace(self._usage, stamp_time=parse_moment(created) or self._usage.stamp_time)

    def count_wait(self, seconds: float) -> None:
        """Count a wait of `seconds` before a retry."""
        with self._lock:
            now = self._usage
            self._usage = replace(now, waits=now.waits + 1, waits_seconds=now.waits_seconds + seconds)

    def count_look(self, seconds: float) -> None:
        """Count a wait of `seconds` before a look at a Bulk job."""
        with self._lock:
            now = self._usage
            self._usage = replace(now, looks=now.looks + 1, looks_seconds=now.looks_seconds + seconds)


def parse_date(value: str | None) -> datetime | None:
    """Parse an HTTP `Date` header into a moment in UTC; None when it is missing or cannot be read."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_moment(value: str | None) -> datetime | None:
    """Parse REST's `2026-05-01T07:25:37.000+0000` into a moment in UTC; None for other text, or without a zone."""
    try:
        moment = datetime.fromisoformat(value or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
