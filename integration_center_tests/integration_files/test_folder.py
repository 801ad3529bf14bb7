"""Changing integrations: the file that is written, what it keeps, and what is refused."""

import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import ConfigurationError, EditedMeanwhile
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.spec import Environment, IntegrationSpec, Limits
from integration_center.integration_files.folder import DefsFolder, build_copy
from integration_center.integration_files.parsing import parse_integration
from integration_center.integration_files.yaml_edit import edit, write_new
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.proofs import examples

BY_HAND = """\
# Asked for by the Lead team.
type: integration_center.Integration
attributes:
  report: Logins Review   # the alias
  name: 'Logins to Leads'
  environment: sandbox
  object: Lead
  enabled: yes
  keys:
    - {column: User ID, field: Email}   # their e-mail
  fields:
    # when they began
    - {column: First Login, field: WalkMe_First_Login__c}
    - column: "# Logins Last 30 Days"   # a number
      field: WalkMe_Logins_Last_30_Days__c
"""


@pytest.fixture
def folder(tmp_path: Path) -> DefsFolder:
    """A folder with one integration, written by hand."""
    (tmp_path / "logins_to_leads").mkdir()
    (tmp_path / "logins_to_leads" / "defs.yaml").write_text(BY_HAND)
    return DefsFolder(tmp_path, judge_with_dagster)


def spec_of(folder: DefsFolder, slug: str = "logins_to_leads") -> IntegrationSpec:
    spec = folder.read(slug).spec
    assert spec is not None
    return spec


def test_disabling_changes_one_line_of_a_file_written_by_hand(folder: DefsFolder) -> None:
    folder.set_enabled("logins_to_leads", False)
    assert folder.path("logins_to_leads").read_text() == BY_HAND.replace("enabled: yes", "enabled: false")
    folder.set_enabled("logins_to_leads", True)
    assert folder.path("logins_to_leads").read_text() == BY_HAND.replace("enabled: yes", "enabled: true")


def test_an_edit_keeps_comments_and_order(folder: DefsFolder) -> None:
    file = folder.read("logins_to_leads")
    spec = spec_of(folder)
    first, count = spec.fields
    changed = spec.model_copy(
        update={
            "schedule": "30 9 * * *",
            "limits": Limits(max_cleared=20),
            "fields": (first, count, FieldMapping(column="No", field="Note__c", truncate=True)),
        }
    )
    folder.save(file, changed)
    expected = BY_HAND.replace("  enabled: yes\n", "  enabled: yes\n  schedule: 30 9 * * *\n")
    expected += '    - {column: "No", field: Note__c, truncate: true}\n  limits: {max_cleared: 20}\n'
    assert folder.path("logins_to_leads").read_text() == expected
    assert spec_of(folder) == changed


def test_what_two_editors_do_is_shown_to_the_second(folder: DefsFolder) -> None:
    mine = folder.read("logins_to_leads")
    theirs = folder.read("logins_to_leads")
    folder.save(theirs, spec_of(folder).model_copy(update={"schedule": "0 10 * * *"}))
    before = folder.path("logins_to_leads").read_text()
    with pytest.raises(EditedMeanwhile, match=r"changed at .* UTC while you edited it: schedule is different now"):
        folder.save(mine, spec_of(folder).model_copy(update={"name": "Mine"}))
    with pytest.raises(EditedMeanwhile, match="after it was shown to you"):
        folder.delete("logins_to_leads", content_hash=mine.content_hash)
    assert folder.path("logins_to_leads").read_text() == before
    folder.delete("logins_to_leads")
    with pytest.raises(EditedMeanwhile, match="was deleted while you edited it"):
        folder.save(mine, spec_of_text(before))


def spec_of_text(text: str) -> IntegrationSpec:
    return parse_integration(text).spec


def test_of_many_editors_at_once_one_saves(folder: DefsFolder) -> None:
    base = folder.read("logins_to_leads")
    spec = spec_of(folder)
    refused: list[Exception] = []

    def save(number: int) -> None:
        try:
            DefsFolder(folder.root, judge_with_dagster).save(base, spec.model_copy(update={"max_matches": number}))
        except EditedMeanwhile as error:
            refused.append(error)

    editors = [threading.Thread(target=save, args=(number,)) for number in range(20, 24)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert len(refused) == 3
    assert list(folder.path("logins_to_leads").parent.iterdir()) == [folder.path("logins_to_leads")]


def test_a_field_that_another_writes_is_refused_whatever_the_slug(folder: DefsFolder) -> None:
    rival = spec_of(folder).model_copy(update={"name": "A rival"})
    with pytest.raises(ConfigurationError, match="already written by integration 'logins_to_leads'"):
        folder.create(rival)
    folder.create(rival.model_copy(update={"enabled": False}))
    with pytest.raises(ConfigurationError, match=r"Lead\.WalkMe_First_Login__c, .* are already written"):
        folder.set_enabled("a_rival", True)
    assert load_integrations(folder.root).broken == {}


def test_a_copy_keeps_the_comments_and_is_disabled(folder: DefsFolder) -> None:
    folder.duplicate("logins_to_leads", Environment.PRODUCTION)
    folder.duplicate("logins_to_leads")
    text = folder.path("logins_to_leads_production").read_text()
    assert "# Asked for by the Lead team." in text
    assert "# their e-mail" in text
    copy = spec_of(folder, "logins_to_leads_production")
    assert (copy.environment, copy.enabled, copy.name) == (
        Environment.PRODUCTION,
        False,
        "Logins to Leads, Production",
    )
    assert spec_of(folder, "logins_to_leads_copy").name == "Logins to Leads (copy)"


def test_slugs(folder: DefsFolder) -> None:
    assert folder.new_slug("Logins → Leads") == "logins_leads"
    assert folder.new_slug("Logins to LEADS") == "logins_to_leads_2"
    assert folder.new_slug("Sync") == "sync_2"
    assert folder.new_slug("Größe ½") != ""
    for name in ("日本語", "!!!", "x" * 255, "../../etc"):
        slug = folder.new_slug(name)
        assert folder.create(spec_of(folder).model_copy(update={"name": name, "enabled": False})).slug == slug


def test_the_mode_and_a_link_stay(folder: DefsFolder, tmp_path: Path) -> None:
    path = folder.path("logins_to_leads")
    kept = tmp_path / "kept.yaml"
    path.rename(kept)
    kept.chmod(0o640)
    path.symlink_to(kept)
    folder.set_enabled("logins_to_leads", False)
    assert path.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert "enabled: false" in kept.read_text()


def test_a_folder_with_other_files_keeps_them(folder: DefsFolder) -> None:
    note = folder.path("logins_to_leads").with_name("README.md")
    note.write_text("why")
    folder.delete("logins_to_leads")
    assert note.exists()
    assert folder.list() == []


def test_a_broken_file_is_listed_with_its_reason_and_not_touched(folder: DefsFolder) -> None:
    for slug, text, reason in (
        ("syntax", "type: [", "line 1, column 8: not YAML"),
        ("two_documents", BY_HAND + "---\n" + BY_HAND, "it has 2 documents (---)"),
        ("twice", BY_HAND + "  name: Again\n", "name is written twice, in lines "),
        (
            "misread",
            BY_HAND.replace("{column: First Login,", "{column: no,"),
            "YAML reads no as false; write it in quotes",
        ),
        ("unknown_option", BY_HAND + "  colour: red\n", "colour"),
        ("Upper", BY_HAND, "rename it"),
    ):
        (folder.root / slug).mkdir()
        (folder.root / slug / "defs.yaml").write_text(text)
        file = folder.read(slug)
        assert file.spec is None
        assert reason in (file.problem or "")
        with pytest.raises(ConfigurationError):
            folder.set_enabled(slug, False)
        with pytest.raises(ConfigurationError):
            folder.duplicate(slug)
        assert folder.path(slug).read_text() == text
    assert {file.slug for file in folder.list() if file.problem is None} == {"logins_to_leads"}


def test_what_an_edit_cannot_follow_is_written_again(folder: DefsFolder) -> None:
    anchored = BY_HAND.replace("{column: First Login,", "&first {column: First Login,").replace(
        "attributes:\n", "attributes:\n  <<: {max_matches: 3}\n"
    )
    folder.path("logins_to_leads").write_text(anchored)
    file = folder.read("logins_to_leads")
    wanted = spec_of(folder).model_copy(
        update={"fields": (FieldMapping(column="X", field="WalkMe_First_Login__c"),), "max_matches": 10}
    )
    folder.save(file, wanted)
    assert spec_of(folder) == wanted


def test_line_ends_of_windows_stay(folder: DefsFolder) -> None:
    folder.path("logins_to_leads").write_bytes(BY_HAND.replace("\n", "\r\n").encode())
    folder.set_enabled("logins_to_leads", False)
    assert folder.path("logins_to_leads").read_bytes().decode() == BY_HAND.replace("yes", "false").replace("\n", "\r\n")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="could not be written"):
        DefsFolder(tmp_path / "file" / "defs", judge_with_dagster).create(spec_of_text(BY_HAND))


COMMENTED = """\
type: integration_center.Integration
attributes:
  name: N
  environment: sandbox
  report: R
  object: Lead
  keys:
    - {column: U, field: Email}   # key
  # about all fields
  fields: # these
    # before A
    - {column: A, field: A__c}   # of A
    # before B
    - {column: B, field: B__c}
    - column: C   # of C
      field: C__c
    # before D
    - {column: D, field: D__c}
  # about owners
  owners: ["team:x"]
"""


@pytest.mark.parametrize("kept", ["BCD", "ACD", "ABD", "ABC", "D", "A", "ABCDX", "BX", "XD", "X", "DCBA"])
def test_comments_stay_with_what_they_are_about(kept: str) -> None:
    before = spec_of_text(COMMENTED)
    fields = {mapping.column: mapping for mapping in before.fields} | {"X": FieldMapping(column="X", field="X__c")}
    after = before.model_copy(update={"fields": tuple(fields[column] for column in kept)})
    text = edit(COMMENTED, before, after)
    assert spec_of_text(text) == after
    for comment in ("# key", "# about all fields", "# these", "# before A", "# before B", "# before D"):
        assert comment in text
    lines = [line.strip() for line in text.splitlines()]
    assert lines[-2:] == ["# about owners", 'owners: ["team:x"]']
    if kept != "DCBA":  # moved rows leave their comments behind
        for column in set(kept) & set("ABD"):
            assert lines.index(f"# before {column}") < next(n for n, t in enumerate(lines) if f"column: {column}," in t)


TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: text < "\ud800" or text.isprintable())
NAMES = st.one_of(
    TEXTS, st.sampled_from(["yes", "No", "null", "~", "12:30", "1e3", "010", "2024-01-01", "{{x}}", "#a"])
)


@examples(40)  # it loads through Dagster, which takes as long as the machine lets it
@given(NAMES, NAMES, NAMES)
@example("0", "0", ":0")
def test_whatever_a_column_is_called_it_is_read_back(name: str, key: str, column: str) -> None:
    spec = spec_of_text(BY_HAND).model_copy(
        update={
            "name": name,
            "keys": (KeyPair(column=key, field="Email"),),
            "fields": (FieldMapping(column=column, field="A__c", factor=0.01),),
        }
    )
    for text in (write_new(spec), edit(BY_HAND, spec_of_text(BY_HAND), spec)):
        assert IntegrationSpec.model_validate(yaml.safe_load(text)["attributes"]) == spec


def test_a_copy_of_a_long_name_fits() -> None:
    spec = spec_of_text(BY_HAND).model_copy(update={"name": "n" * 255})
    assert len(build_copy(spec, Environment.PRODUCTION).name) <= 255


def test_a_prefix_is_part_of_the_name_and_not_of_the_folder(folder: DefsFolder) -> None:
    spec = spec_of(folder).model_copy(update={"prefix": "east", "name": "East", "enabled": False})
    made = folder.create(spec, slug="logins")
    assert (made.slug, made.folder) == ("east_logins", "logins")
    assert [file.slug for file in folder.list()] == ["east_logins", "logins_to_leads"]
    assert folder.read("east_logins").spec == spec
    changed = folder.save(folder.read("east_logins"), spec.model_copy(update={"name": "West"}))
    assert (changed.slug, changed.path) == ("east_logins", folder.root / "logins" / "defs.yaml")
    assert load_integrations(folder.root).slugs == ["east_logins", "logins_to_leads"]
    folder.delete("east_logins")
    assert [file.slug for file in folder.list()] == ["logins_to_leads"]


def test_of_two_with_one_name_the_newer_is_broken(folder: DefsFolder) -> None:
    spec = spec_of(folder).model_copy(update={"enabled": False})
    folder.create(spec, slug="east_logins")
    (folder.root / "logins").mkdir()
    text = write_new(spec.model_copy(update={"prefix": "east"}))
    (folder.root / "logins" / "defs.yaml").write_text(text)
    files = {file.slug: file for file in folder.list()}
    assert files.keys() == {"east_logins", "logins", "logins_to_leads"}
    assert "with its prefix it is called 'east_logins', as another one is" in (files["logins"].problem or "")
    assert files["east_logins"].problem is None


def test_a_folder_in_place_of_a_file_is_named_in_our_words(folder: DefsFolder) -> None:
    folder.path("logins_to_leads").unlink()
    folder.path("logins_to_leads").mkdir()
    assert folder.read("logins_to_leads").problem == "there is a folder in place of the file"
