"""Stops everything at once: runs, queue, schedules and tokens. It takes a few seconds, also when nothing answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from integration_center.access.audit import Action, AuditLog
from integration_center.accounts.forgetting import ForgottenAccount, delete_accounts, erase_traces, revoke_tokens
from integration_center.database.stops import Stop
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.runs.deadline import Deadline, Errand
from integration_center.pipeline.runs.ended_runs import EndedRuns
from integration_center.pipeline.unended_runs import list_unended
from integration_center.settings import Settings

SECONDS = 4.0
"""How long is waited for Salesforce and Dagster. With what comes before and after it stays below five seconds."""
LATE_SECONDS = 20.0
"""How long an org that answers slowly is waited for after what was stopped has been said."""
HEAD_START = 0.3
"""The share of that time that revoking the tokens has before Dagster is imported, which slows all other threads."""
BY_HAND = "Ask the Salesforce admin to revoke it in Setup, under Connected Apps OAuth Usage"


@dataclass(frozen=True)
class RevokedAccount:
    """An account that was deleted here.

    Attributes:
        unconfirmed: why Salesforce did not confirm that its tokens are revoked; None when it did.
    """

    environment: Environment
    org_id: str
    username: str
    unconfirmed: str | None

    @property
    def sentence(self) -> str:
        """What became of its tokens."""
        name = f"{self.environment.title} (org {self.org_id}, user {self.username})"
        if self.unconfirmed is None:
            return f"{name}: Salesforce has revoked the tokens, and they are deleted here."
        reason = self.unconfirmed.rstrip(".")
        return f"{name}: the tokens are deleted here, but NOT confirmed as revoked: {reason}. {BY_HAND}."


@dataclass
class Revocations:
    """The revocations of all accounts, which go on at once.

    Attributes:
        late: those that had no answer when their result was asked for.
    """

    audit: AuditLog
    who: str
    where: str
    errands: Mapping[Environment, tuple[ForgottenAccount, Errand[str | None]]]
    late: list[Environment] = field(default_factory=list)

    def collect(self, deadline: Deadline) -> list[RevokedAccount]:
        """Return what has become of the tokens of each account by the deadline."""
        accounts = [_await_revocation(*errand, deadline) for errand in self.errands.values()]
        self.late = [each for each, (_, errand) in self.errands.items() if not errand.is_done]
        return accounts

    def await_late(self, seconds: float) -> list[RevokedAccount]:
        """Wait so long at most for those that had no answer, and return and note the answers that came since."""
        deadline = Deadline.after(seconds)
        for each in self.late:
            self.errands[each][1].wait(deadline)
        answered = [each for each in self.late if self.errands[each][1].is_done]
        self.late = [each for each in self.late if each not in answered]
        return self.note([_await_revocation(*self.errands[each], deadline) for each in answered])

    def note(self, accounts: list[RevokedAccount]) -> list[RevokedAccount]:
        """Note in the audit log what became of the tokens of accounts, and return these."""
        for account in accounts:
            self._note(account)
        return accounts

    def _note(self, account: RevokedAccount) -> None:
        self.audit.record(
            Action.DISCONNECTED,
            who=self.who,
            where=self.where,
            environment=account.environment,
            detail=account.sentence,
            org_id=account.org_id,
        )


@dataclass(frozen=True)
class Stopped:
    """What was stopped.

    Attributes:
        stop: the stop that is in force now.
        runs: what became of the runs.
        accounts: all that were connected.
        revocations: of their tokens. Those that are late go on.
        ending: ends the runs, and goes on after what was said of them.
        left: sentences about what could not be erased here.
    """

    stop: Stop
    runs: EndedRuns
    accounts: list[RevokedAccount]
    revocations: Revocations
    ending: Errand[None]
    left: str = ""

    @property
    def complete(self) -> bool:
        """Whether all runs were reached and all tokens are revoked."""
        revoked = all(account.unconfirmed is None for account in self.accounts)
        reached = self.runs.listed and not self.runs.not_reached and not self.runs.open
        return revoked and reached and not self.left

    def finish(self, seconds: float) -> bool:
        """Go on ending runs for so long at most, and return whether there was any left to end.

        A process that ends before leaves a long queue behind, whose runs then start only to end themselves.
        """
        if not self.runs.open and self.runs.listed:
            return False
        self.ending.wait(Deadline.after(seconds))
        return True

    def await_late_revocations(self, seconds: float = LATE_SECONDS) -> list[str]:
        """Wait for orgs that had not answered, and return a sentence about each that has answered since."""
        late = {account.environment: account for account in self.revocations.await_late(seconds)}
        self.accounts[:] = [late.get(account.environment, account) for account in self.accounts]
        return [account.sentence for account in late.values()]

    @property
    def sentences(self) -> list[str]:
        """What was stopped, for people, and what was not."""
        return [
            "No schedule, sensor or person can start a run until an admin resumes.",
            *self.runs.sentences,
            *([account.sentence for account in self.accounts] or ["No account was connected."]),
            *([self.left] if self.left else []),
        ]


def stop_all(installation: Installation, *, who: str, where: str, reason: str, seconds: float = SECONDS) -> Stopped:
    """Stop everything, and say what was stopped. A second stop repeats what the first could not do.

    Args:
        installation: what is stopped.
        who: the person who stops it.
        where: the network address, or `COMMAND_LINE`.
        reason: why; may be empty.
        seconds: how long to wait for Salesforce and Dagster.

    Raises:
        ConfigurationError, TransientError: our own database cannot be written, so nothing is stopped.
    """
    deadline = Deadline.after(seconds)
    stops = installation.stops
    stops.begin(who, reason)  # from here on no run sends anything more, wherever it goes on
    stop = stops.find()
    if stop is None:
        raise ConfigurationError("somebody lifted the stop at the same moment; stop everything again")
    installation.audit.record(Action.STOPPED, who=who, where=where, detail=stop.reason)
    found = list_unended(installation.settings, installation.engine)
    runs = EndedRuns(listed=found is not None, found=[*(found or ())])
    forgotten = delete_accounts(installation.accounts)
    revoking = {each: (at, Errand("Salesforce", partial(revoke_tokens, at)).begin()) for each, at in forgotten.items()}
    revocations = Revocations(installation.audit, who, where, revoking)
    erasing = Errand(
        "the database", lambda: erase_traces(installation.settings, installation.accounts, forgotten)
    ).begin()
    head_start = Deadline.after(seconds * HEAD_START)
    for _, revocation in revoking.values():
        revocation.wait(head_start)
    ending = Errand("Dagster", partial(_end_runs, installation.settings, deadline, runs)).begin()
    accounts = revocations.collect(deadline)
    left = _await_erasure(erasing, deadline)
    _await_runs(ending, deadline)
    revocations.note(accounts)
    return Stopped(stop, runs, accounts, revocations, ending, left)


def resume(installation: Installation, *, who: str, where: str) -> bool:
    """Lift the stop, and return whether one was in force. Accounts must be connected again."""
    lifted = installation.stops.lift(who)
    if lifted:
        installation.audit.record(Action.RESUMED, who=who, where=where)
    return lifted


def _end_runs(settings: Settings, deadline: Deadline, runs: EndedRuns) -> None:
    # Imported in the thread that needs it: Dagster takes seconds, in which the tokens are revoked already.
    from integration_center.pipeline.runs.ending_runs import RunEnding

    RunEnding(settings, deadline, runs).run()


def _await_revocation(forgotten: ForgottenAccount, errand: Errand[str | None], deadline: Deadline) -> RevokedAccount:
    try:
        unconfirmed = errand.await_until(deadline)
    except IntegrationCenterError as error:
        unconfirmed = error.said.sentence
    account = forgotten.account
    return RevokedAccount(account.environment, account.org_id, account.username, unconfirmed)


def _await_erasure(errand: Errand[str], deadline: Deadline) -> str:
    try:
        return errand.await_until(deadline)
    except IntegrationCenterError as error:
        return f"Deleted tokens may still be in the files of the database: {error}."


def _await_runs(errand: Errand[None], deadline: Deadline) -> None:
    try:
        errand.await_until(deadline)
    except IntegrationCenterError:
        return  # what it has done by then is in the result
