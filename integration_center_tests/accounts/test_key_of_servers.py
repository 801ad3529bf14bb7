"""Hosts that share a database server share one key, or none of them stores a token."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from integration_center.accounts.encryption import KEY_FILE, build_cipher
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_no_host_makes_a_key_of_its_own_for_a_server(tmp_path: Path, scheme: str) -> None:
    settings = Settings(
        _env_file=None,
        INTEGRATION_CENTER_DATABASE_URL=f"{scheme}://u:p@db/center",
        DAGSTER_HOME=tmp_path,
        INTEGRATION_CENTER_SECRET_KEY="",
    )
    with pytest.raises(ConfigurationError, match="INTEGRATION_CENTER_SECRET_KEY is not set"):
        build_cipher(settings)
    assert not (tmp_path / KEY_FILE).exists()
    shared = Settings(
        _env_file=None,
        INTEGRATION_CENTER_DATABASE_URL=f"{scheme}://u:p@db/center",
        DAGSTER_HOME=tmp_path,
        INTEGRATION_CENTER_SECRET_KEY=Fernet.generate_key().decode(),
    )
    assert build_cipher(shared).decrypt(build_cipher(shared).encrypt("token")) == "token"
