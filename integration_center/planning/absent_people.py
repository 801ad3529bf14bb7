"""Plan what happens to the records of people who dropped out of the report."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import polars as pl

from integration_center.errors import ConfigurationError
from integration_center.files.polars_errors import POLARS_ERRORS
from integration_center.insights.catalogue import ReportKind
from integration_center.integration.expression import LAST_SEEN, RUN_DATE, parse_expression
from integration_center.integration.spec import IntegrationSpec, WhenAbsent
from integration_center.planning.compiled import RESULT, compile_expression
from integration_center.planning.shaping import finish_dtype
from integration_center.sync.absence import Absence, KnownPeople, build_absent_lines, find_absent
from integration_center.sync.people_sum import PeopleSum
from integration_center.sync.plan_terms import Terms

SEEN = "last_seen"


@dataclass(frozen=True)
class AbsentPeople:
    """People whom earlier syncs wrote, and who may have dropped out of the report of a day.

    Attributes:
        spec: the integration.
        known: the people.
        rows: the rows of the report that the keys are taken from.
        terms: the terms of the plan.
        day: the day of the run.
        only_due: whether people are listed only after `when_absent.after` days. True for events without a window,
            where a day without an event says nothing.
    """

    spec: IntegrationSpec
    known: KnownPeople
    rows: pl.LazyFrame
    terms: Terms
    day: date
    only_due: bool

    def find(self, matched: Callable[[], pl.Series], seen: PeopleSum | None = None) -> Absence:
        """Find the people who are absent; see `find_absent`."""
        found = find_absent(self.known, self.rows, matched, self.terms, self.day, seen)
        if not self.only_due:
            return found
        return Absence(found.people.filter(self.are_due(found.people)), found.known, 0)

    def are_due(self, people: pl.DataFrame) -> pl.Series:
        """Return for each person whether they are absent for as long as the integration says."""
        after = (self.spec.when_absent or WhenAbsent()).after
        return people["last_seen"] <= self.day - timedelta(days=after)

    def list_due(self) -> list[str]:
        """List the ids of the records to read: those that something may be written to."""
        if not self.spec.writes_absent:
            return []
        people = self.find(partial(pl.Series, "record_id", [], pl.String)).people
        return people.filter(self.are_due(people))["record_id"].to_list()

    def build_lines(self, found: Absence, records: pl.DataFrame, first: int) -> pl.DataFrame:
        """Build the lines of the people who are absent; see `build_absent_lines`.

        Args:
            found: the result of `find`.
            records: the records that were read.
            first: the number of the first line.
        """
        due = (
            self.are_due(found.people) if self.spec.writes_absent else pl.repeat(False, found.people.height, eager=True)
        )
        wanted = found.people["record_id"].filter(due)
        then = self.spec.when_absent.then if self.spec.when_absent else "keep"
        return build_absent_lines(
            found.people,
            records.filter(pl.col("Id").is_in(wanted.implode())),
            self.terms,
            calculate_absent(self.spec, self.terms, found.people, self.day),
            clears=then == "clear",
            day=self.day,
            due=due,
            first=first,
        )


def expect_people(
    spec: IntegrationSpec,
    known: KnownPeople | None,
    rows: pl.LazyFrame,
    terms: Terms,
    day: date,
    kind: ReportKind,
) -> AbsentPeople | None:
    """Return what is needed to find the people who dropped out; None where dropping out has no meaning.

    A report of events holds only those to whom something happened. So people can drop out of it only over a window of
    days, or where the integration says after how many days.
    """
    if known is None or (kind == "events" and spec.window is None and spec.when_absent is None):
        return None
    return AbsentPeople(spec, known, rows, terms, day, only_due=kind == "events" and spec.window is None)


def calculate_absent(spec: IntegrationSpec, terms: Terms, people: pl.DataFrame, day: date) -> dict[str, pl.Series]:
    """Calculate the values of the mappings' `absent`, by the API name of the field; one value per person.

    Raises:
        ConfigurationError: an expression cannot be calculated.
    """
    values = {}
    frame = people.select(SEEN)
    for mapping, target in zip(spec.fields, terms.targets, strict=True):
        if mapping.absent is None:
            continue
        what = f"absent of {mapping.field}"
        expression = parse_expression(mapping.absent, days=(RUN_DATE, LAST_SEEN))
        compiled = compile_expression(what, expression, dict(frame.schema), {}, {RUN_DATE: day, LAST_SEEN: SEEN})
        try:
            dtype = frame.lazy().clear().select(compiled).collect_schema()[RESULT]
            found = frame.select(finish_dtype(compiled, dtype).alias(RESULT)).to_series()
        except POLARS_ERRORS:
            raise ConfigurationError(f"{what}: it cannot be calculated") from None
        values[target.field.name] = found if len(found) == people.height else found.new_from_index(0, people.height)
    return values
