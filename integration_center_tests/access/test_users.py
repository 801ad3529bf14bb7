import os
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type
from pydantic import SecretStr

from integration_center.access.users import Role, User, read_users
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings, read_settings
from integration_center_tests.passwords import HASH, OTHER_HASH

ARGON2I = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=Type.I).hash("correct horse battery")


def settings_with(users: str) -> Settings:
    return Settings(_env_file=None, users=SecretStr(users))


def test_without_the_setting_nobody_signs_in() -> None:
    assert read_users(settings_with("")) == {}


def test_entries_in_the_variable() -> None:
    users = read_users(settings_with(f"ann:operator:{HASH}  Bob:viewer:{OTHER_HASH}"))
    assert users == {"ann": User("ann", Role.OPERATOR, HASH), "bob": User("Bob", Role.VIEWER, OTHER_HASH)}


def test_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# who may sign in\n\nann:operator:{HASH}\nbob:viewer:{OTHER_HASH}\n")
    path.chmod(0o600)
    settings = settings_with(str(path))
    assert set(read_users(settings)) == {"ann", "bob"}
    path.write_text(f"bob:viewer:{OTHER_HASH}\n")
    assert set(read_users(settings)) == {"bob"}


@pytest.mark.parametrize(
    ("users", "match"),
    [
        (f"ann:boss:{HASH}", r"entry 1 of 1 \(ann\) has no role; expected ann:viewer"),
        (f"ann:operator:{HASH} b b:viewer:{HASH}", "entry 2 of 3 .b. has no role"),
        (f"<b>:operator:{HASH}", "does not begin with a user name"),
        (f"ann:operator:{HASH} ANN:viewer:{HASH}", "names ANN twice"),
        (f"ann:operator:{ARGON2I}", "no Argon2id hash"),
        (f"ann:operator:secret bob:viewer:{HASH}", r"entry 1 of 2 \(ann\) has no Argon2id hash"),
        ("ann:operator:$argon2id$v=19$broken", "no Argon2id hash"),
    ],
    # Hashes are made again in each worker, and workers must agree on the names of their tests.
    ids=["no such role", "no role", "no name", "twice", "another hash", "no hash", "a broken hash"],
)
def test_a_wrong_entry_is_named_without_its_hash(users: str, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match) as caught:
        read_users(settings_with(users))
    assert HASH.rsplit("$", 1)[1] not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_locks_everybody_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_users(settings_with(str(tmp_path / "users")))


def test_a_file_of_nobody_does_not_open_the_door(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("# nobody\n")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no user"):
        read_users(settings_with(str(path)))


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"ann:operator:{HASH}\n")
    path.chmod(0o662)
    with pytest.raises(ConfigurationError, match=r"written by other users.*chmod 600"):
        read_users(settings_with(str(path)))


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    """A users file as it should be."""
    path = tmp_path / "users"
    path.write_text(f"ann:operator:{HASH}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610, 0o601])
def test_a_file_that_others_may_read_is_refused(users_file: Path, mode: int) -> None:
    users_file.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"read by other users \(mode {mode:04o}\); run: chmod 600"):
        read_users(settings_with(str(users_file)))


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_for_its_owner_alone_is_read(users_file: Path, mode: int) -> None:
    users_file.chmod(mode)
    assert set(read_users(settings_with(str(users_file)))) == {"ann"}


def test_of_a_link_the_file_is_judged(users_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(users_file)
    assert set(read_users(settings_with(str(link)))) == {"ann"}
    users_file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_users(settings_with(str(link)))


def test_a_file_of_another_user_is_refused(users_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = users_file.stat().st_uid
    if me == 0:
        os.chown(users_file, 12345, -1)
    else:
        monkeypatch.setattr("os.geteuid", lambda: me + 1)
    with pytest.raises(ConfigurationError, match=r"belongs to another user \(uid \d+\).*chown"):
        read_users(settings_with(str(users_file)))


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: os.mkfifo(path, 0o600)], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "users")
    with pytest.raises(ConfigurationError, match=r"is not a file|cannot be read"):
        read_users(settings_with(str(tmp_path / "users")))


@pytest.mark.parametrize(
    ("cost", "match"),
    [
        ("v=19$m=65535,t=3,p=4", "m is 65535 and must be at least 65536"),
        ("v=19$m=65536,t=2,p=4", "t is 2 and must be at least 3"),
        ("v=19$m=65536,t=3,p=1", "p is 1 and must be at least 4"),
        ("v=19$m=8,t=1,p=1", "m is 8 .*; t is 1 .*; p is 1 "),
        ("v=16$m=65536,t=3,p=4", "version is 16"),
    ],
)
def test_a_hash_that_is_too_cheap_is_refused_with_the_command_for_another(
    cost: str, match: str, users_file: Path
) -> None:
    salt, digest = HASH.split("$")[4:]
    entry = f"ann:operator:$argon2id${cost}${salt}${digest}"
    users_file.write_text(entry + "\n")
    for users in (entry, str(users_file)):
        with pytest.raises(ConfigurationError, match=match) as caught:
            read_users(settings_with(users))
        assert "integration-center password NAME" in str(caught.value)
        assert digest not in str(caught.value)


@pytest.mark.parametrize("cost", ["m=65536,t=3,p=4", "m=131072,t=4,p=8"])
def test_a_hash_may_cost_more(cost: str) -> None:
    salt, digest = HASH.split("$")[4:]
    assert read_users(settings_with(f"ann:operator:$argon2id$v=19${cost}${salt}${digest}"))


@pytest.mark.parametrize(("salt", "digest"), [("c2hvcnQx", None), (None, "c2hvcnQx")], ids=["salt", "hash"])
def test_a_short_salt_or_hash_is_refused(salt: str | None, digest: str | None) -> None:
    parts = HASH.split("$")
    entry = "$".join([*parts[:4], salt or parts[4], digest or parts[5]])
    with pytest.raises(ConfigurationError, match=r"bytes of (salt|hash) is \d+ and must be at least"):
        read_users(settings_with(f"ann:operator:{entry}"))


def test_a_hash_in_an_env_file_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("INTEGRATION_CENTER_USERS", raising=False)
    (tmp_path / ".env").write_text(f"INTEGRATION_CENTER_USERS=ann:operator:{HASH}\n")
    assert read_users(read_settings())["ann"].password_hash == HASH


def test_no_hash_is_shown() -> None:
    settings = settings_with(f"ann:operator:{HASH}")
    assert "argon2" not in repr(settings)
    assert "argon2" not in repr(read_users(settings))
