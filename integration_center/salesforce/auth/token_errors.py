"""Translate the errors of Salesforce's sign-in into errors of ours, which say what to do.

The token endpoint answers errors as an object (`error`, `error_description`), unlike the data API's arrays. The consent
page sends the same two values to the callback. Only an expired or revoked token, an inactive user and an inactive org
end a connection (reference/salesforce-api.md, 1.3).
"""

from collections.abc import Iterable

from integration_center.errors import (
    AccessRefused,
    AppBlocked,
    AppNotInstalled,
    ConfigurationError,
    ConnectionEnded,
    ConsentDenied,
    IntegrationCenterError,
    RateLimited,
    ServiceUnavailable,
    SignInOver,
    UnderMaintenance,
)
from integration_center.integration.spec import Environment
from integration_center.wording.answers import Redactor

MAX_DESCRIPTION = 200
PASSING = frozenset({"server_error", "temporarily_unavailable", "unknown_error"})
"""OAuth errors that go away by themselves (RFC 6749, 4.1.2.1; `unknown_error` is Salesforce's "retry your request")."""
NO_CODE = "HTTP "
"""The start of the name of an answer without an OAuth error: `HTTP 400`."""
APP_REFUSALS = {
    "not admin approved": "OAUTH_APP_ACCESS_DENIED",
    "app is not installed": "OAUTH_EC_APP_NOT_FOUND",
    "blocked by admin": "OAUTH_APP_BLOCKED",
}
"""What the token endpoint says of a refused app under codes such as `invalid_grant` and `invalid_app_access`, and the
code that the consent page gives for the same."""
NO_LOGIN_FROM_HERE = ("ip restricted", "login hours")
SETUP = "Setup, External Client App Manager or Connected Apps OAuth Usage"


class AudienceRefused(ConfigurationError):
    """Salesforce refused the audience of a JWT assertion."""


LOGIN_HOSTS = {Environment.SANDBOX: "test.salesforce.com", Environment.PRODUCTION: "login.salesforce.com"}
OTHER_HOSTS = "login.salesforce.com (test.salesforce.com for a sandbox)"


def explain_refusal(
    error: str, description: str, environment: Environment, *, sent: Iterable[str] = ()
) -> IntegrationCenterError:
    """Translate an OAuth error into an error of ours.

    Args:
        error: the OAuth error code, such as `invalid_grant`.
        description: Salesforce's `error_description`, possibly empty.
        environment: the environment whose app and account the error is about.
        sent: the secrets of the request. They are masked if the answer repeats them.
    """
    said = description.lower()
    quoted = quote_refusal(error, description, sent)
    connect = f"integration-center connect {environment.value}"
    variable = f"SALESFORCE_{environment.name}"
    if error.upper().startswith("OAUTH_"):
        return _explain_app(error.upper(), quoted, environment)
    if refused := next((code for words, code in APP_REFUSALS.items() if words in said), None):
        return _explain_app(refused, quoted, environment)
    if any(words in said for words in NO_LOGIN_FROM_HERE):
        return AccessRefused(
            f"the {environment.title} org does not let the user sign in from this machine's address, or at this time"
            f" {quoted}; have the Salesforce admin add the address to the login IP ranges of the user's profile, widen"
            " its login hours, or relax the IP restrictions of the External Client App",
            command=f"The app is that of {variable}_CLIENT_ID",
        )
    if "maintenance" in said:
        return UnderMaintenance(
            f"nobody can sign in to the {environment.title} org during its maintenance {quoted}; wait for"
            " the end of the maintenance (see status.salesforce.com)"
        )
    match error:
        case "invalid_grant" if "expired access/refresh token" in said:
            return ConnectionEnded(
                f"Salesforce no longer accepts the {environment.title} account's tokens (expired or revoked); connect"
                " the account again",
                command=f"run: {connect}",
            )
        case "inactive_user" | "inactive_org":
            what = "user" if error == "inactive_user" else "org"
            return ConnectionEnded(
                f"the {environment.title} account's {what} is inactive; have the admin reactivate it, or reconnect with"
                " another",
                command=f"run: {connect}",
            )
        case "invalid_client_id":
            return ConfigurationError(
                "Salesforce does not know the External Client App; if it is new, wait about 10 minutes until Salesforce"
                " knows it",
                setting=f"else copy the consumer key again into {variable}_CLIENT_ID",
            )
        case "invalid_client" if "must be installed" in said:
            return AppNotInstalled(
                "the External Client App is not installed in this org; have the admin install it, or use an app made in"
                " this org",
                command=f"The app is that of {variable}_CLIENT_ID",
            )
        case "invalid_client":
            return ConfigurationError(
                "Salesforce refused the client secret",
                setting=f"copy the consumer secret again into {variable}_CLIENT_SECRET",
            )
        case "invalid_grant" if "not supported on this domain" in said:
            return ConfigurationError(
                "client credentials work only on the org's own My Domain",
                setting=f"set {variable}_LOGIN_URL to https://YOUR-DOMAIN.my.salesforce.com (not login or"
                " test.salesforce.com)",
            )
        case "invalid_grant" if "no client credentials user" in said:
            return ConfigurationError(
                "the External Client App has no user to run as; have the admin enable the Client Credentials Flow in"
                " its policies and choose a Run As user with Modify All Data or the generated permission set"
            )
        case "invalid_grant" if "audience" in said:
            return AudienceRefused(
                "Salesforce did not accept the audience of the JWT assertion",
                setting=f"set {variable}_LOGIN_URL to the org's own My Domain, or to"
                f" {LOGIN_HOSTS.get(environment, OTHER_HOSTS)}",
            )
        case "invalid_grant" if "assertion" in said:
            return AccessRefused(
                f"Salesforce did not accept the JWT assertion {quoted}; check that the key belongs to the certificate"
                " of the External Client App, and that this machine's clock is right",
                command=f"The app is that of {variable}_CLIENT_ID",
            )
        case "invalid_grant" if "approved this consumer" in said:
            return AccessRefused(
                "the user has not approved the External Client App; have the admin set its policy to admin-approved"
                " users and add the user's profile or permission set"
            )
        case "invalid_grant" if "authorization code" in said:
            return SignInOver(
                "the sign-in took too long or its code was used before", command=f"start again: {connect}"
            )
        case "invalid_request" if "code challenge" in said:
            return ConfigurationError("the External Client App requires PKCE, but the request had none; start again")
        case "redirect_uri_mismatch":
            return ConfigurationError(
                "the External Client App does not list this console's callback URL",
                setting="add the value of INTEGRATION_CENTER_CALLBACK_URL to it, letter for letter",
            )
        case "unsupported_token_type":
            return ConfigurationError("Salesforce cannot revoke this kind of token")
        case "access_denied" | "access-denied":
            return ConsentDenied("access was denied on Salesforce's page", command=f"to try again: {connect}")
        case "rate_limit_exceeded":
            return RateLimited(f"Salesforce limits sign-ins at the moment {quoted}; try again in a while")
        case "invalid_grant":
            return AccessRefused(f"Salesforce refused the sign-in of the {environment.title} account {quoted}")
        case (
            "invalid_request"
            | "unsupported_grant_type"
            | "invalid_scope"
            | "unauthorized_client"
            | "invalid_app_access"
        ):
            return ConfigurationError(
                f"Salesforce refused the request {quoted}; check the flows and scopes (api, refresh_token, openid) of"
                " the External Client App",
                command=f"The app is that of {variable}_CLIENT_ID",
            )
        case _ if error in PASSING or error.startswith(NO_CODE):
            return ServiceUnavailable(f"Salesforce's sign-in failed {quoted}; try again in a while")
        case _:
            return AccessRefused(
                f"Salesforce refused the sign-in of the {environment.title} account {quoted}; show this to the"
                " Salesforce admin, who finds the attempt in Setup, Login History"
            )


def _explain_app(error: str, quoted: str, environment: Environment) -> IntegrationCenterError:
    """Build the error for a refused External Client App. Since 2025, orgs block apps that nobody has installed."""
    app = "the External Client App"
    command = f"The app is that of SALESFORCE_{environment.name}_CLIENT_ID"
    match error:
        case "OAUTH_EC_APP_NOT_FOUND" | "OAUTH_EXTERNAL_CLIENT_APP_NOT_FOUND":
            return AppNotInstalled(
                f"{app} is not installed in the {environment.title} org {quoted}; have the Salesforce admin install it"
                " there, or use an app made in this org, then connect again",
                command=command,
            )
        case "OAUTH_APPROVAL_ERROR_GENERIC":
            return AppNotInstalled(
                f"Salesforce does not let this user approve {app} {quoted}; have the Salesforce admin install the app"
                f" in the {environment.title} org, permit it for the user, and give it the scopes api, refresh_token"
                " and openid, then connect again",
                command=command,
            )
        case "OAUTH_APP_BLOCKED":
            return AppBlocked(
                f"the {environment.title} org blocks {app} {quoted}; have the Salesforce admin unblock it ({SETUP}), or"
                " install it in this org, then connect again",
                command=command,
            )
        case "OAUTH_APP_ACCESS_DENIED":
            return AppBlocked(
                f"the user is not approved for {app} {quoted}; have the Salesforce admin add the user's profile or"
                " permission set to the policies of the app, then connect again",
                command=command,
            )
        case _:
            return AccessRefused(
                f"Salesforce refused {app} in the {environment.title} org {quoted}; have the Salesforce admin check"
                f" that the app is installed, not blocked, and approved for the user ({SETUP}), then connect again",
                command=command,
            )


def quote_refusal(error: str, description: str, sent: Iterable[str]) -> str:
    """Quote the refusal in parentheses: short, printable, and without the secrets that were sent."""
    secrets = tuple(sent)
    text = Redactor(secrets).clean(f"{error}: {description}" if description else error)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"({printable[:MAX_DESCRIPTION]})"
