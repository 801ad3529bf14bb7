"""The journal of what was sent: written before it is sent, so that a crash leaves a trace of every write.

The push itself is noted before its plan counts as applied, a Bulk job before its upload is closed, a collection chunk
before its request. What was never settled is what the next run on the object has to look up in the org.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, Row, select, update

from integration_center.database.engine import reading, upsert, writing
from integration_center.database.leases import Hold
from integration_center.database.tables import sent_work


class SentKind(StrEnum):
    """What carried the rows."""

    JOB = "job"
    CHUNK = "chunk"


@dataclass(frozen=True)
class SentWork:
    """Rows that were sent, or were about to be.

    Attributes:
        job_id: the Bulk job's id; of a collection chunk, a name of our own.
        kind: a Bulk job or a collection chunk.
        rows: how many rows a job carries; None for a chunk.
        content_hash: SHA-256 of the content, to recognise it.
        opened_at: UTC; settled_at: UTC, None while its results are not in the ledger.
        fence: the number of the lease under which it was sent; None before leases had numbers.
    """

    org_id: str
    object: str
    job_id: str
    kind: SentKind
    run_id: str
    slug: str
    plan_id: str
    rows: int | None
    content_hash: str
    opened_at: datetime
    settled_at: datetime | None
    fence: int | None = None


class JobJournal:
    """Writes the journal of one push.

    Args:
        engine: our database.
        org_id: the 18-character org id.
        object: the object's API name.
        run_id: the run that pushes.
        slug: its integration.
        plan_id: what it pushes.
        hold: the run's hold on the object, without which nothing is noted, and so nothing sent.
    """

    def __init__(
        self,
        engine: Engine,
        org_id: str,
        object: str,
        run_id: str,
        slug: str,
        plan_id: str,
        *,
        hold: Hold | None = None,
    ) -> None:
        self._engine = engine
        self._hold = hold
        self._org_id = org_id
        self._push = {"object": object, "run_id": run_id, "slug": slug, "plan_id": plan_id}
        self._known: set[str] = set()
        self._chunks: set[str] = set()

    def push_begun(self) -> None:
        """Note that the push begins; call it before its plan is marked as applied, when its ledger has a draft."""
        name = f"{self._push['plan_id']}:push"
        self._note(SentKind.CHUNK, name, None, "")
        self._chunks.add(name)

    def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
        """Note a Bulk job; call it before its upload is closed."""
        self._note(SentKind.JOB, job_id, rows, content_hash)

    def chunk_sent(self, ids_hash: str) -> None:
        """Note a collection chunk, by a hash of its record ids; call it before its request goes out."""
        name = f"{self._push['plan_id']}:{ids_hash}"[:128]
        self._note(SentKind.CHUNK, name, None, ids_hash)
        self._chunks.add(name)

    def job_settled(self, job_id: str) -> None:
        """All results of a job are known. It is noted by `ledger_stored`: until then a crash would lose them."""
        self._known.add(job_id)

    def ledger_stored(self, *, complete: bool) -> None:
        """Note what the stored ledger has settled: the jobs whose results are known, and the chunks too.

        Args:
            complete: no line is unknown; else the next run looks at the chunks again.
        """
        for job_id in sorted(self._known | self._chunks if complete else self._known):
            settle(self._engine, self._org_id, job_id)

    def _note(self, kind: SentKind, job_id: str, rows: int | None, content_hash: str) -> None:
        values: dict[str, Any] = {
            "org_id": self._org_id,
            "job_id": job_id,
            "kind": kind.value,
            "rows": rows,
            "content_hash": content_hash,
            "opened_at": datetime.now(UTC),
            "settled_at": None,
            **self._push,
        }
        with writing(self._engine) as connection:
            values["fence"] = self._hold.read_fence(connection) if self._hold else None
            upsert(connection, sent_work, ("org_id", "job_id"), values)


def settle(engine: Engine, org_id: str, job_id: str) -> None:
    """Note that all results of a job or chunk are known, whichever push sent it. The first time is kept."""
    statement = (
        update(sent_work)
        .where(sent_work.c.org_id == org_id, sent_work.c.job_id == job_id, sent_work.c.settled_at.is_(None))
        .values(settled_at=datetime.now(UTC))
    )
    with writing(engine) as connection:
        connection.execute(statement)


def unfinished(engine: Engine, org_id: str, object: str) -> tuple[SentWork, ...]:
    """What was sent to an object of an org and never settled, the oldest first."""
    statement = (
        select(sent_work)
        .where(sent_work.c.org_id == org_id, sent_work.c.settled_at.is_(None))
        .order_by(sent_work.c.opened_at)
    )
    with reading(engine) as connection:
        works = tuple(map(_build_work, connection.execute(statement)))
    return tuple(work for work in works if work.object.lower() == object.lower())


def _build_work(row: Row[Any]) -> SentWork:
    return SentWork(**(dict(row._mapping) | {"kind": SentKind(row.kind)}))
