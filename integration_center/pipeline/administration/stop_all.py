"""Stops everything at once: runs, queue, schedules and tokens. It takes a few seconds, also when nothing answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from integration_center.access.audit import Action
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


@dataclass(frozen=True)
class Stopped:
    """What was stopped.

    Attributes:
        stop: the stop that is in force now.
        runs: what became of the runs.
        accounts: all that were connected.
        ending: ends the runs, and goes on after what was said of them.
        left: sentences about what could not be erased here.
    """

    stop: Stop
    runs: EndedRuns
    accounts: Sequence[RevokedAccount]
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
    revoking = {each: Errand("Salesforce", partial(revoke_tokens, at)).begin() for each, at in forgotten.items()}
    erasing = Errand(
        "the database", lambda: erase_traces(installation.settings, installation.accounts, forgotten)
    ).begin()
    head_start = Deadline.after(seconds * HEAD_START)
    for revocation in revoking.values():
        revocation.wait(head_start)
    ending = Errand("Dagster", partial(_end_runs, installation.settings, deadline, runs)).begin()
    accounts = [_await_revocation(account, revoking[each], deadline) for each, account in forgotten.items()]
    left = _await_erasure(erasing, deadline)
    _await_runs(ending, deadline)
    for account in accounts:
        installation.audit.record(
            Action.DISCONNECTED,
            who=who,
            where=where,
            environment=account.environment,
            detail=account.sentence,
            org_id=account.org_id,
        )
    return Stopped(stop, runs, accounts, ending, left)


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
