"""The law of event days: in whatever order they arrive and run, the org ends as if they had come in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.sync.columns import DAY as DAY_COLUMN
from integration_center.sync.columns import OUTCOME
from integration_center.sync.ledger import complete, ledger_adds_up, planned_updates
from integration_center.sync.lines import match_report, settle_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.past_events import Past, PastDay, add_past_rows, find_past_rows
from integration_center.sync.plan_terms import resolve_terms
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import LEAD, make_records, make_spec

FIRST = date(2026, 11, 1)
DAYS = 4
KEYS = ("ann@x.org", "bob@x.org", "cat@x.org")
SPELLINGS = {"ann@x.org": 0, " Ann@X.org ": 0, "bob@x.org": 1, "BOB@x.org": 1, "cat@x.org": 2}
SPEC = make_spec({"Score": "Score__c"})
Row = tuple[str, int | None, int | None]
"""A key as the report spells it, the time of the event, and the score, which may be missing."""
Content = Sequence[Row]


def make_frame(content: Content, *, as_text: bool = True) -> pl.DataFrame:
    """The report of a day; its times are text, or what an earlier version made of it."""
    times = [None if at is None else f"2026-11-{at:02} 08:00:00" for _, at, _ in content]
    schema = {"User": pl.String, "At": pl.String, "Score": pl.Int64}
    frame = pl.DataFrame(
        {"User": [key for key, *_ in content], "At": times, "Score": [score for *_, score in content]}, schema=schema
    )
    return frame if as_text else frame.with_columns(pl.col("At").str.to_datetime(time_zone="UTC"))


@dataclass
class Center:
    """An org, and the days that were applied to it: of each day the newest frame and its ledger."""

    past: dict[date, PastDay] = field(default_factory=dict)
    records: pl.DataFrame = field(
        default_factory=lambda: make_records(*({"Email": key, "Score__c": 0.0} for key in KEYS))
    )

    def run(self, days: Mapping[date, pl.DataFrame]) -> pl.DataFrame:
        """Apply some days in one run; its ledger."""
        own = pl.concat(
            [frame.with_columns(pl.lit(day).alias(DAY_COLUMN)) for day, frame in sorted(days.items())],
            how="diagonal_relaxed",
        )
        terms = resolve_terms(SPEC, LEAD, own.schema, latest_by="At", kind="events", newest=None)
        rows = add_past_rows(own, find_past_rows(own, Past(days.keys(), list(self.past.values())), terms))
        matching = match_report(rows.lazy(), self.records, terms)
        lines = settle_lines(matching.lines, matching)
        updates, nothing = planned_updates(lines), pl.lit(None, dtype=pl.String)
        updated = pl.lit(Outcome.UPDATED, dtype=OUTCOME)
        ledger = complete(
            lines,
            updates.select("Id", outcome=updated, code=nothing, message=nothing, error_fields=nothing, job_id=nothing),
        )
        assert ledger_adds_up(ledger, own.height + ledger.filter(pl.col("row") >= own.height).height)
        written = updates.select("Id", "after.Score__c")
        self.records = (
            self.records.join(written, on="Id", how="left", maintain_order="left")
            .with_columns(pl.coalesce("after.Score__c", "Score__c").alias("Score__c"))
            .drop("after.Score__c")
        )
        self.past |= {day: PastDay(day, frame.lazy(), ledger.lazy()) for day, frame in days.items()}
        return ledger

    @property
    def scores(self) -> list[float]:
        """What the org holds, in the order of `KEYS`."""
        return self.records["Score__c"].to_list()


def newest_scores(days: Mapping[date, Content]) -> dict[int, float]:
    """The oracle: of each key the score of the newest event, over what the days hold at last.

    Of one day the newest row counts, unless several are the newest and differ, or it has no score. Events of one time
    go by their day.
    """
    best: dict[int, tuple[int, date, float]] = {}
    for day, content in days.items():
        for key in range(len(KEYS)):
            events = [(at or 0, score) for spelled, at, score in content if SPELLINGS[spelled] == key]
            latest = max((at for at, _ in events), default=0)
            newest = {score for at, score in events if at == latest}
            score = newest.pop() if len(newest) == 1 else None
            if score is not None:
                best[key] = max(best.get(key, (-1, FIRST, 0.0)), (latest, day, float(score)))
    return {key: score for key, (_, _, score) in best.items()}


ROWS = st.tuples(st.sampled_from(sorted(SPELLINGS)), st.none() | st.integers(1, 6), st.none() | st.integers(1, 99))
NUMBERS = st.integers(0, DAYS - 1)
STEPS = st.lists(st.tuples(NUMBERS, st.none() | st.lists(ROWS, max_size=5), NUMBERS), min_size=3, max_size=6)
"""Each step delivers a day, late or again, unless it has no rows; and runs the days from there to another one."""


TEXTS = st.lists(st.booleans(), min_size=6, max_size=6)
ANN = " Ann@X.org "


@examples(100)
@given(steps=STEPS, texts=TEXTS)
@example([(1, [(ANN, None, None)], 0), (0, [(ANN, None, None), (ANN, None, 1)], 1), (1, None, 1)], [False] * 6)
def test_days_in_any_order_end_in_the_same_org(
    steps: Sequence[tuple[int, Content | None, int]], texts: Sequence[bool]
) -> None:
    """200 histories: after each run the org holds, of each key that the applied days name, the newest event.

    A key that no day names any more keeps what it had, which is never older than what was written before.
    """
    center, delivered, applied = Center(), dict[date, Content](), dict[date, Content]()
    frames: dict[date, pl.DataFrame] = {}
    for (number, content, other), as_text in zip(steps, texts, strict=False):
        if content is not None:
            delivered[FIRST + timedelta(number)] = content
            frames[FIRST + timedelta(number)] = make_frame(content, as_text=as_text)
        first, last = min(number, other), max(number, other)
        run = {day: frame for day, frame in frames.items() if first <= (day - FIRST).days <= last}
        if not run:
            continue
        before = center.scores
        center.run(run)
        applied |= {day: delivered[day] for day in run}
        expected = newest_scores(applied)
        assert center.scores == [expected.get(key, score) for key, score in enumerate(before)]
