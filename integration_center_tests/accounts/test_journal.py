from integration_center.accounts.store import AccountStore
from integration_center.database.journal import JobJournal, SentKind, settle, unfinished

ORG = "00D000000000001EAA"


def build_journal(store: AccountStore, object: str = "Lead", run_id: str = "run-1") -> JobJournal:
    return JobJournal(store.engine, ORG, object, run_id, "logins_to_leads", "plan-1")


def test_what_was_sent_is_unfinished_until_it_is_settled(store: AccountStore) -> None:
    journal = build_journal(store)
    journal.job_opened("7505g000000001", 5000, "a" * 64)
    journal.chunk_sent("b" * 64)

    job, sent_chunk = unfinished(store.engine, ORG, "lead")
    assert (job.kind, job.job_id, job.rows, job.run_id, job.plan_id) == (
        SentKind.JOB,
        "7505g000000001",
        5000,
        "run-1",
        "plan-1",
    )
    assert (sent_chunk.kind, sent_chunk.rows, sent_chunk.content_hash) == (SentKind.CHUNK, None, "b" * 64)
    chunk = sent_chunk.job_id

    settle(store.engine, ORG, "7505g000000001")
    assert [work.job_id for work in unfinished(store.engine, ORG, "Lead")] == [chunk]
    settle(store.engine, ORG, chunk)
    settle(store.engine, ORG, chunk)
    assert unfinished(store.engine, ORG, "Lead") == ()


def test_noting_twice_makes_one_entry(store: AccountStore) -> None:
    journal = build_journal(store)
    journal.job_opened("7505g000000001", 5, "a" * 64)
    journal.job_opened("7505g000000001", 5, "a" * 64)
    journal.chunk_sent("b" * 64)
    journal.chunk_sent("b" * 64)
    assert len(unfinished(store.engine, ORG, "Lead")) == 2


def test_each_object_has_its_own(store: AccountStore) -> None:
    build_journal(store, "Contact", "run-2").job_opened("7505g000000002", 5, "a" * 64)
    assert unfinished(store.engine, ORG, "Lead") == ()
    assert unfinished(store.engine, "00D000000000002EAA", "Contact") == ()
    assert [work.run_id for work in unfinished(store.engine, ORG, "Contact")] == ["run-2"]


def test_what_is_known_is_settled_only_once_the_ledger_is_stored(store: AccountStore) -> None:
    build_journal(store, run_id="run-0").job_opened("7505g000000000", 5, "a" * 64)
    journal = build_journal(store)
    journal.job_opened("7505g000000001", 5, "a" * 64)
    journal.job_opened("7505g000000002", 5, "c" * 64)
    journal.chunk_sent("b" * 64)
    journal.job_settled("7505g000000001")
    assert len(unfinished(store.engine, ORG, "Lead")) == 4

    journal.ledger_stored(complete=False)
    assert len(unfinished(store.engine, ORG, "Lead")) == 3
    journal.ledger_stored(complete=True)

    left = [(work.run_id, work.job_id) for work in unfinished(store.engine, ORG, "Lead")]
    assert left == [("run-0", "7505g000000000"), ("run-1", "7505g000000002")]
