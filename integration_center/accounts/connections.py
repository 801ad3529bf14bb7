"""The results of connecting and disconnecting, which the console and the command line show."""

from dataclasses import dataclass

from integration_center.accounts.store import Account
from integration_center.integration.spec import Environment
from integration_center.wording.sentences import count


@dataclass(frozen=True)
class Connection:
    """A new connection, and what it changed.

    Attributes:
        replaced_org_ids: other orgs that this environment held before (a sandbox refresh makes a new org).
        voided_syncs: the number of syncs of those orgs. They stay in the log, but do not count for the new org.
        voided_jobs: the number of unsettled jobs of those orgs, which will never be settled.
        warning: a sentence about a problem beside the connection itself; None without a problem.
    """

    account: Account
    replaced_org_ids: tuple[str, ...] = ()
    voided_syncs: int = 0
    voided_jobs: int = 0
    warning: str | None = None

    @property
    def org_changed(self) -> bool:
        """Whether the environment held another org before."""
        return bool(self.replaced_org_ids)

    @property
    def summary(self) -> str:
        """The connection in sentences, for people."""
        account = self.account
        kind = "Developer Edition" if account.developer_edition else "sandbox" if account.is_sandbox else "production"
        text = (
            f"{account.environment.title} is connected to {account.org_name} ({account.org_id}, {kind})"
            f" as {account.username}."
        )
        if self.org_changed:
            text += (
                f" It held {', '.join(self.replaced_org_ids)} before: {count(self.voided_syncs, 'sync')} and"
                f" {count(self.voided_jobs, 'unsettled job')} of that org no longer count, its undo data do not"
                " apply to this one, and its snapshots"
                " are deleted."
            )
        return text if self.warning is None else f"{text} {self.warning}"


@dataclass(frozen=True)
class Disconnection:
    """The result of disconnecting.

    Attributes:
        unconfirmed: why Salesforce did not confirm the revocation; None when it did.
        undeleted: a sentence about what could not be deleted here; None when everything was.
    """

    environment: Environment
    org_id: str
    unconfirmed: str | None = None
    undeleted: str | None = None

    @property
    def revoked(self) -> bool:
        """Whether Salesforce confirmed that the tokens are revoked."""
        return self.unconfirmed is None

    @property
    def summary(self) -> str:
        """The result in sentences, for people."""
        text = (
            f"{self.environment.title} is disconnected from org {self.org_id}. Deleted here: the account, its tokens,"
            " and the snapshots of its records. Kept: the log of its syncs, and their ledgers for 90 days."
        )
        if self.undeleted is not None:
            text += f" NOT deleted: {self.undeleted}"
        if self.revoked:
            return f"{text} Salesforce has revoked the tokens."
        return (
            f"{text} Salesforce did NOT confirm the revocation ({self.unconfirmed}): ask the admin to revoke the"
            " connection in Salesforce Setup, under Connected Apps OAuth Usage."
        )
