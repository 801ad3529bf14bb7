"""To a production account: what differs there, what a run would do, and the button that switches it on."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.accounts.store import AccountStore
from integration_center.console.dagster import DagsterDown, reload_code, start
from integration_center.console.labels import find_labels
from integration_center.console.ledger import first_lines
from integration_center.console.pages.integrations import find_file
from integration_center.console.plain_words import say_error, say_error_sentence
from integration_center.console.results import judge
from integration_center.console.shell.context import Console, address_of, console_of, note, user_of
from integration_center.console.shell.page import Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.wizard.calls import Calls
from integration_center.console.wizard.new_fields import create_in
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError, IntegrationCenterError, PlanError
from integration_center.insights.source import last_full_day
from integration_center.integration.spec import Environment, IntegrationSpec, OrgKind
from integration_center.integration_files.folder import build_copy
from integration_center.integration_files.reading import DefsFile
from integration_center.pipeline.administration.promoting import (
    Comparison,
    compare,
    find_promoted,
    require_promotable,
    require_seen,
    switch_on,
    write_promoted,
)
from integration_center.salesforce.objects.field_creation import write_help_text
from integration_center.salesforce.objects.field_package import is_creatable
from integration_center.sync.mapping.missing_fields import admin_message
from integration_center.sync.outcomes import Outcome
from integration_center.sync.sample import SAMPLE

PATH = "/integrations/{slug}/promote"


def show_promotion(request: Request) -> Response:
    """Show how the target differs, and the newest plan made there."""
    console, file, spec, target = _find(request)
    store = console.installation.accounts
    accounts = [each.title for each in (spec.environment, target) if not store.find(each)]
    promoted = find_promoted(console.defs, spec, target)
    plan = _find_plan(console, promoted)
    # While the plan is made the page asks again and again, and each comparison costs calls of both orgs.
    begun = console.find_unfinished(console.engine.read()).get(promoted.slug) if promoted else None
    making = plan.status is SyncStatus.RUNNING if plan else False
    making = making or (begun is not None and (plan is None or plan.run_id != begun.run_id))
    comparison = None if accounts or making else compare(console.interactive, spec, target)
    values = {
        "file": file,
        "spec": spec,
        "here": f"/integrations/{file.slug}/promote",
        "this": _address(console, file, target),
        "target": target,
        "targets": store.names.list(OrgKind.PRODUCTION),
        "missing": accounts,
        "making": making,
        "comparison": comparison,
        "creatable": [field for field in comparison.missing if is_creatable(field)] if comparison else [],
        "message": _write_message(console, comparison, spec, target),
        "promoted": promoted,
        "plan": plan,
        "result": judge(plan) if plan else None,
        "refusal": "" if accounts or making else _find_refusal(console, promoted, plan),
        "labels": find_labels(console, target, spec.object),
        "sample": first_lines(console.installation, plan, Outcome.PLANNED, Outcome.HELD, most=SAMPLE) if plan else [],
    }
    return render(request, "promote.html", values)


def make_plan(request: Request) -> Response:
    """Copy the integration to the target, switched off, and plan it there."""
    console, file, spec, target = _find(request)
    here = _address(console, file, target)
    if compare(console.interactive, spec, target).blocking:
        said = f"{target.title} lacks what this integration needs, so nothing was copied."
        return redirect(request, here, said, "danger")
    before = find_promoted(console.defs, spec, target)
    promoted = write_promoted(console.defs, file, target, by=user_of(request).name)
    if before is None or before.content_hash != promoted.content_hash:
        action = Action.CREATED if before is None else Action.CHANGED
        note(request, action, slug=promoted.slug, environment=target, detail=f"from {file.slug}")
        reload_code(console)
    try:
        start(request, promoted, last_full_day(console.now()), push=False)
    except DagsterDown as error:
        return redirect(request, here, f"{error}.", "danger")
    return redirect(request, here, f"The plan is being made in {target.title}. Nothing is written there.", "info")


def create_missing(request: Request) -> Response:
    """Create in the target what the integration lacks there, like the fields it writes now."""
    console, file, spec, target = _find(request)
    here = _address(console, file, target)
    try:
        missing = compare(console.interactive, spec, target).missing
        about = write_help_text(build_copy(spec, target).name, spec.report)
        done = create_in(Calls(console), target, spec.object, missing, about)
    except IntegrationCenterError as error:
        return redirect(request, here, say_error_sentence(error), "danger")
    said = done.summarize(spec.object)
    note(request, Action.CREATED_FIELDS, slug=file.slug, environment=target, detail=said)
    return redirect(request, here, said, "success" if done.whole else "warning")


def confirm(request: Request) -> Response:
    """Switch the copy on: the page with this button has shown its plan."""
    console, file, spec, target = _find(request)
    promoted = find_promoted(console.defs, spec, target)
    here = _address(console, file, target)
    if promoted is None:
        return redirect(request, here, f"There is no copy in {target.title} yet. Make the plan first.", "warning")
    try:
        switch_on(
            console.interactive,
            console.defs,
            promoted.slug,
            str(form_of(request).get("run", "")),
            who=user_of(request).name,
            where=address_of(request),
            now=console.now(),
        )
    except (PlanError, ConfigurationError) as error:
        return redirect(request, here, f"It stays switched off: {error}.", "danger")
    said = reload_code(console).text
    return redirect(request, f"/integrations/{promoted.slug}", f"It is switched on in {target.title}. {said}".strip())


def _write_message(console: Console, comparison: Comparison | None, spec: IntegrationSpec, target: Environment) -> str:
    """Write the message to the Salesforce admin of the target; empty when no field is missing."""
    if not comparison or not comparison.missing:
        return ""
    user = console.installation.accounts.get(target).username
    return admin_message(comparison.missing, build_copy(spec, target), user=user)


def _address(console: Console, file: DefsFile, target: Environment) -> str:
    """The address of the page for one target."""
    asked = "" if target is _choose_target(console.installation.accounts) else f"?to={target.value}"
    return f"/integrations/{file.slug}/promote{asked}"


def _find(request: Request) -> tuple[Console, DefsFile, IntegrationSpec, Environment]:
    file = find_file(request)
    if file.spec is None:
        raise ConfigurationError(f"{file.slug} is broken: {file.problem}. Correct it first")
    console = console_of(request)
    store = console.installation.accounts
    asked = str(form_of(request).get("to", "")) if request.method == "POST" else request.query_params.get("to", "")
    target = store.names.find(asked) if asked else _choose_target(store)
    if target is None:
        raise ConfigurationError("there is no such account to take it to; choose another under Accounts")
    require_promotable(console.installation, file.spec, target)
    return console, file, file.spec, target


def _choose_target(store: AccountStore) -> Environment:
    """The first production account that is connected; the first of all where none is."""
    targets = store.names.list(OrgKind.PRODUCTION)
    return next((each for each in targets if store.find(each)), targets[0])


def _find_plan(console: Console, promoted: DefsFile | None) -> SyncRecord | None:
    """Find the newest run of the copy, if it is a plan that is made or on its way."""
    newest = next(iter(console.installation.syncs.history(promoted.slug, limit=1)), None) if promoted else None
    return newest if newest and newest.applied_at is None else None


def _find_refusal(console: Console, promoted: DefsFile | None, plan: SyncRecord | None) -> str:
    """Say why the copy cannot be switched on by this plan; empty when it can."""
    if promoted is None or plan is None or (promoted.spec and promoted.spec.enabled):
        return ""
    try:
        require_seen(console.interactive, promoted, plan.run_id, console.now())
    except IntegrationCenterError as error:
        return say_error(error)
    return ""


PAGE = Page(
    routes=(
        view(PATH, show_promotion, role=Role.OPERATOR),
        change(PATH, make_plan),
        change(f"{PATH}/fields", create_missing),
        change(f"{PATH}/switch-on", confirm),
    )
)
