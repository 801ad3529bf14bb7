"""Read the settings for object storage, from the variables of the clouds' own tools."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_center.settings import ENV_FILE, Endpoint, named_faults
from integration_center.wording.addresses import check_url


class CloudSettings(BaseSettings):
    """The settings for object storage, each variable under the name that the cloud's own tools use.

    The library finds other credentials itself, such as roles of the machine or web identities.
    """

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        defer_build=True,  # most reports are in a folder
    )

    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_region: str | None = None
    aws_default_region: str | None = None
    aws_allow_http: bool = False
    """Whether an endpoint on another machine may have no TLS, as inside a private network of containers."""
    aws_endpoint_url: str | None = None
    aws_endpoint_url_s3: str | None = None

    azure_storage_account_name: Annotated[
        str | None, Field(validation_alias=AliasChoices("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"))
    ] = None
    azure_storage_account_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"))
    ] = None
    azure_storage_sas_token: SecretStr | None = None
    azure_storage_connection_string: SecretStr | None = None
    azure_storage_endpoint: Endpoint | None = None
    azure_tenant_id: str | None = None
    azure_client_id: str | None = None
    azure_client_secret: SecretStr | None = None

    google_application_credentials: str | None = None
    google_base_url: Endpoint | None = None

    @field_validator("aws_endpoint_url", "aws_endpoint_url_s3")
    @classmethod
    def check_endpoint(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Check an endpoint as `check_url` does, unless `aws_allow_http` accepts one without TLS."""
        if value is None or (info.data.get("aws_allow_http") and urlsplit(value.strip()).scheme == "http"):
            return value and value.strip().rstrip("/")
        return check_url(value)

    @field_validator("azure_storage_connection_string")
    @classmethod
    def check_connection_string(cls, value: SecretStr | None) -> SecretStr | None:
        """Check that `check_url` accepts the endpoint in the connection string."""
        if value is not None:
            read_connection_string(value.get_secret_value())
        return value

    def configure(self, cloud: Literal["aws", "azure", "google"]) -> dict[str, Any]:
        """Return the variables of one cloud that are set, including secrets, by their names in lowercase.

        The parts of an Azure connection string have the names of the single variables, which take precedence.
        """
        found = {name: value for name, value in self if name.startswith(f"{cloud}_") and value is not None}
        found.pop("aws_allow_http", None)  # each store passes it to the library itself
        plain = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in found.items()}
        return read_connection_string(plain.pop("azure_storage_connection_string", "")) | plain

    def allows_http(self, cloud: Literal["aws", "azure", "google"]) -> bool:
        """Return whether an endpoint of the cloud has no TLS, which was accepted when the settings were read."""
        return any(str(value).startswith("http://") for value in self.configure(cloud).values())


def read_connection_string(text: str) -> dict[str, str]:
    """Parse an Azure connection string into the variables that it means.

    See https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string.

    Raises:
        ValueError: `check_url` does not accept the endpoint.
    """
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    names = {
        "AccountName": "azure_storage_account_name",
        "AccountKey": "azure_storage_account_key",
        "SharedAccessSignature": "azure_storage_sas_token",
        "BlobEndpoint": "azure_storage_endpoint",
    }
    if "AccountName" in parts and "EndpointSuffix" in parts:
        parts.setdefault("BlobEndpoint", f"https://{parts['AccountName']}.blob.{parts['EndpointSuffix']}")
    if "BlobEndpoint" in parts:
        parts["BlobEndpoint"] = check_url(parts["BlobEndpoint"])
    return {names[name]: value for name, value in parts.items() if name in names}


def read_cloud_settings() -> CloudSettings:
    """Read the settings of all clouds from the environment and `.env`.

    Raises:
        ConfigurationError: a variable is wrong. The message names each such variable, without its value.
    """
    with named_faults():
        return CloudSettings()
