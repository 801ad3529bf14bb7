import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from integration_center.accounts.encryption import Cipher, build_cipher
from integration_center.accounts.store import AccountStore
from integration_center.errors import ConfigurationError
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.samples import build_account, build_tokens
from integration_center_tests.accounts.stores import build_store

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def with_keys(settings: Settings, *keys: str) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr(",".join(keys))})


@pytest.mark.sqlite
def test_the_key_file_is_made_once_and_is_private(settings: Settings) -> None:
    ciphertext = build_cipher(settings).encrypt("hello")

    path = settings.dagster_home / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert build_cipher(settings).decrypt(ciphertext) == "hello"
    assert [entry.name for entry in settings.dagster_home.iterdir()] == ["secret.key"]


def test_many_that_make_the_key_at_once_share_one(settings: Settings) -> None:
    barrier = threading.Barrier(8)
    ciphers: list[Cipher] = []

    def make() -> None:
        barrier.wait()
        ciphers.append(build_cipher(settings))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ciphertext = ciphers[0].encrypt("hello")
    assert [cipher.decrypt(ciphertext) for cipher in ciphers] == ["hello"] * 8


def test_another_process_reads_the_same_key(settings: Settings) -> None:
    ciphertext = build_cipher(settings).encrypt("hello")
    script = (
        "import sys; from pathlib import Path; from integration_center.accounts.encryption import build_cipher;"
        "from integration_center.settings import Settings;"
        "print(build_cipher(Settings(_env_file=None, dagster_home=Path(sys.argv[1]))).decrypt(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(settings.dagster_home), ciphertext],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert done.stdout == "hello\n"


@pytest.mark.sqlite
def test_a_key_file_that_others_may_read_is_refused(settings: Settings) -> None:
    build_cipher(settings)
    path = settings.dagster_home / "secret.key"
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match=rf"0640.*chmod 600 {path}"):
        build_cipher(settings)


@pytest.mark.sqlite
def test_an_unreadable_key_file_is_named_without_its_content(settings: Settings) -> None:
    settings.dagster_home.mkdir()
    path = settings.dagster_home / "secret.key"
    path.write_text("not-a-key")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="not a Fernet key") as caught:
        build_cipher(settings)
    assert str(path) in str(caught.value)
    assert "not-a-key" not in str(caught.value)


def test_a_malformed_key_is_named_by_its_place(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"INTEGRATION_CENTER_SECRET_KEY: key 2 of 2") as caught:
        build_cipher(with_keys(settings, NEW, "oops-secret"))
    assert "oops-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_first_key_encrypts_and_all_decrypt(settings: Settings) -> None:
    old = build_cipher(with_keys(settings, OLD)).encrypt("hello")
    both = build_cipher(with_keys(settings, NEW, OLD))

    assert both.decrypt(old) == "hello"
    assert build_cipher(with_keys(settings, NEW)).decrypt(both.encrypt("new")) == "new"
    assert not (settings.dagster_home / "secret.key").exists()


@pytest.fixture
def stored_with_old_key(settings: Settings) -> AccountStore:
    store = build_store(with_keys(settings, OLD))
    store.save(build_account(), build_tokens())
    return store


def test_a_wrong_key_says_how_to_go_on(settings: Settings, stored_with_old_key: AccountStore) -> None:
    store = build_store(with_keys(settings, NEW))
    with pytest.raises(ConfigurationError, match="integration-center connect") as caught:
        store.tokens(Environment.SANDBOX)
    assert caught.value.__suppress_context__
    with pytest.raises(ConfigurationError):
        store.rotate()


def test_after_rotation_the_old_key_is_not_needed(settings: Settings, stored_with_old_key: AccountStore) -> None:
    assert build_store(with_keys(settings, NEW, OLD)).rotate() == 1
    assert build_store(with_keys(settings, NEW)).tokens(Environment.SANDBOX) == build_tokens()


def test_a_cipher_shows_no_key() -> None:
    assert OLD not in repr(Cipher([OLD], "somewhere"))


def test_the_place_of_the_key_must_be_writable(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="INTEGRATION_CENTER_SECRET_KEY"):
        build_cipher(Settings(_env_file=None, dagster_home=tmp_path))
