"""The plan of a draft, before it is saved."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.console.lookups import wait_for
from integration_center.console.planned import ask_plan, find_plan
from integration_center.console.shared_answers import Lost
from integration_center.console.shell.context import note
from integration_center.console.wizard.firing import FoundFiring, find_firing_of_draft
from integration_center.console.wizard.saved import list_last_runs
from integration_center.console.wizard.saving import Refused, check_draft
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.specs import build_spec
from integration_center.database.touched import say_touched_by
from integration_center.errors import IntegrationCenterError


def show_plan(request: Request) -> Response:
    """Progress, the plan, or what is wrong."""
    screen = Screen.open(request)
    answer = find_plan(screen.console, screen.draft_id)
    if answer is not None and not wait_for([answer]):
        return screen.show_waiting("plan", [answer])
    try:
        plan = answer.get() if answer else None
    except Lost:  # this console takes over what the other has not ended
        begun = begin_plan(screen)
        return screen.go("mapping", begun.text, check=True) if isinstance(begun, Refused) else begun
    except IntegrationCenterError as error:
        return screen.show_fault("plan", error)
    spec, _ = build_spec(screen.draft)
    outdated = plan is not None and (spec is None or _named(spec) != _named(plan.spec))
    fires, schema = find_firing_of_draft(screen) if plan else (FoundFiring(), None)
    values = {
        "plan": plan,
        "outdated": outdated,
        "fires": fires,
        "schema": schema,
        "touched": say_touched_by(list_last_runs(screen)),
    }
    return screen.show("plan", "wizard/plan.html", values)


def begin_plan(screen: Screen) -> Response | Refused:
    """Begin the plan of a draft that fits, and show its progress.

    Raises:
        IntegrationCenterError: the report or the org cannot be asked.
    """
    spec = check_draft(screen)
    if isinstance(spec, Refused):
        return spec
    slug = screen.slug or None
    ask_plan(screen.console, screen.draft_id, spec, slug=slug, text_columns=screen.calls.text_columns(screen.draft))
    note(screen.request, Action.PLANNED, slug=slug, environment=spec.environment, detail=f"a draft of {spec.name}")
    return screen.go("plan")


def _named(spec: object) -> str:
    """The integration without regard to case, as Salesforce names have none."""
    return repr(spec).casefold()
