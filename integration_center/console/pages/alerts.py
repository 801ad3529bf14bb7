"""Alerts: what is wrong now, and the channels that hear of it."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.alerts.editing import add_channel, remove_channel
from integration_center.alerts.places import AlertPlace, open_alerts, read_alert_settings
from integration_center.alerts.settings import AlertSettings, Kind
from integration_center.alerts.trying import SENT, try_channel
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import console_of, note
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.security import Form
from integration_center.database.incidents import Incidents
from integration_center.errors import ConfigurationError

HERE = "/alerts"
OPTIONS = {
    "slack": ("url",),
    "teams": ("url",),
    "pagerduty": ("routing_key",),
    "webhook": ("url", "secret"),
    "email": ("host", "port", "security", "sender", "to", "user", "password"),
}
"""The inputs that a type of channel needs."""
TYPES = {
    "slack": "Slack",
    "teams": "Microsoft Teams",
    "email": "E-mail",
    "pagerduty": "PagerDuty",
    "webhook": "Signed webhook",
}
KINDS = {
    Kind.FAILED: "A run failed",
    Kind.HELD: "A run is held",
    Kind.LATE: "A run did not come",
    Kind.APPROVAL: "A plan waits for approval",
    Kind.FAILED_ROWS: "More records than usual were not written",
    Kind.MATCH_RATE: "Fewer rows than usual found a record",
    Kind.UNUSUAL: "A report or its changes are unusual",
    Kind.API_CALLS: "Few API calls are left",
    Kind.ACCOUNT: "Salesforce refuses an account",
    Kind.DAGSTER: "The scheduler or a file of an integration is broken",
}


def show_alerts(request: Request) -> Response:
    """What is wrong now, and the channels."""
    return _show(request)


def _show(request: Request, problem: str = "", typed: Form | None = None) -> Response:
    console = console_of(request)
    fault = ""
    try:
        settings = read_settings(request)
    except ConfigurationError as error:
        settings, fault = AlertSettings(), say_error(error)
    store = Incidents(console.installation.engine)
    given = {name: value for name, value in (typed or {}).items() if name not in {"routing_key", "secret", "password"}}
    values = {
        "incidents": store.open(),
        "channels": settings.channels,
        "unsent": dict(store.unsent()),
        "fault": fault,
        "problem": problem,
        "typed": given,
        "types": TYPES,
        "kinds": KINDS,
    }
    return render(request, "alerts.html", values, status=400 if problem else 200)


def read_settings(request: Request) -> AlertSettings:
    """Read the channels of the installation."""
    return read_alert_settings(place_of(request)) or AlertSettings()


def place_of(request: Request) -> AlertPlace:
    """Return where the channels of the installation are kept."""
    return open_alerts(console_of(request).installation)


def try_one(request: Request) -> Response:
    """Send a test message to a channel."""
    name, settings = request.path_params["name"], read_settings(request)
    if name not in settings.channels:
        raise HTTPException(404, f"There is no channel {name!r}. It was removed or renamed.")
    result = try_channel(settings, name)["result"]
    if result == SENT:
        return redirect(request, HERE, f"The test message to {name} is sent. Check that it has arrived.")
    return redirect(request, HERE, f"The test message to {name} is not sent: {result}.", "danger")


def add(request: Request) -> Response:
    """Add a channel."""
    form = form_of(request)
    name = form.get("name", "").strip()
    try:
        add_channel(place_of(request), name, read_channel(form))
    except ConfigurationError as error:
        return _show(request, say_error(error), form)
    note(request, Action.CHANGED, detail=f"added alert channel {name}")
    return redirect(request, HERE, f"The channel {name} is added. Try it now.")


def read_channel(form: Form) -> dict[str, Any]:
    """Read the options of a channel from a form; those that are empty are left out."""
    kind = form.get("type", "")
    channel: dict[str, Any] = {"type": kind}
    for option in OPTIONS.get(kind, ()):
        if given := form.get(option, "").strip():
            channel[option] = given
    if "to" in channel:
        channel["to"] = [address.strip() for address in channel["to"].split(",") if address.strip()]
    if str(channel.get("port", "")).isdecimal():
        channel["port"] = int(channel["port"])
    if kinds := [each.value for each in Kind if form.get(f"kind-{each.value}")]:
        channel["kinds"] = kinds
    return channel


def remove(request: Request) -> Response:
    """Remove a channel."""
    name = request.path_params["name"]
    try:
        remove_channel(place_of(request), name)
    except ConfigurationError as error:
        return redirect(request, HERE, f"{error}.", "danger")
    note(request, Action.CHANGED, detail=f"removed alert channel {name}")
    return redirect(request, HERE, f"The channel {name} is removed.")


PAGE = Page(
    nav=(Link("Alerts", HERE, Role.OPERATOR),),
    routes=(
        view(HERE, show_alerts, role=Role.OPERATOR),
        change(HERE, add),
        change("/alerts/{name}/test", try_one),
        change("/alerts/{name}/remove", remove),
    ),
)
