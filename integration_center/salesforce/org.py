"""One connected org: describe, limits, and reading records by the cheapest way."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.salesforce.bulk_query import JobFailed, read_bulk
from integration_center.salesforce.describe import SObjectSummary, read_objects, read_schema
from integration_center.salesforce.faults import QUOTA_CODES, IncompleteRead
from integration_center.salesforce.fields import parse_cells, parse_records
from integration_center.salesforce.polling import Polling
from integration_center.salesforce.query import QUERIES_A_CALL, Record, count_rows, read_many, read_pages
from integration_center.salesforce.reading import URI_BYTES, Key, Way, build_key_queries, choose_way
from integration_center.salesforce.session import Session
from integration_center.salesforce.soql import build_select, encoded_length
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

READS = 2
BULK_REFUSED = frozenset({"INVALIDENTITY", "INVALID_ENTITY", "INVALIDJOB", "FEATURENOTENABLED", "API_ERROR"})
NOT_OFFERED = frozenset({404, 405})


@dataclass(frozen=True)
class Limit:
    """One allocation of the org."""

    maximum: int
    remaining: int


class Org:
    """What we read from one org.

    Args:
        session: with the org.
        polling: how to wait for Bulk jobs.
    """

    def __init__(self, session: Session, *, polling: Polling | None = None) -> None:
        self.session = session
        self.polling = polling or Polling()

    def describe(self, name: str) -> SObjectSchema:
        """The schema of the object `name`, as the connected user sees it: one call. Raises SchemaMismatch."""
        return read_schema(self.session, name)

    def list_objects(self) -> tuple[SObjectSummary, ...]:
        """All objects of the org: one call, some 2 MB."""
        return read_objects(self.session)

    def limits(self) -> dict[str, Limit]:
        """The org's allocations by their names, such as `DailyApiRequests`. They lag some minutes."""
        return {
            name: Limit(row["Max"], row["Remaining"])
            for name, row in self.session.get_json("limits").items()
            if isinstance(row, dict) and "Max" in row and "Remaining" in row
        }

    def query(self, soql: str) -> Iterator[list[Record]]:
        """The pages of a SOQL query over REST, a call for each 2,000 rows."""
        return read_pages(self.session, soql)

    def count(self, soql: str) -> int:
        """The number that a `SELECT COUNT() …` gives: one call."""
        return count_rows(self.session, soql)

    def read_records(
        self,
        schema: SObjectSchema,
        fields: Sequence[str],
        *,
        key: Key | None = None,
        where: str | None = None,
        expected_rows: int | None = None,
    ) -> pl.DataFrame:
        """The current values of `fields`, read by the way that takes the fewest API calls and that the org offers.

        Args:
            schema: the object's.
            fields: key and mapped fields, in any case; a parent's field with a dot (`Owner.Email`).
            key: a field and the values asked for. Records with other values may be left out, but need not be.
            where: a SOQL condition.
            expected_rows: the number of records, when it is known; else it is counted where the choice depends on it.

        Returns:
            The Records frame: `Id` (18 characters), `SystemModstamp` when the object has one, `IsConverted` of a Lead,
            and the fields under describe's names, in their dtypes, as the org holds them.

        Raises:
            SchemaMismatch: the object or a field cannot be read.
            TransientError: the org stayed unavailable, or gave fewer rows than it counted.
        """
        names = build_columns(schema, fields)
        key_queries = build_key_queries(schema, names, key, where)
        if key_queries == ():  # the field can hold none of the values
            return parse_records([], names, schema)
        counting = build_select(["COUNT()"], schema.name, where)
        if expected_rows is None and not (key_queries and len(key_queries) <= QUERIES_A_CALL):
            expected_rows = self.count(counting)
        soql = build_select(names, schema.name, where)
        # A select that is too long for a URL has to go by Bulk, which takes it in a body.
        fits_url = encoded_length(soql) <= URI_BYTES
        way = choose_way(key_queries, expected_rows if fits_url else None)
        if way is Way.KEYS and key_queries:
            try:
                return self._read_keys(key_queries, names, schema)
            except OrgError as error:
                if isinstance(error, SchemaMismatch) or error.status not in NOT_OFFERED | {400}:
                    raise
                logger.info("a list of keys cannot be read (%s): reading the whole object", error)
            if fits_url and expected_rows is None:
                expected_rows = self.count(counting)
            way = choose_way(None, expected_rows if fits_url else None)
        return self._read_whole(way, soql, names, schema, fits_url=fits_url)

    def _read_keys(self, queries: Sequence[str], names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
        def read() -> pl.DataFrame:
            found = self._read_rest(read_many(self.session, queries), names, schema)
            return found.unique(subset="Id", keep="first", maintain_order=True)

        logger.info("reading %s by %s (%d queries, %d fields)", schema.name, Way.KEYS.value, len(queries), len(names))
        return _read_again_if_incomplete(read, schema.name)

    def _read_whole(
        self, way: Way, soql: str, names: Sequence[str], schema: SObjectSchema, *, fits_url: bool
    ) -> pl.DataFrame:
        def read_rest() -> pl.DataFrame:
            return self._read_rest(read_pages(self.session, soql), names, schema)

        def read_bulk_or_rest() -> pl.DataFrame:
            try:
                return self._read_bulk(soql, names, schema)
            except OrgError as error:
                if not fits_url or not _is_bulk_refusal(error):
                    raise
                logger.info("Bulk cannot read %s (%s): reading it by REST", schema.name, error)
                return read_rest()

        logger.info("reading %s by %s (%d fields)", schema.name, way.value, len(names))
        return _read_again_if_incomplete(read_bulk_or_rest if way is Way.BULK else read_rest, schema.name)

    def _read_rest(self, pages: Iterator[list[Record]], names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
        empty = parse_records([], names, schema)
        return pl.concat([empty, *(parse_records(page, names, schema) for page in pages)])

    def _read_bulk(self, soql: str, names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
        pages = read_bulk(self.session, soql, names, self.polling)
        return pl.concat([parse_records([], names, schema), *(parse_cells(page, schema) for page in pages)])


def _is_bulk_refusal(error: OrgError) -> bool:
    """Whether Bulk cannot run this query, or cannot now, where REST may."""
    code = error.code or ""
    return (
        isinstance(error, JobFailed)
        or error.status in NOT_OFFERED
        or code in QUOTA_CODES
        or code.upper() in BULK_REFUSED
    )


def _read_again_if_incomplete(read: Callable[[], pl.DataFrame], name: str) -> pl.DataFrame:
    for _ in range(READS - 1):
        try:
            return read()
        except IncompleteRead as error:
            logger.warning("reading %s again from the start: %s", name, error)
    return read()


def build_columns(schema: SObjectSchema, fields: Sequence[str]) -> list[str]:
    """The fields to select, with describe's spelling, each once: what the Records frame needs, then `fields`.

    Raises:
        SchemaMismatch: the object cannot be queried, or a field is not there or is a compound one.
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
    return list(names)
