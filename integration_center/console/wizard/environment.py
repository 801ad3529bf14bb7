"""The first screen: which of the connected orgs."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.wizard.screens import STEPS, Screen


def show_environment(request: Request) -> Response:
    """All accounts; only connected ones can be chosen."""
    screen = Screen.open(request)
    accounts = {account.environment: account for account in screen.console.installation.accounts.list()}
    names, chosen = screen.console.installation.accounts.names.list(), screen.draft.slot
    if chosen is None and len(accounts) == 1:
        chosen = next(iter(accounts))
    values = {
        "slots": [(environment, accounts.get(environment)) for environment in names],
        "chosen": chosen,
        "problem": "Choose a connected account." if screen.checking and chosen not in accounts else None,
    }
    return screen.show("environment", "wizard/environment.html", values)


def take_environment(request: Request) -> Response:
    """Keep the choice, and go where the button leads."""
    screen = Screen.open(request)
    given = screen.form.get("environment", "")
    if screen.console.installation.accounts.names.find(given):
        screen = screen.keep(screen.draft.change(environment=given))
    go = screen.form.get("go", "")
    to = "report" if go == "next" else go if go in STEPS else "environment"
    if to == "environment":
        return screen.go("environment")
    return screen.go(to) if is_chosen(screen) else screen.go("environment", check=True)


def is_chosen(screen: Screen) -> bool:
    """Whether the draft has an environment, and that one is connected."""
    environment = screen.draft.slot
    return environment is not None and screen.console.installation.accounts.find(environment) is not None
