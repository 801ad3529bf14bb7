"""Says when an integration runs next, before and after it is saved."""

from datetime import date, datetime

from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.specs import read_option
from integration_center.integration.schedule import RunTimes, check_schedule, check_zone
from integration_center.integration.spec import IntegrationSpec


def say_next_run(draft: Draft, now: datetime) -> str:
    """When the integration would run next, in a sentence."""
    if not read_option(draft, "enabled"):
        return "It is disabled, so it runs only when somebody starts it."
    if after := read_option(draft, "after"):
        return f"After saving, it runs when {after} has completed."
    try:
        schedule, zone = check_schedule(read_option(draft, "schedule")), check_zone(read_option(draft, "timezone"))
        pause = read_option(draft, "paused_until")
        times = RunTimes(schedule, zone, paused_until=date.fromisoformat(pause) if pause else None)
        tick = times.next(now)
    except ValueError as error:
        return f"{error}."
    if tick is None:
        return "Its time never comes."
    return f"After saving, the next run is {tick:%Y-%m-%d %H:%M} UTC."


def say_next(spec: IntegrationSpec, now: datetime) -> str:
    """Say when an integration runs next, as a sentence."""
    if not spec.enabled:
        return "It is disabled: it runs only by Run Now."
    if spec.after:
        return f"It runs when {spec.after} has completed."
    tick = spec.times.next(now)
    return f"Its next run is {tick:%Y-%m-%d %H:%M} UTC." if tick else "It is started by its condition."
