"""Fetches secrets from Google Cloud Secret Manager, with the credentials that every program on Google Cloud finds."""

import re

from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.secretmanager import SecretManagerServiceClient

from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.secret_stores.references import missing, pick, refused

NAME = re.compile(r"(projects/[^/]+/secrets/[^/]+)(/versions/[^/]+)?")
SECONDS = 10.0


def fetch(name: str, key: str) -> str:
    """Fetch a version of a secret, the newest unless one is named, or of a JSON secret what is under `key`.

    Raises:
        ConfigurationError: there is no such secret, or this process may not read it.
        ServiceUnavailable: Google Cloud does not answer.
    """
    reference = f"gcp-sm://{name}"
    parts = NAME.fullmatch(name.strip("/"))
    if parts is None:
        raise ConfigurationError(f"{reference} is not gcp-sm://projects/PROJECT/secrets/NAME[/versions/VERSION]")
    full = parts[1] + (parts[2] or "/versions/latest")
    try:
        client = SecretManagerServiceClient(transport="rest")  # one HTTP call, no gRPC channel
        answer = client.access_secret_version(name=full, timeout=SECONDS)
        return pick(answer.payload.data.decode(), key, reference)
    except exceptions.NotFound:
        raise missing(reference, "Google Cloud Secret Manager") from None
    except (exceptions.Forbidden, exceptions.Unauthorized):
        raise refused(reference, "the role Secret Manager Secret Accessor on it") from None
    except (exceptions.BadRequest, UnicodeDecodeError):  # also of a version that was disabled or destroyed
        raise ConfigurationError(f"{reference} has no version that is enabled and text; enable one") from None
    except DefaultCredentialsError:
        raise ConfigurationError(
            f"{reference} needs Google credentials; run where a service account is attached, or set"
            " GOOGLE_APPLICATION_CREDENTIALS to a key file"
        ) from None
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise ServiceUnavailable(
            f"Google Cloud Secret Manager does not answer ({type(error).__name__}), so {reference} is not known"
        ) from None
