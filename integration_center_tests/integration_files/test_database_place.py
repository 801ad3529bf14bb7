"""Integrations in the database: what hosts see of each other's changes, and what is kept of them."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from integration_center.database.admin_tables import integration_texts
from integration_center.database.engine import build_engine, writing
from integration_center.database.integration_texts import IntegrationTexts
from integration_center.errors import ConfigurationError, EditedMeanwhile
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.integrations import read_integrations
from integration_center.integration_files.parsing import parse_integration
from integration_center.integration_files.places import DatabasePlace
from integration_center.pipeline.judging import judge_with_dagster
from integration_center_tests.integration_files.test_folder import BY_HAND

Open = Callable[[str], DefsFolder]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_host(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the integrations on a host, which shares nothing but the database."""
    on_server = request.param == "postgresql"
    url = request.getfixturevalue("new_postgresql")() if on_server else f"sqlite:///{tmp_path / 'center.db'}"

    def open_host(name: str) -> DefsFolder:
        place = DatabasePlace(IntegrationTexts(build_engine(url)), tmp_path / name)
        return DefsFolder(place, judge_with_dagster)

    return open_host


def place_of(folder: DefsFolder) -> DatabasePlace:
    assert isinstance(folder.place, DatabasePlace)
    return folder.place


def spec_of(folder: DefsFolder, slug: str = "logins_to_leads") -> IntegrationSpec:
    spec = folder.read(slug).spec
    assert spec is not None
    return spec


def by_hand(**changes: object) -> IntegrationSpec:
    return parse_integration(BY_HAND).spec.model_copy(update=changes)


@pytest.mark.sampled
def test_a_change_on_one_host_is_read_on_the_other_with_its_comments_and_age(open_host: Open) -> None:
    a, b = open_host("a"), open_host("b")
    assert b.list() == []
    a.create(by_hand(), text=BY_HAND, by="anna")
    file = b.read("logins_to_leads")
    assert (file.text, file.spec, file.modified_at) == (BY_HAND, by_hand(), a.read("logins_to_leads").modified_at)
    b.set_enabled("logins_to_leads", False, by="bob")
    assert a.read("logins_to_leads").text == BY_HAND.replace("enabled: yes", "enabled: false")
    b.delete("logins_to_leads", by="carl")
    assert a.list() == []
    history = place_of(a).texts.list_history("logins_to_leads")
    assert [(change.number, change.saved_by, change.text is None) for change in history] == [
        (3, "carl", True),
        (2, "bob", False),
        (1, "anna", False),
    ]


def test_of_two_who_edit_the_second_sees_what_changed(open_host: Open) -> None:
    a, b = open_host("a"), open_host("b")
    a.create(by_hand(), text=BY_HAND)
    mine, theirs = a.read("logins_to_leads"), b.read("logins_to_leads")
    b.save(theirs, by_hand(schedule="0 10 * * *"))
    with pytest.raises(EditedMeanwhile, match=r"changed at .* UTC while you edited it: schedule is different now"):
        a.save(mine, by_hand(name="Mine"))
    with pytest.raises(EditedMeanwhile, match="after it was shown to you"):
        a.delete("logins_to_leads", content_hash=mine.content_hash)
    assert spec_of(a).schedule == "0 10 * * *"


def test_of_many_hosts_at_once_one_saves_and_others_save_other_integrations(open_host: Open) -> None:
    first = open_host("first")
    first.create(by_hand(), text=BY_HAND)
    base = first.read("logins_to_leads")
    refused: list[Exception] = []

    def save(number: int) -> None:
        host = open_host(f"host{number}")
        try:
            host.save(base, by_hand(max_matches=number))
        except EditedMeanwhile as error:
            refused.append(error)
        host.create(by_hand(name=f"Other {number}", enabled=False))

    hosts = [threading.Thread(target=save, args=(number,)) for number in range(20, 24)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join()
    assert len(refused) == 3
    assert len(first.list()) == 5
    numbers = [change.number for file in first.list() for change in place_of(first).texts.list_history(file.slug)]
    assert sorted(numbers) == list(range(1, 7))


def test_a_field_that_another_host_maps_meanwhile_is_refused(open_host: Open) -> None:
    a, b = open_host("a"), open_host("b")
    a.create(by_hand(), text=BY_HAND)
    with pytest.raises(ConfigurationError, match="already written by integration 'logins_to_leads'"):
        b.create(by_hand(name="A rival"))


def test_an_earlier_change_is_laid_out_as_it_was_and_scratch_may_vanish(open_host: Open, tmp_path: Path) -> None:
    a = open_host("a")
    a.create(by_hand(), text=BY_HAND)
    a.create(by_hand(name="Other", enabled=False))
    a.set_enabled("logins_to_leads", False)
    a.delete("other")
    place = place_of(a)
    then = read_integrations(place.open_at(2), judge_with_dagster)
    assert {slug: spec.enabled for slug, spec in then.specs.items()} == {"logins_to_leads": True, "other": False}
    shutil.rmtree(tmp_path / "a")
    assert read_integrations(place.open_at(2), judge_with_dagster).specs == then.specs
    assert [*read_integrations(place.open(), judge_with_dagster).specs] == ["logins_to_leads"]
    with pytest.raises(ConfigurationError, match="does not have change 9"):
        place.open_at(9)


def test_what_was_laid_out_is_kept_for_a_day_after_the_next_change(open_host: Open) -> None:
    a = open_host("a")
    a.create(by_hand(), text=BY_HAND)
    first = a.root
    os.utime(first, (0, 0))
    a.set_enabled("logins_to_leads", False)
    second = a.root
    assert first.exists(), "a process that began to read it a moment ago goes on"
    os.utime(second, (1, 1))
    a.set_enabled("logins_to_leads", True)
    assert not first.exists()
    assert second.exists()
    os.utime(a.root, (2, 2))
    place_of(a).open_at(2)
    a.set_enabled("logins_to_leads", False)
    assert second.exists(), "a run that waited for days reads it"


def test_numbers_that_a_backup_gives_out_twice_are_kept_apart(open_host: Open) -> None:
    a = open_host("a")
    a.create(by_hand(), text=BY_HAND)
    a.set_enabled("logins_to_leads", False)
    assert not spec_of(a).enabled
    texts = place_of(a).texts
    with writing(texts._engine) as connection:
        connection.execute(delete(integration_texts).where(integration_texts.c.number == 2))
    texts.add(1, "logins_to_leads", BY_HAND.replace("enabled: yes", "enabled: yes # back"), "anna")
    texts.add(2, "other", BY_HAND.replace("enabled: yes", "enabled: no"), "anna")
    assert spec_of(a).enabled


def test_a_broken_text_is_called_by_the_database_and_corrected_as_text(open_host: Open) -> None:
    a = open_host("a")
    a.create(by_hand(), text=BY_HAND)
    place_of(a).texts.add(1, "logins_to_leads", "type: nothing", "a newer version")
    (problem,) = read_integrations(a.root, judge_with_dagster).broken.values()
    assert problem.startswith("integration 'logins_to_leads' in the database: ")
    a.save_text(a.read("logins_to_leads"), BY_HAND)
    assert spec_of(a) == by_hand()
    with pytest.raises(ConfigurationError, match="was not saved"):
        a.save_text(a.read("logins_to_leads"), "type: nothing")


def test_a_read_only_folder_says_where_to_change_it(tmp_path: Path) -> None:
    from integration_center.integration_files.places import FolderPlace

    (tmp_path / "logins_to_leads").mkdir()
    (tmp_path / "logins_to_leads" / "defs.yaml").write_text(BY_HAND)
    folder = DefsFolder(FolderPlace(tmp_path, read_only=True), judge_with_dagster)
    for change in (
        lambda: folder.set_enabled("logins_to_leads", False),
        lambda: folder.delete("logins_to_leads"),
        lambda: folder.create(by_hand(name="Other", enabled=False)),
        lambda: folder.duplicate("logins_to_leads"),
    ):
        with pytest.raises(ConfigurationError, match="kept in git"):
            change()
    assert [path.name for path in tmp_path.iterdir()] == ["logins_to_leads"]


def test_a_read_only_process_changes_nothing_in_the_database(open_host: Open, tmp_path: Path) -> None:
    a = open_host("a")
    a.create(by_hand(), text=BY_HAND)
    reader = DefsFolder(DatabasePlace(place_of(a).texts, tmp_path / "b", read_only=True), judge_with_dagster)
    assert spec_of(reader) == by_hand()
    with pytest.raises(ConfigurationError, match="read-only on this host"):
        reader.set_enabled("logins_to_leads", False)
    assert spec_of(a).enabled
