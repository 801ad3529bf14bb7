"""Days of events whose runs failed in part, by the log and the ledgers that the runs left.

The runs here are what the assets do, without Dagster and HTTP: the days are kept, the past is found, the plan is made,
its updates are written into a frame of records, and log and ledger are closed.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.steps.applied_days import find_past, keep_days, scan_days
from integration_center.planning.plan import Plan, build_plan
from integration_center.store.frames import write_frame
from integration_center.store.reports import find_report
from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete, ledger_adds_up, planned_updates
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import tally_lines
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import LEAD, make_records
from integration_center_tests.sync.test_past_events import (
    DAYS,
    FIRST,
    KEYS,
    NUMBERS,
    ROWS,
    SPEC,
    Content,
    make_frame,
    newest_scores,
)

numbers = count()


@dataclass
class History:
    """One integration, its org and its days."""

    installation: Installation
    folder: Path
    slug: str = field(default_factory=lambda: f"history_{next(numbers)}")
    records: pl.DataFrame = field(
        default_factory=lambda: make_records(*({"Email": key, "Score__c": 0.0} for key in KEYS))
    )
    session = SimpleNamespace(usage=SimpleNamespace(org_time=None))
    org_id = "00D000000000001AAA"

    def describe(self, name: str) -> object:
        return LEAD

    def read_records(self, *args: object, **options: object) -> pl.DataFrame:
        return self.records

    def may_edit_converted_leads(self) -> bool:
        return False

    def deliver(self, day: int, content: Content) -> None:
        """Store the report of a day, in place of the one before."""
        frames, place = self.installation.frames, find_report(self.slug, FIRST + timedelta(day))
        details = {"identity": "", "kind": "events", "latest_by": "At"}
        new = frames.begin(place)
        write_frame(make_frame(content), new.path, details)
        frames.publish(new, identity="", details=details)

    def run(self, first: int, last: int, refused: Collection[str] = ()) -> bool:
        """Run a range of days, and say whether its plan was not held; Salesforce refuses the records of some keys."""
        run_id = f"run_{next(numbers)}"
        days = [FIRST + timedelta(day) for day in range(first, last + 1)]
        self.installation.syncs.open(
            run_id, self.slug, name="", environment=Environment.SANDBOX, report=self.slug, object="Lead",
            partition_start=days[0], partition_end=days[-1], triggered_by="user", org_id=self.org_id,
        )  # fmt: skip
        kept = keep_days(self.installation, run_id, self.slug, self.slug, days)
        past = find_past(self.installation, self.slug, self.org_id, list(kept))
        plan = build_plan(
            SPEC, scan_days(kept), self, kind="events", latest_by="At", folder=self.folder, past=past  # type: ignore[arg-type]
        )  # fmt: skip
        if plan.held:  # as a day is in which no row could be looked up, because those of each key differ
            self.installation.syncs.close(run_id, self.slug, status=SyncStatus.FAILED, error=plan.held)
        else:
            self.close(run_id, plan, refused)
        return plan.held is None

    def close(self, run_id: str, plan: Plan, refused: Collection[str]) -> None:
        """Write the planned updates to the records, and close ledger and log."""
        lines, nothing = plan.lines.collect(), pl.lit(None, dtype=pl.String)
        bad = self.records.filter(pl.col("Email").is_in(list(refused)))["Id"]
        outcome = pl.when(pl.col("Id").is_in(bad.implode())).then(pl.lit("failed")).otherwise(pl.lit("updated"))
        updates = planned_updates(lines).with_columns(outcome.cast(OUTCOME).alias("outcome"))
        assert updates["Id"].is_unique().all()
        written = updates.filter(pl.col("outcome") == Outcome.UPDATED).select("Id", "after.Score__c")
        self.records = (
            self.records.join(written, on="Id", how="left", maintain_order="left")
            .with_columns(pl.coalesce("after.Score__c", "Score__c").alias("Score__c"))
            .drop("after.Score__c")
        )
        results = updates.select("Id", "outcome", code=nothing, message=nothing, error_fields=nothing, job_id=nothing)
        ledger = complete(lines, results)
        assert ledger_adds_up(ledger, sum(plan.tally.rows.of.values()))
        self.installation.ledgers.write(run_id, self.slug, ledger)
        syncs = self.installation.syncs
        syncs.planned(
            run_id, self.slug, plan_id=plan.plan_id, counts=tally_lines(lines).as_dict(), org_id=self.org_id,
            read_at=datetime.now(UTC), describe_hash="", api_calls=0,
        )  # fmt: skip
        if updates.height:
            syncs.apply(run_id, self.slug)
        status = SyncStatus.FAILED if refused else SyncStatus.COMPLETED
        syncs.close(run_id, self.slug, status=status, counts=tally_lines(ledger).as_dict())

    @property
    def scores(self) -> list[float]:
        """What the org holds, in the order of `KEYS`."""
        return self.records["Score__c"].to_list()


@pytest.fixture
def installation(home: Path) -> Iterator[Installation]:
    with open_installation() as installation:
        yield installation


CONTENTS = st.lists(ROWS, min_size=1, max_size=5)
STEPS = st.lists(
    st.tuples(NUMBERS, CONTENTS | st.none(), NUMBERS, st.sets(st.sampled_from(KEYS), max_size=2)),
    min_size=3, max_size=5,
)  # fmt: skip
"""Each step delivers a day, if there is a content, and runs the days from there to another; some keys are refused."""


@pytest.fixture(autouse=True)
def org_answers_records_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The org of this test gives records, and nothing that a plan without matches would ask for besides."""
    monkeypatch.setattr("integration_center.planning.plan.has_altered_addresses", lambda *_, **__: False)


@pytest.mark.proof
@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, order=st.permutations(range(DAYS)))
def test_days_that_failed_in_part_end_right_when_they_are_run_again(
    installation: Installation,
    tmp_path: Path,
    steps: Sequence[tuple[int, Content | None, int, set[str]]],
    order: Sequence[int],
) -> None:
    """Whatever was refused or held, running each applied day once more, in any order, repairs it."""
    history = History(installation, tmp_path)
    delivered, applied = dict[date, Content](), dict[date, Content]()
    for number, content, other, refused in steps:
        if content is not None:
            delivered[FIRST + timedelta(number)] = content
            history.deliver(number, content)
        first, last = min(number, other), max(number, other)
        if FIRST + timedelta(last) in delivered and history.run(first, last, refused):
            applied |= {day: rows for day, rows in delivered.items() if first <= (day - FIRST).days <= last}
    for day, content in applied.items():
        history.deliver((day - FIRST).days, content)
    for number in order:
        if FIRST + timedelta(number) in applied:
            history.run(number, number)
    expected = newest_scores(applied)
    assert history.scores == [expected.get(key, score) for key, score in enumerate(history.scores)]
