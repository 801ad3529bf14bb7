"""Channels that are added are read as they were typed, even if two people add one at the same time.

The settings are in `alerts.yaml`, or encrypted in the database of several hosts.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography.fernet import Fernet
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.accounts.encryption import Cipher
from integration_center.alerts.editing import add_channel, remove_channel
from integration_center.alerts.places import AlertFile, AlertPlace, SharedAlerts, read_alert_settings
from integration_center.alerts.settings import Email
from integration_center.database.engine import build_engine
from integration_center.database.shared_notes import Note, SharedNotes
from integration_center.errors import ConfigurationError
from integration_center_tests.proofs import examples

EMAIL = {"type": "email", "host": "mail.example", "sender": "a@acme.example"}
TYPED = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).map(str.strip)
Opener: TypeAlias = Callable[[Path], AlertPlace]


def open_shared(home: Path) -> SharedAlerts:
    """Open the settings in a database of a home. They are kept there as on PostgreSQL."""
    notes = SharedNotes(build_engine(f"sqlite:///{home / 'shared.db'}"))
    return SharedAlerts(notes, Cipher([Fernet.generate_key().decode()], "a test"), AlertFile(home))


each_place = pytest.mark.parametrize("open_in", [AlertFile, open_shared])


@examples(30)
@given(password=TYPED.filter(bool))
@example(password="on")
@example(password="12:30:00")
@example(password="two  blanks " * 20 + "end")
@example(password="a: b # c")
def test_a_password_is_read_as_it_was_typed(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    place = AlertFile(tmp_path_factory.mktemp("home"))
    add_channel(place, "mail", EMAIL | {"password": password})
    found = read_alert_settings(place)
    channel = found.channels["mail"] if found else None
    assert isinstance(channel, Email)
    assert channel.password.get_secret_value() == password


@each_place
def test_a_name_is_read_as_it_was_typed(tmp_path: Path, open_in: Opener) -> None:
    place = open_in(tmp_path)
    names = ["on", "null", "12", "-", "0x1"]
    for name in names:
        add_channel(place, name, EMAIL)
    found = read_alert_settings(place)
    assert found
    assert list(found.channels) == names
    with pytest.raises(ConfigurationError, match="already"):
        add_channel(place, "on", EMAIL)
    for name in names:
        remove_channel(place, name)
    left = read_alert_settings(place)
    assert left
    assert left.channels == {}
    with pytest.raises(ConfigurationError, match="removed or renamed"):
        remove_channel(place, "on")


@each_place
def test_people_who_add_a_channel_at_once_all_keep_theirs(tmp_path: Path, open_in: Opener) -> None:
    place = open_in(tmp_path)
    names = [f"mail-{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: add_channel(place, name, EMAIL), names))
    found = read_alert_settings(place)
    assert found
    assert sorted(found.channels) == sorted(names)


@each_place
def test_a_change_keeps_what_else_was_written(tmp_path: Path, open_in: Opener) -> None:
    place = open_in(tmp_path)
    place.write("# ours\nthresholds:\n  failed_rows: 3  # percent\n")
    add_channel(place, "mail", EMAIL)
    found = place.read()
    assert found
    assert "# ours" in found.text
    assert "failed_rows: 3  # percent" in found.text


def test_a_look_reads_the_settings_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, read, asked = open_shared(tmp_path), SharedNotes.read, []
    add_channel(place, "mail", EMAIL)

    def count(notes: SharedNotes, kind: str, name: str) -> Note | None:
        asked.append(name)
        return read(notes, kind, name)

    monkeypatch.setattr(SharedNotes, "read", count)
    found = read_alert_settings(place, take_over=True)
    assert (found is not None, len(asked)) == (True, 1)


def test_a_file_that_is_taken_over_is_read_from_the_database(tmp_path: Path) -> None:
    place = open_shared(tmp_path)
    add_channel(place.file, "mail", EMAIL)
    for take_over in (True, False):
        found = read_alert_settings(place, take_over=take_over)
        assert found
        assert list(found.channels) == ["mail"]
    assert place.unused_file == place.file.path
