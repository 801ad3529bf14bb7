"""Open the object store of an `s3://`, `az://` or `gs://` root, with the settings in the cloud's own variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from integration_center.errors import ConfigurationError
from integration_center.insights.drop_folders.cloud_settings import CloudSettings
from integration_center.insights.drop_folders.drops import LARGEST
from integration_center.insights.drop_folders.object_drops import ObjectDrops
from integration_center.insights.drop_folders.object_errors import Service

if TYPE_CHECKING:  # these types do not exist at run time
    from obstore.store import ClientConfig, RetryConfig

S3 = Service(
    "s3",
    "aws",
    "S3",
    "bucket",
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (profiles of ~/.aws are not read), or run where a role is"
    " attached",
    "s3:ListBucket on the bucket and s3:GetObject on its objects",
)
AZURE = Service(
    "az",
    "azure",
    "Azure Blob Storage",
    "container",
    "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or"
    " AZURE_STORAGE_SAS_TOKEN (or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET), or run where a managed"
    " identity is attached",
    "the role Storage Blob Data Reader, or a SAS token with read and list",
)
GCS = Service(
    "gs",
    "google",
    "Google Cloud Storage",
    "bucket",
    "set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run where a service account is attached",
    "the role Storage Object Viewer",
)
SERVICES = {service.scheme: service for service in (S3, AZURE, GCS)}
"""The services that reports are read from."""
KEEPING = {
    service.scheme: replace(service, grant=grant, variable="INTEGRATION_CENTER_STORAGE")
    for service, grant in (
        (S3, "s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects"),
        (AZURE, "the role Storage Blob Data Contributor, or a SAS token with read, list, create, write and delete"),
        (GCS, "the role Storage Object User"),
    )
}
"""The services that our own files are kept in."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")

TIMEOUTS: "ClientConfig" = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "6h"}
"""The limits of a request; `timeout` is for a whole download."""
NO_RETRIES: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(minutes=5)}


@dataclass(frozen=True)
class Prefix:
    """A prefix of a bucket or container.

    Attributes:
        store: the store, opened at the prefix. It does not retry by itself.
        service: the cloud that the store belongs to.
        place: the address, such as `s3://bucket/prefix`.
    """

    store: S3Store | AzureStore | GCSStore
    service: Service
    place: str


def build_object_drops(root: str, cloud: CloudSettings, *, largest: int = LARGEST) -> ObjectDrops:
    """Build the drops under `root`, such as `s3://bucket/prefix`, without using the network yet.

    Raises:
        ConfigurationError: see `open_prefix`.
    """
    prefix = open_prefix(root, cloud, SERVICES)
    return ObjectDrops(prefix.store, prefix.service, prefix.place, largest=largest)


def open_prefix(root: str, cloud: CloudSettings, services: Mapping[str, Service]) -> Prefix:
    """Open an address such as `s3://bucket/prefix`, without using the network yet.

    Raises:
        ConfigurationError: the kind of address is not supported, the bucket's name is missing, an account is missing,
            or an endpoint on another machine has no TLS.
    """
    scheme, _, rest = root.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    service = services.get(scheme.lower())
    if service is None:
        variable = next(iter(services.values())).variable
        also = ", or sftp://user@host/folder" if services is SERVICES else ""
        raise ConfigurationError(
            f"files cannot be kept at an address that begins with {scheme}://",
            setting=f"{variable}: {scheme}:// is not supported; name a local folder, or an s3://, az:// or gs://"
            f" prefix{also}",
        )
    if not _BUCKET.fullmatch(bucket):
        # The address is not quoted, because people paste addresses with secrets.
        raise ConfigurationError(
            f"the address {scheme}:// is not followed by the name of a {service.container}",
            setting=f"{service.variable}: expected is {service.scheme}://{service.container}/prefix, with nothing else"
            " in it",
        )
    place = "/".join(filter(None, (f"{service.scheme}://{bucket}", prefix)))
    try:
        return Prefix(_open(service, bucket, prefix or None, cloud), service, place)
    except BaseError:
        raise ConfigurationError(
            f"{place} cannot be opened, because a variable of {service.title} is missing or malformed",
            setting=service.credentials,
        ) from None


def _open(service: Service, bucket: str, prefix: str | None, cloud: CloudSettings) -> S3Store | AzureStore | GCSStore:
    config = cloud.configure(service.cloud)
    client: ClientConfig = {"allow_http": cloud.allows_http(service.cloud), **TIMEOUTS}
    if service.cloud == "aws":
        return S3Store(bucket, prefix=prefix, client_options=client, retry_config=NO_RETRIES, **config)
    if service.cloud == "azure":
        return AzureStore(bucket, prefix=prefix, client_options=client, retry_config=NO_RETRIES, **config)
    return GCSStore(bucket, prefix=prefix, client_options=client, retry_config=NO_RETRIES, **config)
