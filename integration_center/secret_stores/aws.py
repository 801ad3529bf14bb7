"""Fetches secrets from AWS Secrets Manager, with region and credentials as every program on AWS finds them."""

import logging
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.secret_stores.references import missing, pick, refused

PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
PASSING = frozenset({"ThrottlingException", "InternalServiceError", "RequestTimeout"})
ABSENT = "ResourceNotFoundException"
MALFORMED = frozenset({"ValidationException", "InvalidParameterException", "InvalidRequestException"})


def fetch(name: str, key: str) -> str:
    """Fetch the newest version of a secret, or of a JSON secret what is under `key`.

    Raises:
        ConfigurationError: there is no such secret, or this process may not read it.
        ServiceUnavailable: AWS does not answer.
    """
    reference = f"aws-sm://{name}"
    logging.getLogger("botocore").setLevel(logging.INFO)  # its debug lines hold whole answers
    try:
        client: Any = boto3.client("secretsmanager", config=PATIENCE)
        answer = client.get_secret_value(SecretId=name)
    except ClientError as error:
        raise _translate(error, reference) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise ConfigurationError(
            f"{reference} needs AWS credentials; run where a role is attached, or set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY"
        ) from None
    except NoRegionError:
        raise ConfigurationError(f"{reference} needs a region; set AWS_REGION") from None
    except BotoCoreError as error:
        raise ServiceUnavailable(
            f"AWS Secrets Manager does not answer ({type(error).__name__}), so {reference} is not known"
        ) from None
    text = answer.get("SecretString")
    if text is None:
        raise ConfigurationError(f"{reference} holds bytes; store it as text")
    return pick(text, key, reference)


def _translate(error: ClientError, reference: str) -> ConfigurationError | ServiceUnavailable:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == ABSENT:
        return missing(reference, "AWS Secrets Manager in this account and region")
    if code in MALFORMED:
        return ConfigurationError(f"{reference} cannot be read ({code}); correct the name, or restore the secret")
    if code in PASSING or status >= 500:
        return ServiceUnavailable(f"AWS Secrets Manager does not answer ({code}), so {reference} is not known")
    return refused(reference, f"secretsmanager:GetSecretValue on it, and kms:Decrypt on its key ({code})")
