"""The wizard's addresses: beginning, editing and copying an integration, its three screens, its plan, and saving it."""

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.users import Role
from integration_center.console.dagster import start
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import console_of, user_of
from integration_center.console.shell.page import Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.security import refuse_other_sites
from integration_center.console.shell.sessions import Tone
from integration_center.console.wizard.calls import require_environment
from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.environment import show_environment, take_environment
from integration_center.console.wizard.mapping import show_mapping, take_mapping
from integration_center.console.wizard.new_fields import create_missing, download_missing
from integration_center.console.wizard.plans import begin_plan, show_plan
from integration_center.console.wizard.report import show_report, take_report
from integration_center.console.wizard.saving import Refused, Saved, save
from integration_center.console.wizard.screens import STEPS, Screen, store_of
from integration_center.console.wizard.specs import draft_of, draft_of_file
from integration_center.console.wizard.versions import rebase, show_versions
from integration_center.errors import ConfigurationError, EditedMeanwhile, IntegrationCenterError
from integration_center.insights.source import last_full_day
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.folder import build_copy
from integration_center.integration_files.places import require_changeable
from integration_center.integration_files.reading import DefsFile


def begin(request: Request) -> Response:
    """A new integration."""
    refuse_other_sites(request)
    return begin_with(request, Draft(), "environment")


def edit(request: Request) -> Response:
    """An integration as its file says it, on the mapping screen."""
    refuse_other_sites(request)
    file, spec = find_sound(request)
    return begin_with(request, draft_of_file(file, spec), "mapping")


def ask_copy(request: Request) -> Response:
    """Which account the copy is for; another one is proposed."""
    file, spec = find_sound(request)
    store = console_of(request).installation.accounts
    accounts = {account.environment: account for account in store.list()}
    names = store.names.list()
    others = [each for each in names if each is not spec.environment]
    other = next((each for each in others if each in accounts), others[0])
    values = {
        "slug": file.slug,
        "name": spec.name,
        "slots": [(environment, accounts.get(environment)) for environment in names],
        "chosen": other if other in accounts else spec.environment,
    }
    return render(request, "duplicate.html", values)


def copy(request: Request) -> Response:
    """A copy on its mapping screen, where everything is checked in the copy's own org."""
    file, spec = find_sound(request)
    chosen = console_of(request).installation.accounts.names.find(form_of(request).get("environment", ""))
    if chosen is None:
        return redirect(request, f"/integrations/{file.slug}/duplicate", "Choose an account.", "warning")
    draft = draft_of(build_copy(spec, chosen)).change(source=file.slug)
    return begin_with(request, draft, "mapping")


def find_sound(request: Request) -> tuple[DefsFile, IntegrationSpec]:
    """The integration of the address.

    Raises:
        HTTPException: 404, there is none.
        ConfigurationError: its file is broken.
    """
    slug = request.path_params["slug"]
    try:
        file = console_of(request).defs.read(slug)
    except ConfigurationError as error:
        raise HTTPException(404, say_error(error)) from None
    if file.spec is None:
        what = f"the file of {slug!r} is broken, so it can only be corrected by hand"
        raise ConfigurationError(f"{what}: {file.name}: {file.problem}")
    return file, file.spec


def begin_with(request: Request, draft: Draft, step: str, message: str | None = None) -> Response:
    """Keep a new draft, and show one of its screens."""
    require_changeable(console_of(request).installation.settings)
    draft_id = store_of(request).create(user_of(request).name, draft)
    return redirect(request, f"/wizard/{draft_id}/{step}", message)


def ask_discard(request: Request) -> Response:
    """Ask before a draft is thrown away."""
    screen = Screen.open(request)
    return screen.show("discard", "wizard/discard.html", {})


def discard(request: Request) -> Response:
    """Drop a draft."""
    store_of(request).delete(request.path_params["draft"], user_of(request).name)
    return redirect(request, "/", "The draft is discarded; nothing was saved.", "info")


def take(request: Request) -> Response:
    """What the buttons of the mapping screen do."""
    screen = take_mapping(request)
    go = screen.form.get("go", "")
    if go in STEPS:
        return screen.go(go)
    if go == "recheck":
        screen.calls.forget(require_environment(screen.draft))
    acts: dict[str, Callable[[Screen], Response]] = {
        "save": save_draft,
        "save-off": save_draft,
        "save-run": lambda screen: save_draft(screen, run=True),
        "plan": plan_draft,
        "create-fields": create_missing,
    }
    row = go.removeprefix("list-") if go.startswith("list-") and go.removeprefix("list-").isdecimal() else ""
    return acts[go](screen) if go in acts else screen.go("mapping", row=row)


def take_plan(request: Request) -> Response:
    """What the buttons of the plan do."""
    screen = Screen.open(request)
    return save_draft(screen) if screen.form.get("go") == "save" else plan_draft(screen)


def plan_draft(screen: Screen) -> Response:
    """Begin the plan, or say on the mapping screen why that cannot be."""
    try:
        done = begin_plan(screen)
    except IntegrationCenterError as error:
        return screen.show_fault("mapping", error)
    return screen.go("mapping", done.text, check=True) if isinstance(done, Refused) else done


def save_draft(screen: Screen, *, run: bool = False) -> Response:
    """Save, and start a first run where that is asked for; or say why that cannot be."""
    try:
        saved = save(screen)
    except EditedMeanwhile as error:
        return show_versions(screen, error)
    except IntegrationCenterError as error:
        return screen.show_fault("mapping", error)
    if isinstance(saved, Refused):
        return screen.go("mapping", saved.text, check=True)
    tone: Tone = "success" if saved.whole else "warning"
    if run and saved.whole:
        return _run_saved(screen, saved)
    return redirect(screen.request, f"/?{urlencode({'saved': saved.slug})}", saved.text, tone)


def _run_saved(screen: Screen, saved: Saved) -> Response:
    """Start the first run of what was just saved."""
    console, request = screen.console, screen.request
    here = f"/integrations/{saved.slug}"
    try:
        started = start(request, console.defs.read(saved.slug), last_full_day(console.now()), push=True)
    except IntegrationCenterError as error:
        return redirect(request, here, f"{saved.text} But it was not started: {error}.", "warning")
    return redirect(request, f"{here}/runs/{started.run_id}", saved.text)


def reopen_draft(request: Request) -> Response:
    """The draft, for somebody who reloads the page of both versions."""
    return Screen.open(request).go("mapping")


def take_version(request: Request) -> Response:
    """What the second of two editors chose: the version that is saved, or the draft."""
    screen = Screen.open(request)
    base = screen.draft.base
    if base is None or screen.form.get("go") not in ("theirs", "mine"):
        return screen.go("mapping")
    if screen.form.get("go") == "theirs":
        store_of(request).delete(screen.draft_id, user_of(request).name)
        return redirect(request, f"/integrations/{base.slug}", "The other version is kept; yours is discarded.", "info")
    rebased = rebase(screen, screen.form.get("seen", ""))
    return save_draft(rebased) if rebased else show_versions(screen)


OPERATOR = Role.OPERATOR

PAGE = Page(
    routes=(
        view("/integrations/new", begin, role=OPERATOR),
        view("/integrations/{slug}/edit", edit, role=OPERATOR),
        view("/integrations/{slug}/duplicate", ask_copy, role=OPERATOR),
        change("/integrations/{slug}/duplicate", copy),
        view("/wizard/{draft}/environment", show_environment, role=OPERATOR),
        change("/wizard/{draft}/environment", take_environment),
        view("/wizard/{draft}/report", show_report, role=OPERATOR),
        change("/wizard/{draft}/report", take_report),
        view("/wizard/{draft}/mapping", show_mapping, role=OPERATOR),
        change("/wizard/{draft}/mapping", take),
        view("/wizard/{draft}/missing-fields.zip", download_missing, role=OPERATOR),
        view("/wizard/{draft}/plan", show_plan, role=OPERATOR),
        change("/wizard/{draft}/plan", take_plan),
        view("/wizard/{draft}/version", reopen_draft, role=OPERATOR),
        change("/wizard/{draft}/version", take_version),
        view("/wizard/{draft}/discard", ask_discard, role=OPERATOR),
        change("/wizard/{draft}/discard", discard),
    ),
)
