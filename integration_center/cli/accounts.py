"""`accounts`: the connected orgs, and whether each still accepts its account."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from integration_center.accounts.store import Account
from integration_center.cli.output import AsJson, Column, errors, print_rows
from integration_center.console.account_checks import Result, check_account, find_fault
from integration_center.errors import IntegrationCenterError
from integration_center.installation import Installation, open_installation
from integration_center.wording.sentences import capitalize_first

COLUMNS = (
    Column("environment", "Account"),
    Column("state", "State"),
    Column("org_name", "Org"),
    Column("org_id", "Org id"),
    Column("kind", "Kind"),
    Column("username", "User"),
    Column("instance_url", "Instance"),
    Column("flow", "Flow"),
    Column("connected_at", "Connected (UTC)"),
    Column("connected_by", "By"),
)

FACTS = ("problem", "org_name", "org_id", "username", "instance_url", "flow", "connected_at", "connected_by")
"""What is known of a connected account alone."""


def list_accounts(as_json: AsJson = False) -> None:
    """The connected accounts, and those that were added and are not connected. Asks each org, with one API call."""
    with open_installation() as installation:
        accounts = installation.accounts.list()
        results = ask_orgs(installation, accounts)
        rows: list[dict[str, object]] = [
            {
                "environment": account.environment.value,
                "state": name_state(result),
                "problem": say_problem(result),
                "org_name": account.org_name,
                "org_id": account.org_id,
                "kind": "Developer Edition"
                if account.developer_edition
                else ("sandbox" if account.is_sandbox else "production"),
                "username": account.username,
                "instance_url": account.instance_url,
                "flow": account.flow,
                "connected_at": account.connected_at,
                "connected_by": account.connected_by,
            }
            for account, result in zip(accounts, results, strict=True)
        ]
        connected = {row["environment"] for row in rows}
        rows += [
            dict.fromkeys(FACTS) | {"environment": name.value, "state": "not connected", "kind": kind.value}
            for name, kind in installation.accounts.names.kinds().items()
            if not name.is_first and name.value not in connected
        ]
    print_rows(rows, COLUMNS, as_json=as_json, empty="No account is connected. Run: integration-center connect sandbox")
    for account, result in zip(accounts, results, strict=True):
        if problem := say_problem(result):
            errors.print(f"{account.environment.title}: {problem}", markup=False, soft_wrap=True)


def ask_orgs(installation: Installation, accounts: Sequence[Account]) -> list[Result]:
    """Ask all orgs at once whether each still accepts its account."""
    with ThreadPoolExecutor(len(accounts) or 1, "ask_orgs") as asking:
        return [*asking.map(partial(ask_org, installation), accounts)]


def ask_org(installation: Installation, account: Account) -> Result:
    """Ask an org whether it still accepts its account; an error is the answer, too."""
    try:
        return check_account(installation, account.environment)
    except IntegrationCenterError as error:
        return error


def name_state(result: Result) -> str:
    """Name what an org answered, in a word or two."""
    if find_fault(result):
        return "refused"
    return "no answer" if isinstance(result, IntegrationCenterError) else "connected"


def say_problem(result: Result) -> str | None:
    """Say why an account cannot be used now, and what to do; None where it can."""
    return capitalize_first(result.said.text) if isinstance(result, IntegrationCenterError) else None
