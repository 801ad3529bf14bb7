"""Ask object storage, and translate its errors into errors of ours, without the library's text, which quotes addresses.

The codes come from each service: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
https://cloud.google.com/storage/docs/xml-api/reference-status.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from obstore.exceptions import BaseError, InvalidPathError

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    IntegrationCenterError,
    RateLimited,
    ServiceUnavailable,
    UnreadableReport,
)
from integration_center.remote import SERVICE_POLICY

Answer = TypeVar("Answer")

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_CREDENTIAL_REQUEST = re.compile(
    r"Error performing [A-Z]+ \S*(?:169\.254\.|metadata\.google|fd00:ec2|/oauth2/|sts\.)|token request"
)
"""A request with which a role of the machine or a workload gets its credentials."""
_BAD_CREDENTIALS = frozenset(
    {
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
    }
    | {"AuthenticationFailed", "AuthorizationFailure", "InvalidAuthenticationInfo", "RequestTimeTooSkewed"}
)
_THROTTLED = frozenset({"SlowDown", "ServerBusy", "Throttling", "ThrottlingException", "RequestLimitExceeded"})
_OTHER_REGION = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)


@dataclass(frozen=True)
class Service:
    """One cloud's object storage, in the words that its users know.

    Attributes:
        scheme: the scheme of its addresses here.
        cloud: the prefix of its variables.
        title: the name that people use for it.
        container: its word for a bucket.
        credentials: what to set, or where to run, to get access.
        grant: the permissions that the credentials need.
        variable: the setting that names the address.
    """

    scheme: str
    cloud: Literal["aws", "azure", "google"]
    title: str
    container: str
    credentials: str
    grant: str
    variable: str = "WALKME_FILES_ROOT"


def ask(request: Callable[[], Answer], place: str, service: Service) -> Answer:
    """Return the answer to a request. The library's errors become ours.

    Args:
        request: makes the request. The library must not retry, because this function retries, visibly.
        place: the requested address, without secrets.
        service: the cloud.

    Raises:
        AccessRefused: the credentials are missing, wrong, or not sufficient.
        ConfigurationError: there is no such bucket, or it is in another region.
        TransientError: the service does not answer.
    """

    def ask_once() -> Answer:
        try:
            return request()
        except BaseError as error:
            raise build_error(error, place, service) from None

    return SERVICE_POLICY.retry(ask_once)()


def build_error(error: Exception, place: str, service: Service) -> IntegrationCenterError:
    """Translate an error of the library into an error of ours.

    Args:
        error: the error of obstore. Only the HTTP status and the service's code in its text are used.
        place: the requested address, without secrets.
        service: the cloud.
    """
    text = str(error)
    found, named = _STATUS.search(text), _CODE.search(text)
    status, code = int(found[1]) if found else None, named[1] if named else ""
    answer = f"{place}: {service.title} answered {' '.join(filter(None, (str(status or ''), code))) or 'nothing'}"
    if isinstance(error, InvalidPathError):
        return UnreadableReport(
            f"{place} holds an object with an empty part in its name ('//'), which is not a file in a folder; rename it"
        )
    if "InvalidCertificate" in text:
        return ConfigurationError(
            f"{place}: the endpoint's certificate is not trusted",
            setting="name its authority's file in SSL_CERT_FILE",
        )
    if _CREDENTIAL_REQUEST.search(text):
        if status is not None and status >= 500:
            return ServiceUnavailable(f"{place}: what gives the credentials for {service.title} answered {status}")
        return AccessRefused(
            f"{place}: no usable credentials for {service.title} were found", setting=service.credentials
        )
    if status == 429 or code in _THROTTLED:
        return RateLimited(f"{answer}: too many requests")
    if code in _BAD_CREDENTIALS or status == 401:
        return AccessRefused(f"{answer}: the credentials are wrong or have expired", setting=service.credentials)
    if code in _OTHER_REGION or "redirect" in text:
        return ConfigurationError(
            f"{answer}: the {service.container} is in another region",
            setting="set AWS_REGION to that one, or correct the endpoint",
        )
    if status == 403:
        return AccessRefused(f"{answer}: access is denied", setting=f"grant the credentials {service.grant}")
    if status == 404:
        return ConfigurationError(
            f"{answer}: there is no such {service.container}",
            setting=f"check {service.variable} and the endpoint or account",
        )
    if status == 408 or status is None or status >= 500:
        return ServiceUnavailable(answer if status else f"{answer} readable; check the network and the endpoint")
    return UnreadableReport(answer, setting=f"check {service.variable} and the object's state")
