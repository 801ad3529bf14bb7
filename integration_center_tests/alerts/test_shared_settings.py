"""The alert settings of several hosts: what one console changes all use, and nobody reads them in the database."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select

from integration_center.accounts.encryption import Cipher
from integration_center.accounts.key_rotation import rotate_key
from integration_center.alerts.editing import add_channel, remove_channel
from integration_center.alerts.places import FILE_NAME, SharedAlerts, open_alerts, read_alert_settings
from integration_center.database.engine import reading
from integration_center.database.shared_notes import SEALED, SharedNotes
from integration_center.database.tables import drafts
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation, open_installation
from integration_center.pipeline.doctor.machine import check_alerts
from integration_center.pipeline.starting.alert_watch import Watch
from integration_center.settings import read_settings
from integration_center_tests.alerts.receivers import SECRET, Receiver
from integration_center_tests.pipeline.commands import Command

NEW_KEYS = [Fernet.generate_key().decode() for _ in range(2)]
OpenHost = Callable[[], Installation]


@pytest.fixture
def open_host(on_postgresql: Callable[[Path], str], home: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenHost:
    """Opens a host of its own folder. All hosts share a database and a key."""
    on_postgresql(home)

    def open_one() -> Installation:
        settings = read_settings().model_copy(update={"dagster_home": tmp_path_factory.mktemp("host")})
        with open_installation(settings) as installation:
            return installation

    return open_one


def hook(receiver: Receiver) -> dict[str, str]:
    return {"type": "webhook", "url": f"{receiver.url}/hooks", "secret": SECRET}


def write_file(host: Installation, **channels: dict[str, str]) -> Path:
    file = host.settings.dagster_home / FILE_NAME
    file.write_text(yaml.safe_dump({"channels": channels}), encoding="utf-8")
    file.chmod(0o600)
    return file


def name_channels(host: Installation) -> list[str]:
    settings = read_alert_settings(open_alerts(host))
    return list(settings.channels) if settings else []


def look(host: Installation) -> int:
    with dg.DagsterInstance.ephemeral() as instance:
        return Watch(accounts=False).look(host, instance)


@pytest.mark.proof
def test_what_one_host_changes_the_others_use(open_host: OpenHost, receiver: Receiver) -> None:
    one, other = open_host(), open_host()
    assert name_channels(other) == []
    add_channel(open_alerts(one), "hook", hook(receiver))
    assert name_channels(other) == ["hook"]
    add_channel(open_alerts(other), "second", hook(receiver))
    remove_channel(open_alerts(one), "hook")
    assert name_channels(other) == name_channels(one) == ["second"]
    assert not (one.settings.dagster_home / FILE_NAME).exists()
    with reading(one.engine) as connection:
        (content,) = connection.execute(select(drafts.c.content)).scalars()
    assert SECRET not in str(content)
    assert receiver.url not in str(content)


@pytest.mark.proof
def test_the_host_that_sends_takes_over_the_file_of_an_earlier_version(
    open_host: OpenHost, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    sender, console = open_host(), open_host()
    file = write_file(sender, hook=hook(receiver))
    assert name_channels(sender) == ["hook"], "the file counts until it is taken over"
    assert name_channels(console) == []
    look(sender)
    assert name_channels(console) == ["hook"]
    assert f"{file} was put into the database" in caplog.text
    remove_channel(open_alerts(console), "hook")
    look(sender)
    assert name_channels(sender) == [], "the file is not taken over twice"
    add_channel(open_alerts(console), "new", hook(receiver))
    assert [found.text for found in check_alerts(sender) if found.text.startswith(str(file))]
    assert not [found.text for found in check_alerts(console) if FILE_NAME in found.text]


def test_a_file_that_cannot_be_used_is_not_taken_over(open_host: OpenHost) -> None:
    host = open_host()
    write_file(host, hook={"type": "pigeon"})
    with pytest.raises(ConfigurationError, match=re.escape(FILE_NAME)):
        name_channels(host)
    with pytest.raises(ConfigurationError, match=re.escape(FILE_NAME)):
        look(host)
    write_file(host)
    look(host)
    assert isinstance(open_alerts(host), SharedAlerts)
    assert open_alerts(host).unused_file is not None


@pytest.mark.proof
def test_a_new_key_reads_what_the_old_one_encrypted(
    open_host: OpenHost, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = open_host()
    old, new = host.settings.secret_key.get_secret_value(), Fernet.generate_key().decode()
    add_channel(open_alerts(host), "hook", hook(receiver))
    rotate_key(host.settings, host.engine, SecretStr(new))
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", new)
    later = open_host()
    settings = read_alert_settings(open_alerts(later))
    assert settings
    assert settings.channels["hook"].model_dump()["secret"].get_secret_value() == SECRET
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", old)
    with pytest.raises(ConfigurationError, match="encrypted with another key"):
        name_channels(open_host())


def test_settings_are_exported_changed_and_imported(
    open_host: OpenHost, receiver: Receiver, command: Command, tmp_path: Path
) -> None:
    host, file = open_host(), tmp_path / "out.yaml"
    add_channel(open_alerts(host), "hook", hook(receiver))
    assert command("alerts", "export", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is there already" in command("alerts", "export", str(file))[2]
    file.write_text(file.read_text() + "thresholds: {failed_rows: 7}\n")
    assert command("alerts", "import", str(file))[0] == 0
    settings = read_alert_settings(open_alerts(host))
    assert settings
    assert (list(settings.channels), settings.thresholds.failed_rows) == (["hook"], 7)
    assert command("alerts", "test")[0] == 0
    file.write_text("channels: {a: {type: pigeon}}")
    assert "pigeon" not in command("alerts", "import", str(file))[1]
    assert name_channels(host) == ["hook"]
    assert "there is no file" in command("alerts", "import", str(tmp_path / "none.yaml"))[2]
    (entry, *_) = host.audit.list()
    assert entry.detail == "imported the alert settings: channels hook"


def test_a_new_key_reads_what_consoles_share_and_leaves_what_no_key_opens(open_host: OpenHost) -> None:
    host = open_host()
    old, new, lost = (Cipher([key], "a test") for key in (host.settings.secret_key.get_secret_value(), *NEW_KEYS))
    notes, minute = SharedNotes(host.engine), timedelta(minutes=1)
    notes.write("plan", "mine", "token", {SEALED: old.encrypt("a plan")}, lifetime=minute)
    notes.write("plan", "lost", "token", {SEALED: lost.encrypt("of a key that is gone")}, lifetime=minute)
    notes.write("plan", "open", "token", {"step": "Reading"}, lifetime=minute)
    rotate_key(host.settings, host.engine, SecretStr(NEW_KEYS[0]))
    contents = {note.name: note.content for note in notes.list_all("plan")}
    assert new.decrypt(contents["mine"][SEALED]) == "a plan"
    assert lost.decrypt(contents["lost"][SEALED]) == "of a key that is gone"
    assert contents["open"] == {"step": "Reading"}
