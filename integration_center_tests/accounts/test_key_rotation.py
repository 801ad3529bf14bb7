"""`rotate-key`: all accounts are encrypted with the new key, or none is, and the key shows nowhere."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select
from typer.testing import CliRunner, Result

from integration_center.accounts.encryption import KEY_FILE, VARIABLE
from integration_center.accounts.sign_ins import PendingSignIn
from integration_center.accounts.store import AccountStore
from integration_center.cli.key_rotation import read_new_key
from integration_center.cli.only_up import only_up
from integration_center.cli.verbs import app
from integration_center.database.engine import build_engine, reading
from integration_center.database.tables import account_tokens
from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically
from integration_center.installation import open_installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.samples import build_account, build_tokens
from integration_center_tests.accounts.stores import build_store

NEW = Fernet.generate_key().decode()
PRODUCTION_ORG = "00D000000000002EAA"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for field in Settings.model_fields.values():
        if field.alias:
            monkeypatch.delenv(field.alias, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    fill(open_store(tmp_path))
    return tmp_path


def open_store(home: Path, *keys: str) -> AccountStore:
    return build_store(Settings(_env_file=None, dagster_home=home, secret_key=SecretStr(",".join(keys))))


def fill(store: AccountStore) -> None:
    store.save(build_account(), build_tokens())
    production = build_account(environment=Environment.PRODUCTION, org_id=PRODUCTION_ORG, is_sandbox=False)
    store.save(production, build_tokens())


def read_ciphertexts(home: Path) -> list[str]:
    with reading(build_engine(f"sqlite:///{home / 'integration_center.db'}")) as connection:
        statement = select(account_tokens.c.ciphertext).order_by(account_tokens.c.environment)
        return list(connection.execute(statement).scalars())


def read_key_file(home: Path) -> list[str]:
    return (home / KEY_FILE).read_text().split()


def are_open(home: Path, *keys: str) -> bool:
    """Whether both accounts open; with the key file when no keys are given."""
    store = open_store(home, *keys)
    try:
        return [store.tokens(environment) for environment in FIRST] == [build_tokens()] * 2
    except ConfigurationError:
        return False


def rotate(*arguments: str, answer: str = f"{NEW}\n") -> Result:
    return CliRunner().invoke(app, ["rotate-key", *arguments], input=answer)


def test_a_key_from_standard_input_takes_the_place_of_the_old_one(home: Path) -> None:
    (old,), before = read_key_file(home), read_ciphertexts(home)
    open_store(home).sign_ins.keep(
        "state", PendingSignIn(Environment.SANDBOX, SecretStr("verifier"), "http://localhost"), lifetime=timedelta(9)
    )

    done = rotate()

    assert done.exit_code == 0, done.output
    assert "Accounts encrypted with the new key: 2." in done.output
    assert not {old, NEW} & set(done.output.split())
    assert read_key_file(home) == [NEW]
    assert (home / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert (are_open(home), are_open(home, NEW), are_open(home, old)) == (True, True, False)
    with open_installation() as installation:
        (entry, *_) = installation.audit.list()
    assert (entry.action.value, entry.detail, entry.where) == ("rotated key", "2 accounts", "command line")
    files = b"".join(path.read_bytes() for path in home.glob("integration_center.db*"))
    assert not [text for text in before if text[:32].encode() in files]


def test_a_key_from_a_file(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    path.write_text(f"{NEW}\n")
    path.chmod(0o644)
    refused = rotate("--key-file", str(path))
    assert isinstance(refused.exception, ConfigurationError)
    assert f"chmod 600 {path}" in str(refused.exception)
    path.chmod(0o600)
    assert rotate("--key-file", str(path), answer="").exit_code == 0
    assert read_key_file(home) == [NEW]


def test_at_a_terminal_the_key_is_asked_for_without_being_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def prompt(text: str, *, hide_input: bool, confirmation_prompt: bool, err: bool) -> str:
        asked.append((text, hide_input, confirmation_prompt))
        return NEW

    monkeypatch.setattr("typer.prompt", prompt)

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    assert read_new_key(None).get_secret_value() == NEW
    assert asked == [("New key", True, True)]


def test_a_key_is_no_argument(home: Path) -> None:
    assert rotate(NEW).exit_code == 2
    assert read_key_file(home) != [NEW]


def test_keys_of_the_environment_are_changed_by_their_owner(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = read_key_file(home)
    (home / KEY_FILE).unlink()
    monkeypatch.setenv(VARIABLE, old)
    done = rotate()
    assert done.exit_code == 0, done.output
    assert f"Set {VARIABLE} to the new key alone" in done.output
    assert not (home / KEY_FILE).exists()
    assert (are_open(home, NEW), are_open(home, old)) == (True, False)


def test_a_new_key_that_is_before_the_old_one_already(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = read_key_file(home)
    monkeypatch.setenv(VARIABLE, f"{NEW},{old}")
    assert rotate().exit_code == 0
    assert are_open(home, NEW)


@pytest.mark.parametrize("answer", ["", "\n", "no-fernet-key\n"])
def test_what_is_no_key_changes_nothing_and_is_not_repeated(home: Path, answer: str) -> None:
    before = (read_key_file(home), read_ciphertexts(home))
    refused = rotate(answer=answer)
    assert isinstance(refused.exception, ConfigurationError)
    assert "Fernet" in str(refused.exception)
    assert "no-fernet-key" not in str(refused.exception)
    assert (read_key_file(home), read_ciphertexts(home)) == before


def test_the_key_in_use_is_no_new_one(home: Path) -> None:
    (old,) = read_key_file(home)
    refused = rotate(answer=old)
    assert "already has this key; nothing was changed" in str(refused.exception)
    assert old not in str(refused.exception)


def test_one_account_that_does_not_open_leaves_all_as_they_were(home: Path) -> None:
    other = open_store(home, Fernet.generate_key().decode())
    other.save_tokens(Environment.SANDBOX, build_tokens())
    before = (read_key_file(home), read_ciphertexts(home))
    refused = rotate()
    assert isinstance(refused.exception, ConfigurationError)
    assert (read_key_file(home), read_ciphertexts(home)) == before


def fail_from(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full from the `number`-th time on that the key file is written."""
    times: list[Path] = []

    def count(path: Path, text: str) -> None:
        times.append(path)
        if len(times) >= number:
            raise ConfigurationError("the disk is full")
        write_atomically(path, text)

    monkeypatch.setattr("integration_center.accounts.key_rotation.write_atomically", count)


def test_a_key_file_that_cannot_be_written_leaves_all_as_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (read_key_file(home), read_ciphertexts(home))
    fail_from(1, monkeypatch)
    assert rotate().exit_code == 1
    assert (read_key_file(home), read_ciphertexts(home)) == before


def test_a_rotation_that_was_cut_off_is_completed_by_the_next(home: Path) -> None:
    (old,) = read_key_file(home)
    with pytest.MonkeyPatch.context() as broken:
        fail_from(2, broken)
        assert rotate().exit_code == 1
    assert read_key_file(home) == [NEW, old]
    assert are_open(home)

    assert rotate().exit_code == 0
    assert read_key_file(home) == [NEW]
    assert are_open(home)


def test_no_key_is_changed_under_a_running_up(home: Path) -> None:
    before = (read_key_file(home), read_ciphertexts(home))
    with only_up(home, print):
        refused = rotate()
    assert "`up` runs already" in str(refused.exception)
    assert (read_key_file(home), read_ciphertexts(home)) == before
