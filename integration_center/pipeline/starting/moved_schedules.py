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
        schedule: the cron expression, with its time zone.
        since: an ISO 8601 moment in UTC. Ticks before it belong to an earlier expression.
    """

    schedule: str
    since: str


def passed_before_move(context: dg.ScheduleEvaluationContext, slug: str, schedule: str, file: Path) -> bool:
    """Whether a tick had passed already when the integration was moved to `schedule`.

    Dagster goes through all ticks of the present expression since the last one it ran. Where the expression is another
    one since then, ticks before the change of the file were never due. Ticks of an unchanged expression that passed
    while nothing ran are due, however late.

    Args:
        context: of the tick; its instance keeps the expression of the last tick, in its daemon cursors.
        slug: of the integration.
        schedule: its cron expression now, with its time zone.
        file: the `defs.yaml` that holds the expression.
    """
    key = f"integration_center/timetable/{slug}"
    storage = context.instance.daemon_cursor_storage
    known = _read(storage.get_cursor_values({key}), key)
    if known is None or known.schedule != schedule:
        changed = file.stat().st_mtime if file.exists() else 0  # an integration of another project has no file here
        moved = min(changed, time.time())  # a file of the future holds up no tick
        known = Timetable(schedule, datetime.fromtimestamp(moved, UTC).isoformat())
        storage.set_cursor_values({key: json.dumps(asdict(known))})
    return context.scheduled_execution_time < datetime.fromisoformat(known.since)


def _read(values: Mapping[str, str], key: str) -> Timetable | None:
    return Timetable(**json.loads(values[key])) if key in values else None
