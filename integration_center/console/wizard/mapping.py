"""The third screen: which columns go to which fields, and the options. Edit opens here."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.lookups import Answer, wait_for
from integration_center.console.past_limits import explain_limits
from integration_center.console.shell.values import name_type
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.choices import (
    name_columns,
)
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.environment import is_chosen
from integration_center.console.wizard.firing import find_firing
from integration_center.console.wizard.report import find_key_problem
from integration_center.console.wizard.rows import (
    act_on_rows,
    find_proposal,
    read_rows,
    roll_all_rows_up,
    take_proposal,
    write_values,
)
from integration_center.console.wizard.saved import find_writers, list_earlier, list_last_runs
from integration_center.console.wizard.saving import find_missing, write_admin_message
from integration_center.console.wizard.schedules import CHOICES as SCHEDULES
from integration_center.console.wizard.schedules import HOURS, read_choice, say_next_run, write_after, write_schedule
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.shown_rows import MOST_OPTIONS, find_asked, show_rows
from integration_center.console.wizard.specs import CHECKBOXES, OPTIONS, build_spec, read_limits, read_option
from integration_center.console.wizard.values import (
    find_repeated,
    judge_rows,
    show_preview,
    takes_window,
)
from integration_center.database.touched import say_touched_by
from integration_center.errors import IntegrationCenterError
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.presets import PRESETS
from integration_center.salesforce.objects.field_package import can_deploy, is_creatable
from integration_center.sync.mapping.suggestions import suggest_targets
from integration_center.sync.schema import SObjectSchema

MORE = (
    "timezone",
    "not_between",
    "arrive_by",
    "max_matches",
    "latest_by",
    "where",
    "min_match_rate",
    "max_cleared",
    "max_changed",
    "max_failed",
    "max_absent",
    "owners",
    "gainsight",
)
"""The inputs that are folded away."""
SAMPLES_SECONDS = 0.5
HELD_SECONDS = 0.4
"""How long the page waits for what the fields hold now."""


def show_mapping(request: Request) -> Response:
    """Rows of report column and object field, and the options."""
    screen = Screen.open(request)
    if not is_chosen(screen):
        return screen.go("environment", check=True)
    if not (screen.draft.report and screen.draft.object and screen.draft.pairs):
        return screen.go("report", check=True)
    try:
        return _show(screen)
    except IntegrationCenterError as error:
        return screen.show_fault("mapping", error)


def _show(screen: Screen) -> Response:
    environment, name = require_environment(screen.draft), screen.draft.object
    newest, described = screen.calls.newest(screen.draft), screen.calls.schema(environment, name)
    asked: list[Answer[Any]] = [newest, described]
    if not wait_for(asked):
        return screen.show_waiting("mapping", asked)
    rows, schema = newest.get(), described.get()
    screen = screen.keep(write_values(propose(screen.draft, rows, schema), rows.likely_dtypes))
    draft = screen.draft
    dtypes = rows.likely_dtypes
    judged = judge_rows(draft, rows, screen.calls.values(draft, rows))
    held_types = [each.dtype for each in judged]
    _, problems = build_spec(draft)
    missing = find_missing(draft, schema, rows.frame, held_types)
    if missing:
        names = screen.calls.field_names(environment, name)
        if not wait_for([names]):
            return screen.show_waiting("mapping", [names])
        missing = find_missing(draft, schema, rows.frame, held_types, names.get() or ())
    account = screen.calls.account(environment)
    samples = screen.calls.samples(draft, rows, schema)
    late = not wait_for(samples, SAMPLES_SECONDS)
    shown = show_rows(
        draft,
        judged,
        schema,
        problems if screen.checking else {},
        find_writers(screen, environment, schema),
        samples,
        screen.kept_lists,
        screen.asked_row,
    )
    held, firing = find_held(screen, rows, schema), find_firing(screen, environment, schema)
    last_runs = list_last_runs(screen)
    columns = [(name, name_type(dtype)) for name, dtype in dtypes.items()]
    values = {
        "environment": environment,
        "schema": schema,
        "rows": rows,
        "columns": columns,
        "column_list": (column_list := name_columns(columns)),
        "columns_kept": column_list in screen.kept_lists,
        "share_columns": len(columns) * len(shown) > MOST_OPTIONS,
        "asked_row": screen.asked_row,
        "asked": find_asked(screen.asked_list, draft, schema, dtypes),
        "shown": shown,
        "next_number": draft.next_number,
        "held": held or {},
        "late": late or held is None or firing.late,
        "proposal": find_proposal(draft, rows),
        "takes_window": takes_window(rows),
        "repeated": find_repeated(screen, rows, schema),
        "preview": show_preview(screen, rows, schema, judged),
        "schedule": read_choice(read_option(draft, "schedule"), read_option(draft, "after")),
        "earlier": list_earlier(screen),
        "zones": list_zones(),
        "schedule_choices": SCHEDULES,
        "schedule_hours": HOURS,
        "problems": problems if screen.checking else {},
        "open_options": screen.checking and bool(set(problems) & set(MORE)),
        "key_problems": [problem for key in draft.keys if (problem := find_key_problem(key, draft, rows, schema))],
        "options": {name: read_option(draft, name) for name in OPTIONS},
        "fires": firing,
        "touched": say_touched_by(last_runs),
        "past": explain_limits(last_runs, read_limits(draft)),
        "missing": missing,
        "deployable": [field for field in missing if can_deploy(field)],
        "creatable": [field for field in missing if is_creatable(field)],
        "message": write_admin_message(draft, missing, user=account.username),
        "next_run": say_next_run(draft, screen.console.now()),
        "ready": bool(draft.complete_rows),
    }
    return screen.show("mapping", "wizard/mapping.html", values)


def take_mapping(request: Request) -> Screen:
    """Keep what was typed; the buttons that add and remove rows change it."""
    screen = Screen.open(request)
    form = screen.form
    rows = read_rows(screen)
    go = form.get("go", "")
    act_on_rows(go, rows, "all" if form.get("rows") == "all" else "newest")
    options = {name: form[name] for name in OPTIONS if name in form}
    if "schedule" in form:
        options["schedule"] = write_schedule(form, form.get("schedule-was", read_option(screen.draft, "schedule")))
    if "schedule-kind" in form:
        options["after"] = write_after(form, [slug for slug, _ in list_earlier(screen)])
    if go == "save-off":
        options["enabled"] = ""
    if "name" in form:  # a checkbox that is off is not sent
        options |= {name: form.get(name, "") for name in CHECKBOXES if not (name == "enabled" and go == "save-off")}
    draft = screen.draft.change(rows=tuple(rows), options={**screen.draft.options, **options})
    if go == "rows-all":
        draft = roll_all_rows_up(draft)
    if go.startswith("propose-") or any(row.make in PRESETS for row in draft.rows):
        draft = _fill_in(screen, draft, go)
    return screen.keep(draft)


def _fill_in(screen: Screen, draft: Draft, go: str) -> Draft:
    """Write the SQL of presets and take over what is proposed; needs the report, and what is not there waits."""
    try:
        newest, described = screen.calls.newest(draft), screen.calls.schema(require_environment(draft), draft.object)
        if not wait_for([newest, described]):
            return draft
        if go.startswith("propose-"):
            draft = take_proposal(draft, go, newest.get(), described.get())
        return write_values(draft, newest.get().likely_dtypes)
    except IntegrationCenterError:  # the screen says why
        return draft


def propose(draft: Draft, rows: NewestReport, schema: SObjectSchema) -> Draft:
    """The draft with rows for the columns whose names fit a field, and a name, unless that was done before."""
    if draft.suggested:
        return draft
    taken = [field for _, field in draft.pairs] + [row.field for row in draft.rows if row.field]
    chosen = suggest_targets(schema, rows.likely_dtypes, taken)
    proposed = tuple(FieldRow(column=column, field=field) for column, field in chosen.items())
    kept = tuple(row for row in draft.rows if row.column or row.field)
    name = draft.options.get("name") or f"{rows.info.name} to {schema.label}"
    return draft.change(rows=kept + proposed or (FieldRow(),), options={**draft.options, "name": name}, suggested=True)


@cache
def list_zones() -> Sequence[str]:
    """List the names of time zones. Each is a file of the machine, and they do not change while a process lives."""
    return sorted(available_timezones())


def find_held(screen: Screen, rows: NewestReport, schema: SObjectSchema) -> Mapping[str, Sequence[object]] | None:
    """Find what the mapped fields hold in a few records that match, by field; None while the org is still asked."""
    draft = screen.draft
    if len(draft.pairs) != 1 or any(find_key_problem(key, draft, rows, schema) for key in draft.keys):
        return {}
    match = screen.calls.match(draft, rows, schema)
    try:
        if not wait_for([match], HELD_SECONDS):
            return None
        if not (keys := match.get().examples):
            return {}
        held = screen.calls.held_now(draft, schema, keys)
        return held.get() if wait_for([held], HELD_SECONDS) else None
    except IntegrationCenterError:  # the screen before says why; a sample is not worth more words
        return {}
