"""One connected org: describe, limits, and reading records by the cheapest way."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.salesforce.bulk_query import read_bulk
from integration_center.salesforce.describe import SObjectSummary, read_objects, read_schema
from integration_center.salesforce.faults import IncompleteRead
from integration_center.salesforce.fields import parse_cells, parse_records
from integration_center.salesforce.polling import Polling
from integration_center.salesforce.query import Record, count_rows, read_many, read_pages
from integration_center.salesforce.reading import URI_BYTES, Key, Way, build_key_queries, choose_way
from integration_center.salesforce.session import Session
from integration_center.salesforce.soql import build_select, encoded_length
from integration_center.sync.schema import COMPOUND_TYPES, SObjectSchema

logger = logging.getLogger(__name__)

READS = 2
BULK_REFUSED = frozenset({"INVALIDENTITY", "INVALID_ENTITY", "INVALIDJOB", "FEATURENOTENABLED", "API_ERROR"})


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
            if "Max" in row and "Remaining" in row
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
        """The current values of `fields`, read by the way that takes the fewest API calls.

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
        if expected_rows is None and not (key_queries and len(key_queries) <= 2):
            expected_rows = self.count(build_select(["COUNT()"], schema.name, where))
        soql = build_select(names, schema.name, where)
        # A select that is too long for a URL has to go by Bulk, which takes it in a body.
        way = choose_way(key_queries, expected_rows if encoded_length(soql) <= URI_BYTES else None)
        logger.info(
            "reading %s by %s (%s records, %d fields)",
            schema.name,
            way.value,
            "?" if expected_rows is None else expected_rows,
            len(names),
        )
        for _ in range(READS - 1):
            try:
                return self._read(way, soql, key_queries or (), names, schema)
            except IncompleteRead as error:
                logger.warning("reading %s again from the start: %s", schema.name, error)
        return self._read(way, soql, key_queries or (), names, schema)

    def _read(
        self, way: Way, soql: str, key_queries: Sequence[str], names: Sequence[str], schema: SObjectSchema
    ) -> pl.DataFrame:
        match way:
            case Way.KEYS:
                found = self._read_rest(read_many(self.session, key_queries), names, schema)
                return found.unique(subset="Id", keep="first", maintain_order=True)
            case Way.REST:
                return self._read_rest(read_pages(self.session, soql), names, schema)
            case Way.BULK:
                try:
                    return self._read_bulk(soql, names, schema)
                except OrgError as error:
                    if (error.code or "").upper() not in BULK_REFUSED:
                        raise
                    logger.info("Bulk cannot read %s (%s): reading it by REST", schema.name, error.code)
                    return self._read_rest(read_pages(self.session, soql), names, schema)

    def _read_rest(self, pages: Iterator[list[Record]], names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
        empty = parse_records([], names, schema)
        return pl.concat([empty, *(parse_records(page, names, schema) for page in pages)])

    def _read_bulk(self, soql: str, names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
        pages = read_bulk(self.session, soql, names, self.polling)
        return pl.concat([parse_records([], names, schema), *(parse_cells(page, schema) for page in pages)])


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
        if field and field.type in COMPOUND_TYPES:
            raise SchemaMismatch(f"{schema.name}.{field.name} is of type {field.type}; take its single fields instead")
        names[field.name if field else name] = None
    return list(names)
