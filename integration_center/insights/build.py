"""Build the report source that the settings choose."""

from pathlib import Path

from integration_center.errors import ConfigurationError
from integration_center.insights.drop_folders.drops import Drops, LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import ReportSource
from integration_center.settings import Settings


def build_source(settings: Settings) -> ReportSource:
    """Build the `files` or `api` source, without using disk or network yet.

    Raises:
        ConfigurationError: a setting that the chosen source needs is empty or not supported. The message names the
            variable.
    """
    if settings.walkme_source == "api":
        for field in ("walkme_client_id", "walkme_client_secret", "walkme_system_guid"):
            _require(settings, field)
        from integration_center.insights.walkme_api.api import ApiSource  # files need none of it

        return ApiSource(
            settings.walkme_api_url,
            settings.walkme_client_id,
            settings.walkme_client_secret.get_secret_value(),
            settings.walkme_system_guid,
        )
    _require(settings, "walkme_files_root")
    root = settings.walkme_files_root.strip()
    largest = settings.walkme_largest_file_mb * 1_000_000
    if root.lower().startswith("sftp://"):
        return FilesSource(build_sftp(root, settings, largest))
    if "://" in root:
        from integration_center.insights.drop_folders.cloud_settings import read_cloud_settings
        from integration_center.insights.drop_folders.object_stores import build_object_drops

        return FilesSource(build_object_drops(root, read_cloud_settings(), largest=largest))
    return FilesSource(LocalDrops(Path(root), largest=largest))


def build_sftp(root: str, settings: Settings, largest: int) -> Drops:
    """Build the drops on an SFTP server.

    Raises:
        ConfigurationError: the extra with the SSH client is not installed, or the address or a setting is wrong.
    """
    try:
        from integration_center.insights.drop_folders.sftp_drops import build_sftp_drops
    except ModuleNotFoundError:
        raise ConfigurationError(
            "reports come from an SFTP server, and the part of the program that reads it is not installed",
            setting="sftp:// needs the extra sftp: make setup EXTRAS=sftp, or pip install 'integration-center[sftp]'",
        ) from None
    return build_sftp_drops(root, settings, largest=largest)


def _require(settings: Settings, field: str) -> None:
    value = getattr(settings, field)
    if not (value if isinstance(value, str) else value.get_secret_value()).strip():
        raise ConfigurationError(
            "the place that WalkMe's reports come from is not set up",
            setting=f"{_variable(field)} is empty; {_variable('walkme_source')}={settings.walkme_source} needs it."
            " Set it in the environment or in .env",
        )


def _variable(field: str) -> str:
    return Settings.model_fields[field].alias or field
