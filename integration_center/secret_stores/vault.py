"""Fetches secrets from HashiCorp Vault (KV version 2), by VAULT_ADDR and VAULT_TOKEN."""

import hvac
import requests
from hvac import exceptions

from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.secret_stores.references import missing, refused

SECONDS = 10


def fetch(name: str, key: str) -> str:
    """Fetch what the newest version of the secret `MOUNT/PATH` holds under `key`.

    Raises:
        ConfigurationError: there is no such secret, or this process may not read it.
        ServiceUnavailable: Vault does not answer.
    """
    reference = f"vault://{name}#{key}"
    mount, _, path = name.strip("/").partition("/")
    if not path or not key:
        raise ConfigurationError(f"vault://{name} is not vault://MOUNT/PATH#KEY, such as vault://secret/center#oidc")
    client = hvac.Client(timeout=SECONDS)  # it reads VAULT_ADDR, VAULT_TOKEN and VAULT_NAMESPACE
    if not client.token:
        raise ConfigurationError(f"{reference} needs VAULT_ADDR and VAULT_TOKEN in the environment")
    try:
        answer = client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)
    except exceptions.InvalidPath:
        raise missing(reference, "Vault") from None
    except (exceptions.Forbidden, exceptions.Unauthorized):
        raise refused(reference, f'a token whose policy has "read" on {mount}/data/{path}') from None
    except (exceptions.InvalidRequest, exceptions.UnsupportedOperation, exceptions.ParamValidationError):
        raise ConfigurationError(f"{reference} cannot be read; is {mount} a KV version 2 engine?") from None
    except (exceptions.VaultError, requests.RequestException) as error:
        raise ServiceUnavailable(
            f"Vault does not answer ({type(error).__name__}), so {reference} is not known"
        ) from None
    value = answer["data"]["data"].get(key)
    if not isinstance(value, str):
        raise ConfigurationError(f"{reference}: the secret has no text under {key!r}; correct the name behind #")
    return value
