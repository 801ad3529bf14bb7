"""The connected accounts: adding, looking at, reconnecting and disconnecting them."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.accounts.connecting import disconnect
from integration_center.accounts.names import require_unused
from integration_center.accounts.store import Account
from integration_center.accounts.stored_tokens import require_app
from integration_center.console.account_checks import Result, find_stored_data
from integration_center.console.pages.log import find_starting_runs
from integration_center.console.plain_words import say_error, say_error_sentence
from integration_center.console.refusals import explain
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.page import Link, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.errors import ConfigurationError, IntegrationCenterError, ServiceUnavailable
from integration_center.integration.spec import Environment, IntegrationSpec, OrgKind
from integration_center.pipeline.administration.egress import list_destinations
from integration_center.pipeline.administration.security_overview import find_token_facts, say_age

ADD = "add-account"
"""The part of the page where an account is added."""
FLOWS = {
    "web": "on Salesforce's own page",
    "jwt": "with a certificate, without a browser",
    "client-credentials": "with the app's own secret, without a browser",
}
"""How an account was connected, in words."""


@dataclass(frozen=True)
class Slot:
    """One account on the page.

    Attributes:
        kind: what its org is for.
        account: None when nobody is connected.
        missing: why it cannot be connected yet; None when it can.
    """

    environment: Environment
    kind: OrgKind
    account: Account | None
    missing: str | None


def show_accounts(request: Request) -> Response:
    """All accounts; how they are is asked for by the page itself, so it need not wait."""
    console = console_of(request)
    settings, store = console.installation.settings, console.installation.accounts
    slots = []
    for environment, kind in store.names.kinds().items():
        missing = None
        try:
            require_app(settings, environment, kind)
        except (ConfigurationError, ServiceUnavailable) as error:
            missing = say_error(error)
        slots.append(Slot(environment, kind, store.find(environment), missing))
    known = {slot.environment: show_result(request, slot.account) for slot in slots}
    specs = [(file.slug, file.spec) for file in console.defs.list() if file.spec]
    names = [slot.environment for slot in slots]
    used_by = {each: [(slug, spec.name) for slug, spec in specs if spec.environment is each] for each in names}
    installation, now = console.installation, console.now()
    tokens = {each.environment: find_token_facts(installation, each, now) for each in store.list()}
    values = {
        "slots": slots,
        "known": known,
        "used_by": used_by,
        "is_first": any(slot.account for slot in slots) and not specs,
        "flows": FLOWS,
        "tokens": tokens,
        "say_age": say_age,
        "destinations": list_destinations(installation),
        "kinds": list(OrgKind),
    }
    return render(request, "accounts.html", values)


def show_status(request: Request) -> Response:
    """How one account is; asks the org, and may take some seconds."""
    environment = environment_of(request)
    console = console_of(request)
    account = console.installation.accounts.find(environment)
    if account is not None:
        console.checks.look(console.installation, account, again="again" in request.query_params)
    values = {"environment": environment, "account": account, "status": show_result(request, account)}
    return render(request, "account_status.html", values)


def show_result(request: Request, account: Account | None) -> dict[str, object] | None:
    """What is known of an account, for the template; None when it has to be asked first."""
    result: Result | None = console_of(request).checks.known(account) if account else None
    if result is None or account is None:
        return None
    if isinstance(result, IntegrationCenterError):
        return {"refusal": explain(result, account.environment), "answer": None}
    return {"refusal": None, "answer": result}


def list_specs(request: Request, environment: Environment) -> list[IntegrationSpec]:
    """The integrations of an environment that can be read."""
    specs = [file.spec for file in console_of(request).defs.list() if file.spec]
    return [spec for spec in specs if spec.environment is environment]


def confirm_disconnection(request: Request) -> Response:
    """What disconnecting would mean."""
    environment = environment_of(request)
    console = console_of(request)
    installation = console.installation
    account = installation.accounts.get(environment)
    specs = {file.slug: file.spec for file in console.defs.list() if file.spec and not file.problem}
    starting = [run.slug for run, _ in find_starting_runs(console, None)]
    values = {
        "account": account,
        "starting": [slug for slug in starting if slug in specs and specs[slug].environment is environment],
        "dependents": [(slug, spec) for slug, spec in sorted(specs.items()) if spec.environment is environment],
        "names": {slug: spec.name for slug, spec in specs.items()},
        "stored": find_stored_data(installation, account.org_id),
    }
    return render(request, "disconnect.html", values)


def end_connection(request: Request) -> Response:
    """Revoke the tokens and forget the account."""
    environment = environment_of(request)
    installation = console_of(request).installation
    done = disconnect(environment, installation.settings, installation.accounts)
    note(request, Action.DISCONNECTED, environment=environment, detail=done.summary, org_id=done.org_id)
    whole = done.revoked and done.undeleted is None
    return redirect(request, "/accounts", done.summary, "success" if whole else "warning")


def environment_of(request: Request) -> Environment:
    """The account of the path.

    Raises:
        HTTPException: 404 when there is none of that name.
    """
    names = console_of(request).installation.accounts.names
    found = names.find(request.path_params["environment"])
    if found is None:
        raise HTTPException(404, f"There is no such account. There are {', '.join(names.list())}.")
    return found


def add_account(request: Request) -> Response:
    """Add the name of an account, which can then be connected."""
    form, user = form_of(request), user_of(request)
    names = console_of(request).installation.accounts.names
    try:
        environment, kind = Environment(form.get("name", "").strip()), OrgKind(form.get("kind", ""))
        added = names.add(environment, kind, added_by=user.name)
    except ValueError as error:
        said = "Choose what the org is for." if form.get("kind", "") not in set(OrgKind) else say_error_sentence(error)
        return redirect(request, f"/accounts#{ADD}", said, "danger")
    except ConfigurationError as error:
        return redirect(request, f"/accounts#{ADD}", say_error_sentence(error), "danger")
    if not added:
        return redirect(request, "/accounts", f"There is an account {environment.title} already.", "warning")
    note(request, Action.ADDED_ACCOUNT, environment=environment, detail=kind.value)
    return redirect(request, "/accounts", f"Account {environment.title} is added. Connect it here.")


def remove_account(request: Request) -> Response:
    """Remove the name of an account that is neither connected nor used."""
    environment, console = environment_of(request), console_of(request)
    specs = {file.slug: file.spec for file in console.defs.list() if file.spec}
    try:
        require_unused(environment, specs)
        console.installation.accounts.names.remove(environment)
    except ConfigurationError as error:
        return redirect(request, "/accounts", say_error_sentence(error), "danger")
    note(request, Action.REMOVED_ACCOUNT, environment=environment)
    return redirect(request, "/accounts", f"Account {environment.title} is removed. Its runs stay in the log.")


PAGE = Page(
    nav=(Link("Accounts", "/accounts"),),
    routes=(
        view("/accounts", show_accounts),
        change("/accounts/add", add_account),
        change("/accounts/{environment}/remove", remove_account),
        view("/accounts/{environment}/status", show_status),
        view("/accounts/{environment}/disconnect", confirm_disconnection, role=Role.OPERATOR),
        change("/accounts/{environment}/disconnect", end_connection),
    ),
)
