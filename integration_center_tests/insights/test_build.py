"""The source that the settings ask for."""

from pathlib import Path

import pytest

from integration_center.errors import ConfigurationError
from integration_center.insights.build import build_source
from integration_center.insights.files import FilesSource
from integration_center.insights.walkme_api.api import ApiSource
from integration_center.settings import Settings

API = {
    "WALKME_SOURCE": "api",
    "WALKME_CLIENT_ID": "id-of-key",
    "WALKME_CLIENT_SECRET": "s3cret",
    "WALKME_SYSTEM_GUID": "guid",
}


def build_settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_files(tmp_path: Path) -> None:
    assert isinstance(build_source(build_settings(WALKME_SOURCE="files", WALKME_FILES_ROOT=str(tmp_path))), FilesSource)


def test_api_keeps_its_secret() -> None:
    source = build_source(build_settings(**API))
    assert isinstance(source, ApiSource)
    assert "s3cret" not in repr(source)
    assert "https://api.walkme.com" in repr(source)


@pytest.mark.parametrize("variable", ["WALKME_CLIENT_ID", "WALKME_CLIENT_SECRET", "WALKME_SYSTEM_GUID"])
def test_an_empty_setting_of_the_api_is_named(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable} is empty; WALKME_SOURCE=api needs it"):
        build_source(build_settings(**{**API, variable: " "}))


def test_an_empty_root_is_named() -> None:
    with pytest.raises(ConfigurationError, match="WALKME_FILES_ROOT is empty; WALKME_SOURCE=files needs it"):
        build_source(build_settings(WALKME_SOURCE="files", WALKME_FILES_ROOT=""))
