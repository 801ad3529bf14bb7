"""The second screen: which report, which object, and by which keys their rows match."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.lookups import Answer, wait_for
from integration_center.console.plain_words import say_error
from integration_center.console.report_trial import say_file
from integration_center.console.shell.context import note
from integration_center.console.shell.rendering import redirect
from integration_center.console.wizard.alternatives import LOW, TriedPair, list_key_columns, looks_like_ids
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.choices import Group, group_keys
from integration_center.console.wizard.drafts import Draft, KeyRow
from integration_center.console.wizard.environment import is_chosen
from integration_center.console.wizard.preview import build_preview
from integration_center.console.wizard.screens import STEPS, Screen
from integration_center.errors import IntegrationCenterError, UnknownReport, UnreadableReport
from integration_center.insights.catalogue import ReportInfo, find_report
from integration_center.insights.inspecting.saved_proposals import save_proposal
from integration_center.planning.newest_report import NewestReport
from integration_center.salesforce.objects.describe import SObjectSummary
from integration_center.sync.mapping.fitness import why_not_key
from integration_center.sync.mapping.suggestions import rank_keys, suggest_key
from integration_center.sync.match.match_rate import MatchRate
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.near_names import find_nearest, say_nearest

LOOK = "look"
"""In the address of the page that also shows what the report's file is."""
BETTER_SECONDS = 2.5
"""How long the page waits for other key pairs to be tried."""
SAVE_SECONDS = 20.0
LOOK_SECONDS, GLANCE_SECONDS = 5.0, 0.5
"""How long the page waits for the look at a file that somebody asked for, and for the line about it."""
FOUND = 20
"""Objects that a search shows."""


@dataclass(frozen=True)
class MatchState:
    """The match rate as far as it is known.

    Attributes:
        rate: once it is there.
        error: why it is not known.
        asked: whether it is being looked up.
    """

    rate: MatchRate | None = None
    error: str | None = None
    asked: bool = False

    @property
    def low(self) -> bool:
        """Whether next to nothing matches, so that going on needs a second thought."""
        return self.rate is not None and bool(self.rate.looked_up) and self.rate.percent < LOW


def show_report(request: Request) -> Response:
    """Report, object, the report's first rows, key pairs and their match rate."""
    screen = Screen.open(request)
    if not is_chosen(screen):
        return screen.go("environment", check=True)
    try:
        return _show(screen)
    except IntegrationCenterError as error:
        return screen.show_fault("report", error)


def _show(screen: Screen) -> Response:
    environment = require_environment(screen.draft)
    all_reports, all_objects = screen.calls.reports(), screen.calls.objects(environment)
    asked: list[Answer[Any]] = [all_reports, all_objects]
    if not wait_for(asked):
        return screen.show_waiting("report", asked)
    reports, objects = all_reports.get(), list_writable(all_objects.get())
    report_problem = find_report_problem(screen.draft, reports)
    draft, found = resolve_object(screen.draft, objects)
    screen = screen.keep(draft)
    object_known = any(summary.name == draft.object for summary in objects)
    newest = screen.calls.newest(draft) if draft.report and not report_problem else None
    described = screen.calls.schema(environment, draft.object) if object_known else None
    asked = [answer for answer in (newest, described) if answer is not None]
    if not wait_for(asked):
        return screen.show_waiting("report", asked)
    rows = None
    try:
        rows = newest.get() if newest else None
    except IntegrationCenterError as error:
        report_problem = say_error(error)
    schema = described.get() if described else None
    screen = screen.keep(propose_key(screen.draft, rows, schema))
    match = measure(screen, rows, schema)
    values = {
        "reports": reports,
        "report_problem": report_problem or ("Choose a report." if screen.checking and not draft.report else None),
        "objects": objects,
        "object_problem": say_object_problem(screen, objects, found),
        "found": found,
        "rows": rows,
        "schema": schema,
        "preview": build_preview(rows) if rows else None,
        "key_groups": [group_key_fields(place, screen.draft, rows, schema) for place in range(len(screen.draft.keys))],
        "key_problems": [find_key_problem(key, screen.draft, rows, schema) for key in screen.draft.keys],
        "match": match,
        "alternatives": find_better(screen, rows, schema) if match and match.low and rows and schema else None,
        "stopped": screen.checking and match is not None and match.low,
        **look_at_file(screen, report_problem),
    }
    return screen.show("report", "wizard/report.html", values)


def take_report(request: Request) -> Response:
    """Keep what was chosen, and go where the button leads."""
    screen = Screen.open(request)
    form = screen.form
    columns, fields = form.getlist("key-column"), form.getlist("key-field")
    keys = [KeyRow(column=column, field=field) for column, field in zip(columns, fields, strict=False)]
    go = form.get("go", "")
    if go == "add-key":
        keys.append(KeyRow())
    draft = screen.draft
    if go == "save-report-yaml":
        return save_report_yaml(screen)
    if go.startswith("pair-"):
        keys = read_pair(go.removeprefix("pair-")) or keys
    if go == "ignore-invalid":
        draft = draft.change(options={**draft.options, "ignore_invalid": "on"})
    action, _, number = go.rpartition("-")
    if action == "remove-key" and number.isdecimal() and int(number) < len(keys):
        del keys[int(number)]
    report, object_name = form.get("report", "").strip(), form.get("pick", form.get("object", "")).strip()
    if report.casefold() != draft.report.casefold() or object_name.casefold() != draft.object.casefold():
        keys = []  # the other report or object gets its own proposals
        draft = draft.change(suggested=bool(draft.rows) and draft.suggested)
    screen = screen.keep(draft.change(report=report, object=object_name, keys=tuple(keys)))
    to = "mapping" if go in ("next", "next-anyway") else go if go in STEPS else "report"
    if to == "mapping" and not (screen.draft.report and screen.draft.object and screen.draft.pairs):
        return screen.go("report", check=True)
    if go == "next" and not screen.draft.base and is_low(screen):
        return screen.go("report", check=True)
    if go == "inspect":
        return redirect(screen.request, f"{screen.path}/report?{LOOK}=1")
    return screen.go(to)


def read_pair(given: str) -> list[KeyRow]:
    """Read the key pair of a button; none where it is none of ours."""
    try:
        column, field = json.loads(given)
        return [KeyRow(column=column, field=field)]
    except (ValueError, TypeError):
        return []


def is_low(screen: Screen) -> bool:
    """Whether the draft's keys are known to match next to nothing; what is not known within a moment stops nobody."""
    draft = screen.draft
    environment = require_environment(draft)
    asked: list[Answer[Any]] = [screen.calls.newest(draft), screen.calls.schema(environment, draft.object)]
    if not wait_for(asked):
        return False
    try:
        match = measure(screen, asked[0].get(), asked[1].get())
    except IntegrationCenterError:  # the next screen says it
        return False
    return match is not None and match.low


def find_better(screen: Screen, rows: NewestReport, schema: SObjectSchema) -> Sequence[TriedPair] | None:
    """Other key pairs that match better; None while they are being tried."""
    answer = screen.calls.alternatives(screen.draft, rows, schema)
    return answer.get() if wait_for([answer], BETTER_SECONDS) else None


def look_at_file(screen: Screen, report_problem: str | None) -> dict[str, Any]:
    """What the newest file of the report is, where it cannot be read or somebody asked; for the template."""
    wanted = LOOK in screen.request.query_params or bool(report_problem and screen.draft.report)
    is_files = screen.calls.has_files()
    file, problem = None, None
    if screen.draft.report and is_files:
        try:
            answer = screen.calls.inspect(screen.draft.report)
            # The match rate below asks again for this page, so a large file need not hold it up.
            file = answer.get() if wait_for([answer], LOOK_SECONDS if wanted else GLANCE_SECONDS) else None
        except IntegrationCenterError as error:
            problem = say_error(error)
    return {"looked": wanted, "file": file, "file_problem": problem, "is_files": is_files, "say_file": say_file}


def save_report_yaml(screen: Screen) -> Response:
    """Save the proposed `report.yaml` beside the report's files."""
    answer = screen.calls.inspect(screen.draft.report)
    found = answer.get() if wait_for([answer], SAVE_SECONDS) else None
    if found is None:
        return screen.go("report", "The file could not be looked at just now. Try again.")
    root = screen.console.installation.settings.walkme_files_root
    folder = Path(root) / found.report_id
    save_proposal(found.inspection, folder if folder.is_dir() else None)
    note(screen.request, Action.CHANGED, detail=f"how {screen.draft.report} is read")
    screen.console.forget_reports()
    return screen.go("report", "The options are saved, and the report is read again.")


def find_report_problem(draft: Draft, reports: Sequence[ReportInfo]) -> str | None:
    """Say why the draft's report cannot be used; None where it can, or none is chosen."""
    try:
        if draft.report:
            find_report(reports, draft.report)
    except (UnknownReport, UnreadableReport) as error:
        return say_error(error)
    return None


def list_writable(objects: Sequence[SObjectSummary]) -> list[SObjectSummary]:
    """The objects that can be read and updated, by label."""
    usable = [summary for summary in objects if summary.queryable and summary.updateable]
    return sorted(usable, key=lambda summary: (summary.label.casefold(), summary.name))


def resolve_object(draft: Draft, objects: Sequence[SObjectSummary]) -> tuple[Draft, list[SObjectSummary]]:
    """The draft with the object's API name in place of what was typed, and the objects that may be meant instead."""
    typed = draft.object.strip().casefold()
    if not typed:
        return draft, []
    exact = [summary for summary in objects if summary.name.casefold() == typed]
    exact = exact or [summary for summary in objects if typed == summary.label.casefold()]
    if len(exact) == 1:
        return draft.change(object=exact[0].name), []
    alike = exact or [s for s in objects if typed in s.name.casefold() or typed in s.label.casefold()]
    return draft, alike[:FOUND]


def say_object_problem(
    screen: Screen, objects: Sequence[SObjectSummary], found: Sequence[SObjectSummary]
) -> str | None:
    """Why the object cannot be used."""
    name = screen.draft.object
    if not name:
        return "Choose an object." if screen.checking else None
    if any(summary.name == name for summary in objects):
        return None
    if found:
        return f"No object is called {name!r} exactly; choose one of those that are alike."
    return (
        f"The org has no object {name!r} that the connected user can read and update. It may have been renamed or"
        " deleted, or the user lost access; choose another, or ask the Salesforce admin."
    )


def propose_key(draft: Draft, rows: NewestReport | None, schema: SObjectSchema | None) -> Draft:
    """The draft with the likeliest column for a key and the likeliest field, when it has no key pair yet."""
    if draft.keys or rows is None or schema is None:
        return draft
    column = next(iter(list_key_columns(rows)), "")
    field = suggest_key(schema, rows.frame.schema.get(column)) or ""
    if column in rows.frame.columns and looks_like_ids(rows.frame[column]):
        field = "Id"
    return draft.change(keys=(KeyRow(column=column, field=field),))


def group_key_fields(place: int, draft: Draft, rows: NewestReport | None, schema: SObjectSchema | None) -> list[Group]:
    """What the list of a key pair offers."""
    if schema is None:
        return []
    key = draft.keys[place]
    used = {other.field.lower() for number, other in enumerate(draft.keys) if number != place}
    return group_keys(rank_keys(schema, rows.frame.schema.get(key.column) if rows else None), key.field, used)


def find_key_problem(key: KeyRow, draft: Draft, rows: NewestReport | None, schema: SObjectSchema | None) -> str | None:
    """What is wrong with a key pair."""
    if rows is not None and key.column and key.column not in rows.frame.columns:
        return f"The report has no column {key.column!r} any more; {say_nearest(key.column, rows.frame.columns)}."
    if schema is not None and key.field:
        same = [other for other in draft.keys if other.field.lower() == key.field.lower()]
        if len(same) > 1:
            return f"{schema.name}.{key.field} is used twice; each Salesforce identifier pairs with one column."
        field = schema.get(key.field)
        if field is None:
            nearest = find_nearest(key.field, [field.name for field in schema.fields])
            like = f" The nearest is {nearest}." if nearest else ""
            return f"{schema.name} has no field {key.field}, or the connected user may not see it.{like}"
        if reason := why_not_key(field):
            return f"{schema.name}.{field.name} {reason}"
    return None


def measure(screen: Screen, rows: NewestReport | None, schema: SObjectSchema | None) -> MatchState | None:
    """The match rate of the key pairs; None while there is none that could be looked up."""
    draft = screen.draft
    if rows is None or schema is None or not draft.pairs:
        return None
    if any(find_key_problem(key, draft, rows, schema) for key in draft.keys):
        return None
    answer = screen.calls.match(draft, rows, schema)
    if not wait_for([answer], 0.5):
        return MatchState(asked=True)
    try:
        return MatchState(rate=answer.get())
    except IntegrationCenterError as error:
        return MatchState(error=say_error(error))
