"""Why a connection was refused, in the words of the person who asked for it: what happened, and what to do."""

from dataclasses import dataclass

from integration_center.console.plain_words import say_error
from integration_center.errors import (
    AccessRefused,
    AppBlocked,
    AppNotInstalled,
    ConfigurationError,
    ConnectionEnded,
    ConsentDenied,
    IntegrationCenterError,
    LimitExceeded,
    NotConnected,
    PermissionMissing,
    SignInOver,
    TransientError,
    UnderMaintenance,
    UnknownAccount,
    WrongOrg,
)
from integration_center.integration.environment import FIRST, Environment
from integration_center.wording.sentences import capitalize_first


@dataclass(frozen=True)
class Refusal:
    """A refusal, for a page.

    Attributes:
        headline: what happened.
        text: in sentences.
        advice: what to do now.
        request: a message to the Salesforce admin, ready to copy; empty when there is nothing to ask for.
    """

    headline: str
    text: str
    advice: str
    request: str = ""


STRANGER = Refusal(
    "This sign-in was not started in this browser",
    "Salesforce's answer does not belong to a sign-in that this browser has under way, so it was not used. Nothing was"
    " changed.",
    "Start again from Accounts, and stay in one browser until you are back here. Cookies must be allowed. If you came"
    " here by a link that somebody sent you, do not follow it again.",
)
SIGNED_OUT = Refusal(
    "You are not signed in",
    "Your session in this console ended before Salesforce sent you back, so its answer was not used. Nothing was"
    " changed.",
    "Sign in, then connect again from Accounts.",
)


def explain(error: IntegrationCenterError, environment: Environment) -> Refusal:
    """The page's words for an error on the way to a connection."""
    slot = environment.title
    other = next(each.title for each in FIRST if each is not environment) if environment.is_first else "another account"
    said = _sentence(say_error(error))
    match error:
        case PermissionMissing():
            missing = " and ".join(error.missing)
            return Refusal(
                f"{missing} is missing" if len(error.missing) == 1 else f"{missing} are missing",
                f"{error.username} lacks {missing} in this org. The Integration Center updates whichever records a"
                " report matches, so it connects only as a user who may. Nothing was connected, and the access that"
                " was just given has been taken back.",
                "Ask the Salesforce admin, then connect again; or connect as another user. A permission set of exactly"
                " the rights that the integrations need is enough, too: it is on the Accounts page under Rights.",
                f"Please give the user {error.username} a permission set with the system"
                f" permission{'' if len(error.missing) == 1 else 's'} {missing} (Setup → Permission Sets → New → System"
                f" Permissions; then Manage Assignments). It is for the Integration Center, {slot}.",
            )
        case ConsentDenied():
            return Refusal(
                "Access was not allowed",
                "Salesforce sent you back without access: Deny was chosen on its page, or a policy of the org does not"
                " let this user approve the app. Nothing was changed.",
                "Connect again and choose Allow. If Salesforce never asked you, ask the admin to permit the app for"
                " your user (External Client App Manager → the app → Policies).",
            )
        case SignInOver():
            return Refusal(
                "This sign-in is over",
                "It took too long, or was completed before: Salesforce's answer works once, and for some minutes. If"
                " you reloaded this page or came back to it, look at Accounts first, since you may be connected"
                " already.",
                "Otherwise connect again.",
            )
        case WrongOrg():
            return Refusal(
                f"This org does not belong in {slot}",
                f"{said} Nothing was connected.",
                f"Connect it in {other} instead if that is what you meant. For {slot}, sign out of Salesforce in this"
                " browser and connect again with a user of the right org: Salesforce takes the org where you are"
                " signed in.",
            )
        case AppNotInstalled():
            return Refusal(
                "The app is not installed in this org",
                said,
                "Ask the Salesforce admin, then connect again.",
                f"Please install the External Client App of the Integration Center in the {slot} org, or make one"
                " there (Setup → External Client App Manager), and permit it for the user who connects.",
            )
        case AppBlocked():
            return Refusal(
                "The org blocks the app",
                said,
                "Ask the Salesforce admin, then connect again. Waiting does not help.",
                f"Please unblock the External Client App of the Integration Center in the {slot} org (Setup → Connected"
                " Apps OAuth Usage, or External Client App Manager), and permit it for the user who connects.",
            )
        case UnderMaintenance():
            return Refusal(
                "The org is under maintenance",
                said,
                "Wait for the end of the maintenance; there is no need to connect again.",
            )
        case ConnectionEnded():
            return Refusal(
                "The connection has ended",
                f"Salesforce no longer accepts this account: its access was revoked or has expired, its user or org is"
                f" inactive, or the {slot} login now leads to another org (a refreshed sandbox). Syncs fail until it is"
                " connected again.",
                "Reconnect. If that is refused, ask the Salesforce admin whether user and app are still allowed.",
            )
        case UnknownAccount():
            return Refusal("There is no such account", said, "Add it, or name another account in the integration.")
        case NotConnected():
            return Refusal("Not connected", f"No {slot} account is connected.", "Add one.")
        case AccessRefused():
            return Refusal("Salesforce refused access", said, "Change what it says, then connect again.")
        case ConfigurationError() if error.said.by_admin:
            return Refusal(
                "A setting has to be corrected",
                said,
                "After a change of the settings the console has to be restarted.",
            )
        case ConfigurationError():
            return Refusal("A setting has to be corrected", said, "Change what it says, then connect again.")
        case LimitExceeded():
            return Refusal(
                "The org's API calls are used up",
                said,
                "Wait until the org has calls again: they count over the last 24 hours.",
            )
        case TransientError():
            return Refusal(
                "Salesforce does not answer",
                said,
                "Try again in a while. If it lasts, see status.salesforce.com, and whether this machine reaches the"
                " org.",
            )
        case _:
            return Refusal("Salesforce refused the request", said, "Change what it says, then try again.")


def _sentence(text: str) -> str:
    text = capitalize_first(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."
