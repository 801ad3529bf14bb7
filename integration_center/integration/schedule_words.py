"""Say in words when an integration runs."""

from datetime import datetime

from integration_center.integration.schedule import DEFAULT_ZONE, RunTimes

DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")


def say_schedule(schedule: str, timezone: str = DEFAULT_ZONE) -> str:
    """Say when a valid cron expression runs: `every day at 08:00`, `Monday to Friday at 07:30 Europe/Berlin`.

    Returns:
        Words that follow a noun, with the time zone unless it is UTC; the expression itself where it has no short form.
    """
    said = _say_cron(schedule)
    return said if timezone == DEFAULT_ZONE else f"{said} {timezone}"


def _say_cron(schedule: str) -> str:
    minute, hour, day, month, weekday = schedule.split()
    if (day, month) != ("*", "*") or not minute.isdecimal():
        return f"by the cron expression {schedule}"
    if hour == "*" and weekday == "*":
        return f"every hour at {int(minute):02d} minutes past" if int(minute) else "every hour"
    if hour.startswith("*/") and hour[2:].isdecimal() and weekday == "*":
        past = f", at {int(minute):02d} minutes past" if int(minute) else ""
        return f"every {int(hour[2:])} hours{past}"
    if not hour.isdecimal():
        return f"by the cron expression {schedule}"
    at = f"at {int(hour):02d}:{int(minute):02d}"
    if weekday == "*":
        return f"every day {at}"
    if weekday.upper() in ("1-5", "MON-FRI"):
        return f"Monday to Friday {at}"
    if weekday.isdecimal():
        return f"{DAYS[int(weekday) % 7]} {at}"
    return f"by the cron expression {schedule}"


def say_times(times: RunTimes, now: datetime, *, utc: bool = False) -> str:
    """Say when an integration runs by itself: `every day at 08:00`, `after logins_to_leads`, with its pause.

    Args:
        times: of the integration.
        now: the time. A pause that is over is not mentioned.
        utc: whether UTC is named, too.
    """
    said = f"after {times.after}" if times.after else say_schedule(times.schedule, times.timezone)
    if utc and times.after is None and times.timezone == DEFAULT_ZONE:
        said += " UTC"
    return f"{said}, {say_pause(times)}" if times.is_paused(now) else said


def say_pause(times: RunTimes) -> str:
    """Say until when an integration is paused."""
    return f"paused until {times.paused_until}"
