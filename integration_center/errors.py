"""The exception tree. Retry is decided by type, never by text.

IntegrationCenterError
├── TransientError          may be retried, with backoff
│   ├── RateLimited         the server asked to wait (429, 503, concurrent-request limit)
│   ├── ServiceUnavailable  a 5xx, an unreadable answer, or no answer at all
│   │   └── UnderMaintenance    the org refuses even a new session
│   └── ObjectBusy          the org object is held by another run of ours
│       └── LeaseLost           it was taken over from this run, whose process did not answer
└── TerminalError           never retried: somebody has to change something first
    ├── ConfigurationError  a setting or an integration file
    │   ├── AppNotInstalled the External Client App is not installed in the org
    │   ├── AppBlocked      the admin of the org blocks the External Client App
    │   ├── EditedMeanwhile  another one changed the file while this change was made
    │   ├── DatabaseOutdated  our database must be upgraded first
    │   └── DatabaseTooNew  our database was upgraded by a newer version of this program
    ├── ReportError         the report cannot be used
    │   ├── UnknownReport   not visible, or not there
    │   ├── NoDataForDay    the source has no data for this partition yet
    │   └── UnreadableReport  a file or answer that does not parse
    ├── AccountError        no account, or one that may not be used
    │   ├── NotConnected
    │   └── AccessRefused   sign-in refused, token revoked, permission missing, wrong kind of org
    │       ├── ConnectionEnded    the tokens are dead, or the user or org is
    │       ├── ConsentDenied      on Salesforce's page
    │       ├── SignInOver         unknown, used or too old
    │       ├── PermissionMissing  the user may not do enough
    │       └── WrongOrg           of another kind than the account, or connected under another name already
    ├── SignInRefused       a person may not sign in to the console
    ├── StopRequested       the run is to end, so it sends nothing more
    │   └── Stopped         an admin stopped everything
    ├── OrgError            Salesforce refused a request as a whole
    │   ├── SchemaMismatch  object or field missing, hidden, or unfit
    │   └── LimitExceeded   the daily API limit, or our reserve of it
    └── PlanError           the plan may not be pushed
        ├── PlanMissing     not made by this run, or applied already
        ├── PlanHeld        a limit of the integration stopped it
        ├── SwitchedOff     of an integration that is disabled, and nobody asked for it
        ├── PlanStale       too old, or for a day older than the newest pushed one
        └── SyncFailed      the push ran, and its outcome breaks a limit

Messages name the file, field or row, what was expected, and what to do. They never hold a secret, a key
or a value of a record.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

from integration_center.wording.plain_text import join_lines
from integration_center.wording.remedies import Said


class IntegrationCenterError(Exception):
    """Base of all errors this product raises on purpose.

    Args:
        message: a sentence, without commands and names of settings: pages show it, too. Control characters of the
            names in it are shown as escapes, and its lines are joined.
        command: what to run at a terminal, such as `run: integration-center resume`. Pages have a button for it.
        setting: what the server admin has to set or correct.

    Attributes:
        said: the sentence, and its remedy apart from it. The text of the error is both.
    """

    def __init__(self, message: str = "", *, command: str = "", setting: str = "") -> None:
        self.said = Said(join_lines(message), join_lines(command or setting), by_admin=bool(setting))
        super().__init__(self.said.text)


class TransientError(IntegrationCenterError):
    """May succeed when tried again.

    Args:
        message: what happened and what is tried next.
        retry_after: seconds the server asked to wait, if it did.
        setting: what the server admin may have to correct.

    Attributes:
        most_attempts: how often a request that fails like this is sent in all; None where the policy alone decides.
    """

    most_attempts: ClassVar[int | None] = None

    def __init__(self, message: str, *, retry_after: float | None = None, setting: str = "") -> None:
        super().__init__(message, setting=setting)
        self.retry_after = retry_after


class RateLimited(TransientError):
    """The server asked to come back later."""


class ServiceUnavailable(TransientError):
    """The server failed, answered nonsense, or did not answer."""


class UnderMaintenance(ServiceUnavailable):
    """The org refuses even a new session. The connection is good, and maintenance outlasts all our waits."""

    most_attempts = 1


class ObjectBusy(TransientError):
    """Another run of ours works on the same object of the same org."""


class LeaseLost(ObjectBusy):
    """Another run has taken the object over from this one, which must not write any more."""


class TerminalError(IntegrationCenterError):
    """Will fail again until somebody changes something."""


class SignInRefused(TerminalError):
    """A person may not sign in to the console. The text is for that person."""


class StopRequested(TerminalError):
    """The run was asked to end, so it sends nothing more."""


class Stopped(StopRequested):
    """An admin stopped everything, and nothing runs until the stop is lifted."""


class ConfigurationError(TerminalError):
    """A setting or an integration file is missing or wrong."""


class EditedMeanwhile(ConfigurationError):
    """The integration's file is not the one that was read before it was changed."""


class DatabaseOutdated(ConfigurationError):
    """The tables of our database are of an earlier version of this program."""


class DatabaseTooNew(ConfigurationError):
    """The tables of our database are of a newer version of this program."""


class AppNotInstalled(ConfigurationError):
    """The External Client App is not installed in the org."""


class AppBlocked(ConfigurationError):
    """The admin of the org blocks the External Client App, or has not approved it."""


class ReportError(TerminalError):
    """The report cannot be used."""


class UnknownReport(ReportError):
    """The report is not there, or carries no tag that makes it visible."""


class NoDataForDay(ReportError):
    """The source has no data for days that were asked for.

    Args:
        message: which days, and what there is.
        days: those days, oldest first.
    """

    def __init__(self, message: str, days: Sequence[date] = ()) -> None:
        super().__init__(message)
        self.days = tuple(days)


class UnreadableReport(ReportError):
    """The report's file or answer does not parse.

    Attributes:
        remedy: what `report.yaml` may say so that it does; empty where nothing helps.
    """

    def __init__(self, message: str, remedy: Mapping[str, object] | None = None, *, setting: str = "") -> None:
        super().__init__(message, setting=setting)
        self.remedy = dict(remedy or {})


class AccountError(TerminalError):
    """There is no usable account for the environment."""


class NotConnected(AccountError):
    """No account is connected in the environment."""


class UnknownAccount(NotConnected):
    """The installation has no account of this name."""


class AccessRefused(AccountError):
    """Sign-in refused, token revoked, permission missing, or the wrong kind of org."""


class ConnectionEnded(AccessRefused):
    """Salesforce takes the stored tokens no more; only connecting again helps."""


class ConsentDenied(AccessRefused):
    """The user, or the org's policy, said no on Salesforce's page."""


class SignInOver(AccessRefused):
    """The sign-in or its code is unknown, was used already, or is too old."""


class PermissionMissing(AccessRefused):
    """The user may not do enough in the org.

    Args:
        message: who lacks what, and what to do.
        username: in Salesforce.
        missing: the permissions, as Salesforce labels them.
        command: what to run afterwards.
    """

    def __init__(self, message: str, *, username: str, missing: Sequence[str], command: str = "") -> None:
        super().__init__(message, command=command)
        self.username = username
        self.missing = tuple(missing)


class WrongOrg(AccessRefused):
    """The org is of another kind than the account, or is connected under another name already."""


class OrgError(TerminalError):
    """Salesforce refused a request as a whole.

    Args:
        message: what was refused, without values of records.
        code: Salesforce's error code, such as `MALFORMED_QUERY`.
        status: the HTTP status.
        setting: what the server admin has to set.
        org_words: Salesforce's own words. They may quote a value of a record, so they are shown only where the request
            held none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        setting: str = "",
        org_words: str | None = None,
    ) -> None:
        super().__init__(message, setting=setting)
        self.code = code
        self.status = status
        self.org_words = org_words


class SchemaMismatch(OrgError):
    """An object or field is missing, hidden from the user, or cannot hold the column."""


class LimitExceeded(OrgError):
    """The org's daily API limit, or the reserve we keep of it, is reached."""


class PlanError(TerminalError):
    """The plan may not be pushed, or its push broke a limit."""


class PlanMissing(PlanError):
    """There is no plan of this run, or it was applied already."""


class NotRead(ReportError):
    """No run has read the asset yet, so its columns are not known."""


class PlanHeld(PlanError):
    """A limit of the integration holds the plan."""


class PlanOnly(PlanError):
    """The installation makes plans only (`INTEGRATION_CENTER_PLAN_ONLY`)."""


class SwitchedOff(PlanError):
    """The integration is disabled, and the run does not say that it is meant all the same."""


class PlanStale(PlanError):
    """The plan or its day is too old."""


class SyncFailed(PlanError):
    """The push ran to its end, and its outcome breaks a limit."""
