"""What a push relies on, read just before its first write: the org, the object's schema, the records that changed.

One composite call brings all three, so that the look costs no more than describe alone did. Source: REST API,
"Composite": it takes all sObject resources and queries, up to five queries in a call.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote as percent_encode

import polars as pl

from integration_center.errors import OrgError
from integration_center.salesforce.client.cells import parse_records
from integration_center.salesforce.client.faults import IncompleteRead
from integration_center.salesforce.client.soql import (
    build_in,
    build_select,
    encoded_length,
    quote,
    split_literals,
    write_moment,
)
from integration_center.salesforce.objects.describe import parse_describe
from integration_center.salesforce.org import ORGANIZATION, Org, OrgIdentity
from integration_center.salesforce.read.key_queries import URI_BYTES
from integration_center.salesforce.read.rest import PAGE, QUERIES_A_CALL, follow_pages
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=1)
"""So much may the clocks of the org's servers differ. A record read for nothing costs bytes: its values decide."""
NAMED = 3_000
"""More records than these are not named one by one: the queries of one call do not hold them."""
RECORD_QUERIES = QUERIES_A_CALL - 1
"""The queries for records in one call; one more asks which org answers."""
PAGES_FOLLOWED = 5
"""Above this many further pages, another way of reading may take fewer calls."""
NOT_OFFERED = frozenset({400, 404, 405})


@dataclass(frozen=True)
class Ground:
    """The object now, and the way to its records.

    Attributes:
        identity: of the org that answered.
        schema: as the connected user sees the object now.
        fields: those to compare.
        ids: the records to read, when they are few enough to be named.
        where: the condition under which a record may have changed, when they are not; None when nothing can tell.
        pages: the first pages of the records, as they came with the schema; empty when they did not.
    """

    org: Org
    identity: OrgIdentity
    schema: SObjectSchema
    fields: Sequence[str]
    ids: Sequence[str]
    where: str | None
    pages: Sequence[dict[str, Any]]

    def read_records(self) -> pl.DataFrame | None:
        """The records that may have changed, a Records frame; None when nothing can tell which those are.

        Raises:
            SchemaMismatch: a field is not there any more.
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
                empty = parse_records([], names, self.schema)
                return pl.concat([empty, *(parse_records(rows, names, self.schema) for rows in read)])
        if self.ids:
            return self.org.read_records(self.schema, self.fields, key=("Id", self.ids))
        return self.org.read_records(
            self.schema, self.fields, where=self.where, expected_rows=expected if self.pages else None
        )


def survey(org: Org, object_name: str, fields: Sequence[str], ids: Sequence[str], since: datetime | None) -> Ground:
    """Ask which org answers, describe the object, and ask for its records: one API call.

    Args:
        org: where the records are.
        object_name: the object.
        fields: to compare.
        ids: the records to be written.
        since: the org's own time when the plan read them; None when it is unknown, or the object has no SystemModstamp.

    Raises:
        OrgError: the org does not say which one it is.
        SchemaMismatch: the org has no such object any more.
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
    """The queries that read the records by their Ids, each fit for a URL."""
    names = ["Id", *fields]
    room = URI_BYTES - encoded_length(build_select(names, object_name, build_in("Id", [])))
    return [build_select(names, object_name, build_in("Id", part)) for part in split_literals(map(quote, ids), room)]


@dataclass(frozen=True)
class _Answer:
    """What the composite call brought; what is None or empty has to be asked for alone."""

    organization: dict[str, Any] | None = None
    describe: dict[str, Any] | None = None
    pages: Sequence[dict[str, Any]] = ()


def _ask(org: Org, object_name: str, queries: Sequence[str]) -> _Answer:
    """Ask for the organization, the describe answer and the first page of each query in one call."""
    base = org.session.base_path
    urls = {"describe": f"{base}/sobjects/{object_name}/describe"}
    for name, soql in {"organization": ORGANIZATION, **{f"query{n}": soql for n, soql in enumerate(queries)}}.items():
        urls[name] = f"{base}/query?q={percent_encode(soql, safe='')}"
    parts = [{"method": "GET", "url": url, "referenceId": name} for name, url in urls.items()]
    body = {"allOrNone": False, "compositeRequest": parts}
    try:
        # Reading twice does no harm, although it is a POST.
        answer = org.session.request("POST", "composite", json=body, idempotent=True).json()
    except OrgError as error:
        if error.status not in NOT_OFFERED:
            raise
        logger.info("the org takes no composite calls (%s): asking one by one", error)
        return _Answer()
    found = {
        part.get("referenceId"): part["body"]
        for part in answer["compositeResponse"]
        if part.get("httpStatusCode") == 200
    }
    pages = [found[f"query{n}"] for n in range(len(queries)) if f"query{n}" in found]
    return _Answer(found.get("organization"), found.get("describe"), pages if len(pages) == len(queries) else ())
