"""Channels that are added to `alerts.yaml` are read as they were typed, even if two people add one at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.alerts.editing import add_channel, remove_channel
from integration_center.alerts.settings import FILE_NAME, Email, read_alert_settings
from integration_center_tests.proofs import examples

EMAIL = {"type": "email", "host": "mail.example", "sender": "a@acme.example"}
TYPED = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).map(str.strip)


@examples(30)
@given(password=TYPED.filter(bool))
@example(password="on")
@example(password="12:30:00")
@example(password="two  blanks " * 20 + "end")
@example(password="a: b # c")
def test_a_password_is_read_as_it_was_typed(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    home = tmp_path_factory.mktemp("home")
    add_channel(home, "mail", EMAIL | {"password": password})
    found = read_alert_settings(home)
    channel = found.channels["mail"] if found else None
    assert isinstance(channel, Email)
    assert channel.password.get_secret_value() == password


def test_a_name_is_read_as_it_was_typed(tmp_path: Path) -> None:
    names = ["on", "null", "12", "-", "0x1"]
    for name in names:
        add_channel(tmp_path, name, EMAIL)
    found = read_alert_settings(tmp_path)
    assert found
    assert list(found.channels) == names
    for name in names:
        remove_channel(tmp_path, name)
    assert read_alert_settings(tmp_path) is None or "on" not in (tmp_path / FILE_NAME).read_text()


def test_two_people_who_add_a_channel_at_once_both_keep_theirs(tmp_path: Path) -> None:
    names = [f"mail-{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: add_channel(tmp_path, name, EMAIL), names))
    found = read_alert_settings(tmp_path)
    assert found
    assert sorted(found.channels) == sorted(names)
