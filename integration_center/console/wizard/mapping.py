"""The third screen: which columns go to which fields, and the options. Edit opens here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.lookups import Answer
from integration_center.console.shell.values import name_type
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.choices import (
    Group,
    group_targets,
    name_columns,
    offer_targets,
    select_option,
)
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.environment import is_chosen
from integration_center.console.wizard.firing import find_firing
from integration_center.console.wizard.last_runs import list_last_runs
from integration_center.console.wizard.next_run import say_next_run
from integration_center.console.wizard.others import find_writers, list_earlier
from integration_center.console.wizard.past_limits import explain_limits
from integration_center.console.wizard.report import find_key_problem
from integration_center.console.wizard.rows import (
    act_on_rows,
    find_proposal,
    read_rows,
    roll_all_rows_up,
    take_proposal,
    write_values,
)
from integration_center.console.wizard.samples import NO_SAMPLES, Samples
from integration_center.console.wizard.saving import find_missing, write_admin_message
from integration_center.console.wizard.schedule_choice import CHOICES as SCHEDULES
from integration_center.console.wizard.schedule_choice import HOURS, read_choice, write_after, write_schedule
from integration_center.console.wizard.screens import Screen, settle
from integration_center.console.wizard.specs import CHECKBOXES, OPTIONS, build_spec, read_option
from integration_center.console.wizard.values import (
    JudgedRow,
    find_repeated,
    judge_rows,
    list_presets,
    show_preview,
    takes_window,
)
from integration_center.database.touched import say_touched_by
from integration_center.errors import IntegrationCenterError
from integration_center.integration_files.reading import DefsFile
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.presets import OWN_SQL, PRESETS, Preset
from integration_center.salesforce.objects.field_package import can_deploy
from integration_center.sync.mapping.fitness import why_not_target, why_not_target_of
from integration_center.sync.mapping.suggestions import suggest_targets
from integration_center.sync.mapping.type_names import name_field_type
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.near_names import find_nearest, find_twin

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


@dataclass(frozen=True)
class ShownRow:
    """One mapping on the screen.

    Attributes:
        groups: the fields it offers.
        type: what the column or value holds.
        problem: what is wrong with it.
        rolls_up: whether the problem goes away when all rows of a key make one record.
        preset: how its value is made; None for a plain column, and for SQL that no preset wrote.
        makes: the ways to make a value that it offers.
        field_type: what the field holds; empty while none is chosen.
        list_name: of the fields it offers, for a page that has them already.
        kept: whether the page has them.
        samples: some values of the column, as they are and as they would be written.
        clash: another integration that writes the field already.
    """

    row: FieldRow
    groups: Sequence[Group]
    type: str
    problem: str | None
    field_type: str = ""
    list_name: str = ""
    kept: bool = False
    samples: Samples = NO_SAMPLES
    clash: DefsFile | None = None
    rolls_up: bool = False
    preset: Preset | None = None
    makes: Sequence[Group] = ()


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
    if not settle(asked):
        return screen.show_waiting("mapping", asked)
    rows, schema = newest.get(), described.get()
    screen = screen.keep(write_values(propose(screen.draft, rows, schema), rows.likely_dtypes))
    draft = screen.draft
    dtypes = rows.likely_dtypes
    judged = judge_rows(draft, rows, screen.calls.values(draft, rows))
    held_types = [each.dtype for each in judged]
    _, problems = build_spec(draft)
    missing = find_missing(draft, schema, held_types)
    if missing:
        names = screen.calls.field_names(environment, name)
        if not settle([names]):
            return screen.show_waiting("mapping", [names])
        missing = find_missing(draft, schema, held_types, names.get() or ())
    account = screen.calls.account(environment)
    samples = screen.calls.samples(draft, rows, schema)
    settle(samples, SAMPLES_SECONDS)
    shown = show_rows(
        draft,
        judged,
        schema,
        problems if screen.checking else {},
        find_writers(screen, environment, schema),
        samples,
        screen.kept_lists,
    )
    last_runs = list_last_runs(screen)
    columns = [(name, name_type(dtype)) for name, dtype in dtypes.items()]
    values = {
        "environment": environment,
        "schema": schema,
        "rows": rows,
        "columns": columns,
        "column_list": (column_list := name_columns(columns)),
        "columns_kept": column_list in screen.kept_lists,
        "shown": shown,
        "next_number": draft.next_number,
        "held": find_held(screen, rows, schema),
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
        "fires": find_firing(screen, environment, schema),
        "touched": say_touched_by(last_runs),
        "past": explain_limits(last_runs, draft),
        "missing": missing,
        "deployable": [field for field in missing if can_deploy(field)],
        "creatable": [field for field in missing if field.hidden or can_deploy(field)],
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
        options["schedule"] = write_schedule(form, read_option(screen.draft, "schedule"))
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
        if not settle([newest, described]):
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


def find_held(screen: Screen, rows: NewestReport, schema: SObjectSchema) -> Mapping[str, Sequence[object]]:
    """What the mapped fields hold in a few records that match, by field; nothing where it is not known in a moment."""
    draft = screen.draft
    if len(draft.pairs) != 1 or any(find_key_problem(key, draft, rows, schema) for key in draft.keys):
        return {}
    match = screen.calls.match(draft, rows, schema)
    try:
        if not settle([match], HELD_SECONDS) or not (keys := match.get().examples):
            return {}
        held = screen.calls.held_now(draft, schema, keys)
        return held.get() if settle([held], HELD_SECONDS) else {}
    except IntegrationCenterError:  # the screen before says why; a sample is not worth more words
        return {}


def show_rows(
    draft: Draft,
    judged: Sequence[JudgedRow],
    schema: SObjectSchema,
    problems: Mapping[str, str],
    writers: Mapping[str, DefsFile],
    samples: Sequence[Answer[Samples]],
    kept_lists: Collection[str] = (),
) -> list[ShownRow]:
    """The rows with what they offer, what they would write, and what is wrong with them.

    Args:
        draft: with the rows.
        judged: what each row gives.
        schema: the object.
        problems: what saving found, by the names of inputs.
        writers: see `find_writers`.
        samples: of each row, as far as they are there.
        kept_lists: the lists of fields that the page has already.
    """
    keys = frozenset(field.lower() for _, field in draft.pairs)
    presets = list_presets()
    shown = []
    for place, (row, found) in enumerate(zip(draft.rows, judged, strict=True)):
        dtype = found.dtype
        list_name, shared = offer_targets(schema, dtype, keys)
        kept = list_name in kept_lists
        used = {other.field.lower() for number, other in enumerate(draft.rows) if number != place and other.field}
        said = next((said for name, said in problems.items() if name.startswith(f"row-{place}-")), None)
        field = schema.get(row.field) if row.field else None
        wished = "" if row.make == OWN_SQL else row.column
        problem = found.problem or find_row_problem(row, found, schema, used, keys)
        shown.append(
            ShownRow(
                row=row,
                groups=group_targets(shared, schema, row.field, wished, used, own_only=kept),
                list_name=list_name,
                kept=kept,
                type=name_type(dtype) if row.column or (row.is_value and dtype) else "",
                problem=problem if found.problem or not said else said,
                field_type=name_field_type(field) if field else "",
                samples=samples[place].get() if samples[place].ready else NO_SAMPLES,
                clash=writers.get(row.field.lower()),
                rolls_up=found.rolls_up,
                preset=PRESETS.get(row.make),
                makes=select_option(presets, row.make or OWN_SQL),
            )
        )
    return shown


def find_row_problem(
    row: FieldRow, found: JudgedRow, schema: SObjectSchema, used: set[str], keys: frozenset[str]
) -> str | None:
    """What is wrong with a complete row, besides its value."""
    if not row.complete:
        return None
    if row.field.lower() in keys:
        return f"{row.field} is a key field, and a key field is never written."
    if row.field.lower() in used:
        return f"{row.field} is written twice; remove one of the two rows."
    field = schema.get(row.field)
    if field is None:
        names = [field.name for field in schema.fields]
        if twin := find_twin(row.field, names):
            return f"{schema.name} has no field {row.field}, but {twin}. Choose that one."
        nearest = find_nearest(row.field, names)
        like = f" The nearest is {nearest}." if nearest else ""
        return f"{schema.name} has no field {row.field} yet, or the connected user may not see it.{like}"
    reason = why_not_target(field) or (why_not_target_of(field, found.dtype) if found.dtype is not None else None)
    return f"{field.name} {reason}." if reason else None
