"""Times that had passed before an integration was moved to them: Dagster would run them at once."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg


@dataclass(frozen=True)
class Timetable:
    """When an integration runs, as its last tick left it.

    Attributes:
        schedule: the cron expression.
        since: an ISO 8601 moment in UTC. Ticks before it belong to an earlier expression.
    """

    schedule: str
    since: str


def passed_before_move(instance: dg.DagsterInstance, slug: str, schedule: str, tick: datetime, file: Path) -> bool:
    """Whether `tick` had passed already when the integration was moved to `schedule`.

    Dagster goes through all ticks of the present expression since the last one it ran. Where the expression is another
    one since then, ticks before the change of the file were never due. Ticks of an unchanged expression that passed
    while nothing ran are due, however late.

    Args:
        instance: keeps the expression of the last tick, in its daemon cursors.
        slug: of the integration.
        schedule: its cron expression now.
        tick: the scheduled time, UTC.
        file: the `defs.yaml` that holds the expression.
    """
    key = f"integration_center/timetable/{slug}"
    known = _read(instance.daemon_cursor_storage.get_cursor_values({key}), key)
    if known is None or known.schedule != schedule:
        moved = min(file.stat().st_mtime, time.time())  # a file of the future holds up no tick
        known = Timetable(schedule, datetime.fromtimestamp(moved, UTC).isoformat())
        instance.daemon_cursor_storage.set_cursor_values({key: json.dumps(asdict(known))})
    return tick < datetime.fromisoformat(known.since)


def _read(values: Mapping[str, str], key: str) -> Timetable | None:
    return Timetable(**json.loads(values[key])) if key in values else None
