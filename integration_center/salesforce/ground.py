"""What a push stands on, read just before its first write: the object's schema, and the records that may have changed.

One composite call brings both, so that the look costs no more than describe alone did. Source: REST API, "Composite":
all sObject resources and queries may stand in one, up to five queries in a call.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote as percent_encode

import polars as pl

from integration_center.errors import OrgError
from integration_center.salesforce.describe import parse_describe
from integration_center.salesforce.faults import IncompleteRead
from integration_center.salesforce.fields import parse_records
from integration_center.salesforce.org import Org
from integration_center.salesforce.query import PAGE, QUERIES_A_CALL, follow_pages
from integration_center.salesforce.reading import URI_BYTES
from integration_center.salesforce.soql import (
    build_in,
    build_select,
    encoded_length,
    quote,
    split_literals,
    write_moment,
)
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=1)
"""So much may the clocks of the org's servers differ. A record read for nothing costs bytes: its values decide."""
NAMED = 3_000
"""More records than these are not named one by one: five queries do not hold them."""
PAGES_FOLLOWED = 5
"""Above this many further pages, another way of reading may take fewer calls."""
NOT_OFFERED = frozenset({400, 404, 405})


@dataclass(frozen=True)
class Ground:
    """The object now, and the way to its records.

    Attributes:
        schema: as the connected user sees the object now.
        fields: those to compare.
        ids: the records to read, when they are few enough to be named.
        where: the condition under which a record may have changed, when they are not; None when nothing can tell.
        pages: the first pages of the records, as they came with the schema; empty when they did not.
    """

    org: Org
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
    """Describe the object and ask for its records: one API call.

    Args:
        org: where the records are.
        object_name: the object.
        fields: to compare.
        ids: the records to be written.
        since: the org's own time when the plan read them; None when it is unknown, or the object has no SystemModstamp.

    Raises:
        SchemaMismatch: the org has no such object any more.
    """
    queries = build_id_queries(object_name, fields, ids) if len(ids) <= NAMED else []
    where = None
    if not 0 < len(queries) <= QUERIES_A_CALL:
        ids, queries = (), []
        if since is not None:
            where = f"SystemModstamp >= {write_moment(since - MARGIN)}"
            queries = [build_select(["Id", *fields], object_name, where)]
    described, pages = _ask(org, object_name, queries)
    schema = parse_describe(described) if described else org.describe(object_name)
    return Ground(org, schema, fields, ids, where, pages)


def build_id_queries(object_name: str, fields: Sequence[str], ids: Sequence[str]) -> list[str]:
    """The queries that read the records by their Ids, each fit for a URL."""
    names = ["Id", *fields]
    room = URI_BYTES - encoded_length(build_select(names, object_name, build_in("Id", [])))
    return [build_select(names, object_name, build_in("Id", part)) for part in split_literals(map(quote, ids), room)]


def _ask(org: Org, object_name: str, queries: Sequence[str]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The describe answer and the first page of each query; None and nothing where they have to be asked for alone."""
    base = org.session.base_path
    urls = {"describe": f"{base}/sobjects/{object_name}/describe"}
    urls |= {f"query{n}": f"{base}/query?q={percent_encode(soql, safe='')}" for n, soql in enumerate(queries)}
    parts = [{"method": "GET", "url": url, "referenceId": name} for name, url in urls.items()]
    body = {"allOrNone": False, "compositeRequest": parts}
    try:
        # Reading twice does no harm, although it is a POST.
        answer = org.session.request("POST", "composite", json=body, idempotent=True).json()
    except OrgError as error:
        if error.status not in NOT_OFFERED:
            raise
        logger.info("the org takes no composite calls (%s): describing alone", error)
        return None, []
    found = {
        part.get("referenceId"): part["body"]
        for part in answer["compositeResponse"]
        if part.get("httpStatusCode") == 200
    }
    pages = [found[f"query{n}"] for n in range(len(queries)) if f"query{n}" in found]
    return found.get("describe"), pages if len(pages) == len(queries) else []
