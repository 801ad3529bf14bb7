"""A person is found in all that is stored, and erased from it; a second search is the proof."""

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.access.audit import Action
from integration_center.database.sync_records import SyncStatus
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation, open_installation
from integration_center.pipeline.administration import person_requests
from integration_center.pipeline.administration.person_requests import Held, find_person, forget_person
from integration_center.salesforce.read.snapshot_file import find_snapshot
from integration_center.store.ledger_search import Question, read_question
from integration_center.store.person import ERASED, Person
from integration_center.store.stored_files import FileKind
from integration_center.sync.outcomes import Outcome
from integration_center.sync.people_sum import PEOPLE
from integration_center.sync.values.invisible import NAMES
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json

ANN = PLAIN[2]


def read_all(folder: Path) -> str:
    """All values that files of a folder hold, Parquet unpacked."""
    texts = []
    for path in folder.rglob("*"):
        if path.suffix in {".parquet", ".writes"}:
            texts.append(pl.read_parquet(path).write_json())
        elif path.is_file():
            texts.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(texts)


def count_sums() -> list[int]:
    """Count the sums over people that are kept beside ledgers, and beside known records."""
    with open_installation() as installation:
        kinds = (FileKind.LEDGER, FileKind.KNOWN_RECORDS)
        stored = [installation.frames.index.list(kind) for kind in kinds]
    return [sum(PEOPLE in file.details for file in files) for files in stored]


@pytest.mark.proof
def test_a_person_is_erased_from_all_that_is_stored(center: Center, command: Command) -> None:
    record = center.lead(ANN)
    center.integrate(fields=[{"column": "First Login", "field": "WalkMe_First_Login__c"}])
    center.integrate(
        "counts",
        name="Counts",
        fields=[{"column": "# Logins Last 30 Days", "field": "WalkMe_Logins_Last_30_Days__c"}],
        limits={"max_changed": 0},
    )
    for back in (1, 0):
        center.drop(logins(PLAIN, count=back), days_before(back))
    runs = [center.run(day=days_before(1)), center.run()]
    assert all(run.success for run in runs)
    held = center.run("counts")
    assert center.sync(held, "counts").held
    before = center.sync(runs[1])
    with open_installation() as installation:
        installation.ledgers.write_error(runs[0].run_id, "logins_to_leads", f"could not read {email(ANN)}: 17")
        snapshot = find_snapshot("logins_to_leads", "Lead", "00D000000000001AAA")
        installation.frames.publish_frame(snapshot, pl.DataFrame({"Id": [record["Id"]], "Email": [email(ANN)]}))
    storage = center.home / "storage"
    assert email(ANN) in read_all(storage)

    with open_installation() as installation:
        for question in ("nobody@acme.example", "00Q000000000009", "https://x.example/lightning/r/Lead/x"):
            assert find_person(installation, read_question(question)).nothing
    listed = as_json(command("forget-person", email(ANN).upper(), "--json"))
    assert {each["kind"] for each in listed["files"]} >= {"report", "plan", "ledger", "snapshot", "error"}
    assert email(ANN) in read_all(storage)  # it was only listed
    assert all(count_sums())
    code, output, said = command("forget-person", email(ANN), "--erase")
    assert code == 0, output + said
    assert "files found nothing" in output
    everything = read_all(storage)
    assert email(ANN) not in everything
    assert record["Id"][:15] not in everything
    assert all(email(number) in everything for number in PLAIN if number != ANN)
    assert not any(count_sums())

    after = center.sync(runs[1])
    assert after.counts == before.counts
    ledger = center.ledger(runs[1])
    assert ledger.height == len(PLAIN)
    assert ledger["reason"].to_list().count("erased on request") == 1
    assert dict(ledger["outcome"].value_counts().iter_rows()) == before.counts["lines"]
    held_lines = center.sync(held, "counts").counts["lines"]
    assert (held_lines["unprocessed"], held_lines["held"]) == (1, len(PLAIN) - 1)
    with open_installation() as installation:
        (entry,) = installation.audit.list(actions=[Action.FORGOT_PERSON])
        assert "a second search of" in (entry.detail or "")
        assert "found nothing" in (entry.detail or "")
        assert email(ANN) not in repr(installation.audit.list())
    assert "Nothing is stored of this person" in command("forget-person", email(ANN))[1]
    assert "Nothing is known of it" in command("why", email(ANN))[1]


@pytest.mark.proof
def test_after_it_runs_undo_and_release_leave_the_record_alone(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    run = center.run()
    name = "WalkMe_First_Login__c"
    written = center.lead(ANN)[name]
    with open_installation() as installation:
        forget_person(installation, read_question(center.lead(ANN)["Id"]), who="dpo", where="test")
    assert command("undo", run.run_id, "--yes")[0] == 0
    assert center.lead(ANN)[name] == written
    assert center.lead(PLAIN[0])[name] != written
    again = center.run()
    assert center.sync(again).status is SyncStatus.COMPLETED
    assert center.ledger(again).filter(pl.col("outcome") == Outcome.NO_KEY).height == 1


def begin_run(installation: Installation) -> None:
    installation.syncs.open(
        "r",
        "logins_to_leads",
        name="n",
        environment=None,
        report="Logins",
        object="Lead",
        partition_start=YESTERDAY,
        partition_end=YESTERDAY,
        triggered_by="user",
    )


def test_nothing_is_erased_while_a_run_may_store_it_again(center: Center, command: Command) -> None:
    with open_installation() as installation:
        begin_run(installation)
    code, _, said = command("forget-person", "ann@acme.example", "--erase")
    assert code == 1
    assert "is running" in said


def test_nothing_is_erased_when_a_run_begins_during_the_search(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(searched: Installation, question: Question) -> Held:
        found = find_person(searched, question)
        begin_run(searched)
        return found

    monkeypatch.setattr(person_requests, "find_person", search)
    with open_installation() as installation:
        with pytest.raises(ConfigurationError, match="is running"):
            forget_person(installation, read_question(email(ANN)), who="ann", where="here")
        assert not installation.audit.list(actions=[Action.FORGOT_PERSON])


OTHERS = ("joann.lee+1@acme.example", "ann.lee+1@acme.examples", None)
WORDS = st.text("abcXYZ019.-_+'\" ()[]*^$\\|é\u200b@,;:", max_size=12)


@given(
    before=WORDS,
    after=WORDS,
    altered=st.sampled_from(["{}", "{}.invalid", " {} ", "<{}>", "{}\u200b"]),
    hidden=st.sampled_from(["", "\u00ad", NAMES["\u200b"], NAMES["\ufe0f"]]),
)
def test_an_address_is_found_in_any_text_and_none_that_only_ends_or_begins_like_it(
    before: str, after: str, altered: str, hidden: str
) -> None:
    person = Person(frozenset(["Ann.Lee+1@acme.example"]))
    address = f"ann.l{hidden}ee+1@ACME.example"
    text = f"{before} {altered.format(address)}, {after}"
    frame = pl.DataFrame({"*": [text, *OTHERS], "^n$": [1, 2, 3, 4]})
    assert frame.select(person.is_in(frame.schema)).to_series().to_list() == [True, False, False, False]
    assert person.is_in_text(text)
    assert not person.is_in_text(person.erase_from(text))
    assert ERASED in person.erase_from(text)


def test_a_short_key_counts_as_a_whole_cell_and_an_id_in_both_its_forms() -> None:
    person = Person(frozenset(["17"]), frozenset(["00Q000000000001AAA"]))
    found = [
        person.is_in_text(text) for text in ("17", " 17 ", "117", "17 rows", "x/00Q000000000001 y", "00q000000000001")
    ]
    assert found == [True, True, False, False, True, False]
    assert re.compile(person.pattern)
