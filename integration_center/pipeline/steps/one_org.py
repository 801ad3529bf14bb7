"""Before a first write: the org that answers, the connected account's and the plan's must be one and the same."""

from integration_center.accounts.store import Account
from integration_center.errors import WrongOrg
from integration_center.salesforce.org import OrgIdentity


def require_one_org(account: Account, *, planned: str | None, answering: OrgIdentity) -> None:
    """Refuse to write where the plan, the account and the org that answers do not belong together.

    Args:
        account: as it is stored now.
        planned: id of the org that the plan was made for.
        answering: what the org says of itself, asked for just now.

    Raises:
        WrongOrg: they differ; the sentence names both orgs.
    """
    require_answering_org(account, answering)
    require_planned_org(account, planned)


def require_answering_org(account: Account, answering: OrgIdentity) -> None:
    """Refuse to go on where another org answers than the one that is connected. Raises WrongOrg."""
    if account.is_of(answering.org_id):
        return
    fact = (
        f"{account.environment.title} is connected to {_name(account)}, but {answering.name} ({answering.org_id})"
        " answers there; nothing was written"
    )
    raise WrongOrg(fact, command=f"Connect it again: integration-center connect {account.environment.value}")


def require_planned_org(account: Account, planned: str | None) -> None:
    """Refuse to apply a plan that was made for another org than the one that is connected. Raises WrongOrg."""
    if planned is not None and account.is_of(planned):
        return
    fact = (
        f"the plan was made for org {planned or 'unknown'}, and {account.environment.title} is connected to"
        f" {_name(account)} now; nothing was written"
    )
    raise WrongOrg(f"{fact}. Run the integration again")


def _name(account: Account) -> str:
    return f"{account.org_name} ({account.org_id})"
