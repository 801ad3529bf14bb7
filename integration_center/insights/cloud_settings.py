"""What opens object storage: the variables of the clouds' own tools."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_center.settings import ENV_FILE, Endpoint, check_url, named_faults


class CloudSettings(BaseSettings):
    """What opens object storage, each variable under the name that the cloud's own tools give it.

    Whatever else a cloud knows, such as roles of the machine or web identities, its library finds itself.
    """

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)

    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None
    aws_region: str | None = None
    aws_default_region: str | None = None
    aws_endpoint_url: Endpoint | None = None
    aws_endpoint_url_s3: Endpoint | None = None

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

    @field_validator("azure_storage_connection_string")
    @classmethod
    def check_connection_string(cls, value: SecretStr | None) -> SecretStr | None:
        """Its endpoint is one that `check_url` accepts."""
        if value is not None:
            read_connection_string(value.get_secret_value())
        return value

    def configure(self, cloud: Literal["aws", "azure", "google"]) -> dict[str, Any]:
        """The variables of one cloud that are set, secrets included, by their names in small letters.

        What an Azure connection string says stands under the names of the single variables, which go before it.
        """
        found = {name: value for name, value in self if name.startswith(f"{cloud}_") and value is not None}
        plain = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in found.items()}
        return read_connection_string(plain.pop("azure_storage_connection_string", "")) | plain

    def allows_http(self, cloud: Literal["aws", "azure", "google"]) -> bool:
        """Whether an endpoint of the cloud has no TLS; `Endpoint` lets that pass on this machine only."""
        return any(str(value).startswith("http://") for value in self.configure(cloud).values())


def read_connection_string(text: str) -> dict[str, str]:
    """The variables that an Azure connection string stands for.

    See https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string.

    Raises:
        ValueError: its endpoint is not one that `check_url` accepts.
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
    """The settings of all clouds as the environment and `.env` say them now.

    Raises:
        ConfigurationError: names each variable that is wrong, without its value.
    """
    with named_faults():
        return CloudSettings()
