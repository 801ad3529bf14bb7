"""What a refusal of Salesforce's token endpoint means, and what to do about it.

The endpoint answers errors as an object (`error`, `error_description`), unlike the data API's arrays. Only an
expired or revoked token, an inactive user and an inactive org end a connection (reference/salesforce-api.md, 1.3).
"""

from collections.abc import Iterable

from integration_center.answers import Redactor
from integration_center.errors import (
    AccessRefused,
    AppNotInstalled,
    ConfigurationError,
    ConnectionEnded,
    ConsentDenied,
    IntegrationCenterError,
    RateLimited,
    ServiceUnavailable,
    SignInOver,
)
from integration_center.integration import Environment

MAX_DESCRIPTION = 200


class AudienceRefused(ConfigurationError):
    """A JWT assertion was for somebody else."""


def explain_refusal(
    error: str, description: str, environment: Environment, *, sent: Iterable[str] = ()
) -> IntegrationCenterError:
    """The error of ours for an OAuth error.

    Args:
        error: the OAuth error code, such as `invalid_grant`.
        description: Salesforce's `error_description`, possibly empty.
        environment: which slot's app and account it is about.
        sent: the secrets of the request; blotted out, should the answer repeat them.
    """
    said = description.lower()
    quoted = quote_refusal(error, description, sent)
    connect = f"integration-center connect {environment.value}"
    variable = f"SALESFORCE_{environment.name}"
    match error:
        case "invalid_grant" if "expired access/refresh token" in said:
            return ConnectionEnded(
                f"Salesforce no longer accepts the {environment.title} account's tokens (expired or revoked);"
                f" reconnect: {connect}"
            )
        case "inactive_user" | "inactive_org":
            what = "user" if error == "inactive_user" else "org"
            return ConnectionEnded(
                f"the {environment.title} account's {what} is inactive; have the admin reactivate it, or reconnect with"
                f" another: {connect}"
            )
        case "invalid_client_id":
            return ConfigurationError(
                f"Salesforce does not know the client id in {variable}_CLIENT_ID; a new External Client App takes about"
                " 10 minutes to be known, so wait if it is new, else copy the consumer key again"
            )
        case "invalid_client" if "must be installed" in said:
            return AppNotInstalled(
                f"the External Client App of {variable}_CLIENT_ID is not installed in this org; have the admin install"
                " it, or use an app made in this org"
            )
        case "invalid_client":
            return ConfigurationError(
                f"Salesforce refused the client secret; copy the consumer secret again into {variable}_CLIENT_SECRET"
            )
        case "invalid_grant" if "not supported on this domain" in said:
            return ConfigurationError(
                "client credentials work only on the org's own My Domain; set"
                f" {variable}_LOGIN_URL to https://YOUR-DOMAIN.my.salesforce.com (not login or test.salesforce.com)"
            )
        case "invalid_grant" if "no client credentials user" in said:
            return ConfigurationError(
                "the External Client App has no user to run as; have the admin enable the Client Credentials Flow in"
                " its policies and choose a Run As user with Modify All Data"
            )
        case "invalid_grant" if "audience" in said:
            return AudienceRefused(
                "Salesforce did not accept whom the JWT assertion is for; set"
                f" {variable}_LOGIN_URL to the org's own My Domain, or to"
                f" {'test' if environment is Environment.SANDBOX else 'login'}.salesforce.com"
            )
        case "invalid_grant" if "assertion" in said:
            return AccessRefused(
                f"Salesforce did not accept the JWT assertion {quoted}; check that the key belongs to the certificate"
                f" of the External Client App in {variable}_CLIENT_ID, and that this machine's clock is right"
            )
        case "invalid_grant" if "approved this consumer" in said:
            return AccessRefused(
                "the user has not approved the External Client App; have the admin set its policy to admin-approved"
                " users and add the user's profile or permission set"
            )
        case "invalid_grant" if "authorization code" in said:
            return SignInOver(f"the sign-in took too long or its code was used before; start again: {connect}")
        case "invalid_request" if "code challenge" in said:
            return ConfigurationError("the External Client App demands PKCE and the request carried none; start again")
        case "redirect_uri_mismatch":
            return ConfigurationError(
                "the External Client App does not list this callback URL; add the value of"
                " INTEGRATION_CENTER_CALLBACK_URL to it, letter for letter"
            )
        case "unsupported_token_type":
            return ConfigurationError("Salesforce cannot revoke this kind of token")
        case "access_denied" | "access-denied":
            return ConsentDenied(f"access was denied on Salesforce's page; to try again: {connect}")
        case "rate_limit_exceeded":
            return RateLimited(f"Salesforce limits sign-ins at present {quoted}; try again in a while")
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
                f" the External Client App in {variable}_CLIENT_ID"
            )
        case _:
            return ServiceUnavailable(f"Salesforce's token endpoint failed {quoted}; try again in a while")


def quote_refusal(error: str, description: str, sent: Iterable[str]) -> str:
    """The refusal in brackets: short, printable, and without what was sent."""
    secrets = tuple(sent)
    text = Redactor(secrets).clean(f"{error}: {description}" if description else error)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"({printable[:MAX_DESCRIPTION]})"
