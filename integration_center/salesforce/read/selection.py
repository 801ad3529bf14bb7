"""Fetch one selection of an object's records in each of the possible ways."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.progress import advance
from integration_center.salesforce.client.cells import parse_cells, parse_records
from integration_center.salesforce.client.faults import QUOTA_CODES, CutShort, IncompleteRead, is_too_large
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import URI_BYTES, build_select, enclose, encoded_length
from integration_center.salesforce.read.bulk import JobFailed, read_bulk
from integration_center.salesforce.read.costs import WayClosed
from integration_center.salesforce.read.rest import Record, count_rows, read_many, read_pages, read_pages_by_id
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

READS = 2
PARSED_AT_A_TIME = 100_000
"""The rows of a page that are parsed at a time: the steps of parsing take several times the memory of their text."""
BULK_REFUSED = frozenset({"INVALIDENTITY", "INVALID_ENTITY", "INVALIDJOB", "FEATURENOTENABLED", "API_ERROR"})
NOT_OFFERED = frozenset({404, 405})
Keep = Callable[[pl.DataFrame], pl.DataFrame]
"""Takes some of the records that were read, and returns those of them that are wanted."""
KEPT_AT_A_TIME = 200_000
"""So many records at least, except for the last, are given to a `Keep`."""


@dataclass(frozen=True)
class Selection:
    """Some fields of an object's records.

    Attributes:
        columns: the fields, as `build_columns` returns them.
        where: a SOQL condition that the records meet; None for all records.
        keep: chooses the records that are wanted, so that the others need no memory; None for all.
    """

    session: Session
    polling: Polling
    schema: SObjectSchema
    columns: tuple[str, ...]
    where: str | None = None
    keep: Keep | None = None

    @property
    def soql(self) -> str:
        """Build the query for all records of the selection."""
        return build_select(self.columns, self.schema.name, enclose(self.where))

    @property
    def count_soql(self) -> str:
        """Build the query for the number of records."""
        return build_select(["COUNT()"], self.schema.name, enclose(self.where))

    @property
    def fits_url(self) -> bool:
        """Return whether the query fits into a URL for REST. A longer query goes by Bulk, which takes it in a body."""
        return encoded_length(self.soql) <= URI_BYTES

    def empty(self) -> pl.DataFrame:
        """Build the frame without records."""
        return parse_records([], self.columns, self.schema)

    def count(self) -> int:
        """Count the records, in one call."""
        return count_rows(self.session, self.count_soql)

    def fetch_by_keys(self, queries: Sequence[str]) -> pl.DataFrame:
        """Fetch the records that the queries for a list of keys find.

        Raises:
            WayClosed: the org does not accept such queries.
        """
        return self._fetch(lambda: read_many(self.session, queries), is_call_refusal)

    def fetch_by_pages(self) -> pl.DataFrame:
        """Fetch all records page by page, by Id.

        Raises:
            WayClosed: a page takes the org too long, or is too large for it.
        """
        return self._fetch(
            lambda: read_pages_by_id(self.session, self.columns, self.schema.name, self.where), is_too_large
        )

    def fetch_by_rest(self) -> pl.DataFrame:
        """Fetch all records by REST.

        Raises:
            WayClosed: the query takes the org too long, is too large for REST, or lost its cursor again and again.
        """
        return self._fetch(lambda: read_pages(self.session, self.soql), is_too_large)

    def _fetch(self, pages: Callable[[], Iterator[list[Record]]], closes: Callable[[OrgError], bool]) -> pl.DataFrame:
        """Build one frame of `pages`. A refusal that `closes` this way of reading becomes `WayClosed`."""

        def read() -> pl.DataFrame:
            return frame_pages(pages(), self.columns, self.schema, self.keep)

        try:
            return read_again_if_incomplete(read, self.schema.name)
        except (CutShort, IncompleteRead) as error:
            raise WayClosed(str(error)) from error
        except OrgError as error:
            if not closes(error):
                raise
            raise WayClosed(str(error)) from error

    def fetch_by_bulk(self) -> pl.DataFrame:
        """Fetch all records by a Bulk query.

        Raises:
            WayClosed: Bulk cannot run the query, or not now, but REST may.
        """
        try:
            return fetch_bulk(self, self.soql, self.columns)
        except OrgError as error:
            if not self.fits_url or not is_bulk_refusal(error):
                raise
            raise WayClosed(str(error)) from error


def frame_pages(
    pages: Iterable[list[Record]], columns: Sequence[str], schema: SObjectSchema, keep: Keep | None = None
) -> pl.DataFrame:
    """Build one frame from the records of REST pages."""

    def parse() -> Iterator[pl.DataFrame]:
        yield parse_records([], columns, schema)
        rows = 0
        for page in pages:
            yield parse_records(page, columns, schema)
            rows += len(page)
            advance(rows)

    return _gather(parse(), keep)


def _gather(parts: Iterator[pl.DataFrame], keep: Keep | None) -> pl.DataFrame:
    """Join the records of all parts, the first of which is empty, or those that `keep` returns."""
    if keep is None:
        return pl.concat(list(parts))
    kept, rest = [next(parts)], []
    for part in parts:
        rest += [part] if part.height else []
        if sum(each.height for each in rest) >= KEPT_AT_A_TIME:
            kept.append(keep(pl.concat(rest)))
            rest = []
    return pl.concat([*kept, keep(pl.concat(rest))] if rest else kept)


def fetch_bulk(selection: Selection, soql: str, columns: Sequence[str], *, with_deleted: bool = False) -> pl.DataFrame:
    """Fetch the records that a Bulk query finds."""
    schema = selection.schema

    def parse() -> Iterator[pl.DataFrame]:
        yield parse_records([], columns, schema)
        for page in read_bulk(selection.session, soql, columns, selection.polling, with_deleted=with_deleted):
            yield from (parse_cells(part, schema) for part in page.iter_slices(PARSED_AT_A_TIME))
            del page  # else it lives on while the next page is read

    return read_again_if_incomplete(lambda: _gather(parse(), selection.keep), schema.name)


def is_call_refusal(error: OrgError) -> bool:
    """Return whether the org does not answer several queries in one call, while each alone may be answered."""
    return not isinstance(error, SchemaMismatch) and error.status in NOT_OFFERED | {400}


def is_bulk_refusal(error: OrgError) -> bool:
    """Return whether Bulk cannot run this query, or not now, while REST may."""
    code = error.code or ""
    return (
        isinstance(error, JobFailed)
        or error.status in NOT_OFFERED
        or code in QUOTA_CODES
        or code.upper() in BULK_REFUSED
    )


def read_again_if_incomplete(read: Callable[[], pl.DataFrame], name: str) -> pl.DataFrame:
    """Call `read`, and call it once more if the first answer was incomplete."""
    for _ in range(READS - 1):
        try:
            return read()
        except IncompleteRead as error:
            logger.warning("reading %s again from the start: %s", name, error)
    return read()


def order_by_id(records: pl.DataFrame) -> pl.DataFrame:
    """Sort records by Id, and keep each once, as it was read last: pages can repeat a record that changes meanwhile.

    The org promises no order. Sorting makes every way of reading return the same frame.
    """
    ids = records["Id"]
    if (ids[1:] > ids[:-1]).all():
        return records
    ordered = records.sort("Id", maintain_order=True)
    return ordered.unique("Id", keep="last", maintain_order=True)


def build_columns(schema: SObjectSchema, fields: Sequence[str]) -> tuple[str, ...]:
    """List the fields to select, in describe's spelling, without repeats: those every Records frame has, then `fields`.

    Raises:
        SchemaMismatch: the object cannot be queried, or a field is missing or is a compound field.
    """
    if not schema.queryable:
        raise SchemaMismatch(f"{schema.name} cannot be queried")
    needed = ["Id", *(name for name in ("SystemModstamp",) if schema.get(name))]
    if schema.name == "Lead" and schema.get("IsConverted"):
        needed.append("IsConverted")
    names: dict[str, None] = dict.fromkeys(needed)
    for name in fields:
        field = schema.get(name)
        if field is None and "." not in name:
            raise SchemaMismatch(f"{schema.name} has no field {name}, or the connected user may not see it")
        if field and field.unusable:
            raise SchemaMismatch(f"{schema.name}.{field.name} {field.unusable}")
        names[field.name if field else name] = None
    return tuple(names)
