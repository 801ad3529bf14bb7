"""Read what a push relies on, just before its first write: the org, the object's schema, the records that changed.

One composite call returns all three, so the look costs no more than describe alone. Source: REST API, "Composite": a
call takes all sObject resources, and up to five queries.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from integration_center.errors import OrgError
from integration_center.salesforce.client.faults import IncompleteRead, Members, find_lacking
from integration_center.salesforce.client.soql import (
    URI_BYTES,
    build_in,
    build_select,
    encoded_length,
    quote,
    split_literals,
    write_moment,
)
from integration_center.salesforce.objects.describe import DESCRIBE_MEMBERS, parse_describe
from integration_center.salesforce.org import ORGANIZATION, Org, OrgIdentity
from integration_center.salesforce.read.rest import (
    PAGE,
    PAGE_MEMBERS,
    QUERIES_A_CALL,
    RESULT_MEMBERS,
    Query,
    follow_pages,
    get_many,
)
from integration_center.salesforce.read.selection import Keep, frame_pages
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=1)
"""How much the clocks of the org's servers may differ. Reading an unchanged record only costs bytes."""
NAMED = 3_000
"""The most records that are named one by one. More would not fit into the queries of one call."""
RECORD_QUERIES = QUERIES_A_CALL - 1
"""The queries for records in one call. One more query asks which org answers."""
PAGES_FOLLOWED = 5
"""With more further pages than this, another way of reading may take fewer calls."""
NOT_OFFERED = frozenset({400, 404, 405})


@dataclass(frozen=True)
class Ground:
    """The object as it is now, and how to read its records.

    Attributes:
        identity: the org that answered.
        schema: the object as the connected user sees it now.
        fields: the fields to compare.
        ids: the records to read, when they are few enough to be named; else empty.
        where: the condition that finds records that may have changed, when `ids` is empty; None when there is no such
            condition.
        pages: the first pages of the records, if they came with the schema; else empty.
    """

    org: Org
    identity: OrgIdentity
    schema: SObjectSchema
    fields: Sequence[str]
    ids: Sequence[str]
    where: str | None
    pages: Sequence[dict[str, Any]]

    def read_records(self, keep: Keep) -> pl.DataFrame | None:
        """Read the Records frame of the records that may have changed; None when these cannot be determined.

        Args:
            keep: chooses the records that are wanted, of some at a time. Another run may have written all records.

        Raises:
            SchemaMismatch: a field no longer exists.
            TransientError: the org stayed unavailable.
        """
        if not self.ids and self.where is None:
            return None
        expected = sum(page["totalSize"] for page in self.pages)
        missing = expected - sum(len(page["records"]) for page in self.pages)
        if self.pages and missing <= PAGES_FOLLOWED * PAGE:
            try:
                read = [rows for page in self.pages for rows in follow_pages(self.org.session, page)]
            except IncompleteRead as error:
                logger.warning("reading the records again: %s", error)
            else:
                names = ["Id", *(self.schema.require(name).name for name in self.fields)]
                return frame_pages(read, names, self.schema, keep)
        if self.ids:
            return self.org.read_records(self.schema, self.fields, key=("Id", self.ids), keep=keep)
        return self.org.read_records(
            self.schema, self.fields, where=self.where, expected_rows=expected if self.pages else None, keep=keep
        )


def survey(org: Org, object_name: str, fields: Sequence[str], ids: Sequence[str], since: datetime | None) -> Ground:
    """Identify the org, describe the object, and query its records, in one API call.

    Args:
        org: the org that holds the records.
        object_name: the object.
        fields: the fields to compare.
        ids: the records to be written.
        since: the org's time when the plan read the records; None when it is unknown, or the object has no
            SystemModstamp.

    Raises:
        OrgError: the org did not identify itself.
        SchemaMismatch: the org no longer has the object.
    """
    queries = build_id_queries(object_name, fields, ids) if len(ids) <= NAMED else []
    where = None
    if not 0 < len(queries) <= RECORD_QUERIES:
        ids, queries = (), []
        if since is not None:
            where = f"SystemModstamp >= {write_moment(since - MARGIN)}"
            queries = [build_select(["Id", *fields], object_name, where)]
    answer = _ask(org, object_name, queries)
    identity = OrgIdentity.parse(answer.organization) if answer.organization else org.identify()
    schema = parse_describe(answer.describe) if answer.describe else org.describe(object_name)
    return Ground(org, identity, schema, fields, ids, where, answer.pages)


def build_id_queries(object_name: str, fields: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Build the queries that read the records by their Ids. Each query fits into a URL."""
    names = ["Id", *fields]
    room = URI_BYTES - encoded_length(build_select(names, object_name, build_in("Id", [])))
    return [build_select(names, object_name, build_in("Id", part)) for part in split_literals(map(quote, ids), room)]


@dataclass(frozen=True)
class _Answer:
    """The answer of the composite call. A part that is None or empty has to be requested separately."""

    organization: dict[str, Any] | None = None
    describe: dict[str, Any] | None = None
    pages: Sequence[dict[str, Any]] = ()


def _ask(org: Org, object_name: str, queries: Sequence[str]) -> _Answer:
    """Request the organization, the describe answer and the first page of each query in one call."""
    paths = {"describe": f"sobjects/{object_name}/describe", "organization": Query(ORGANIZATION).path}
    paths |= {f"query{n}": Query(soql).path for n, soql in enumerate(queries)}
    try:
        answered = get_many(org.session, paths)
    except OrgError as error:
        if error.status not in NOT_OFFERED:
            raise
        logger.info("the org accepts no composite calls (%s): asking one by one", error)
        return _Answer()
    parts = [part for part in answered if not find_lacking(part, RESULT_MEMBERS)]
    found = {str(part.get("referenceId")): part.get("body") for part in parts if part["httpStatusCode"] == 200}
    pages = [page for n in range(len(queries)) if (page := _take(found, f"query{n}", PAGE_MEMBERS))]
    return _Answer(
        _take(found, "organization", PAGE_MEMBERS),
        _take(found, "describe", DESCRIBE_MEMBERS),
        pages if len(pages) == len(queries) else (),
    )


def _take(found: Mapping[str, Any], name: str, members: Members) -> dict[str, Any] | None:
    """Return the body of one part of the answer; None when it did not come, or has another form."""
    body: dict[str, Any] | None = found.get(name)
    return None if find_lacking(body, members) else body
