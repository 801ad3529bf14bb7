"""One connected org: describe objects, read limits, and read records in the cheapest way."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx
import polars as pl

from integration_center.errors import ConfigurationError, OrgError, SchemaMismatch
from integration_center.progress import Phase, phase
from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.faults import CutShort
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import Key, build_select, enclose
from integration_center.salesforce.objects.describe import SObjectSummary, read_objects, read_schema
from integration_center.salesforce.objects.permissions import list_field_names, may_edit_converted_leads
from integration_center.salesforce.read.reader import Reader
from integration_center.salesforce.read.rest import Query, Record, count_rows, read_first_page, read_pages
from integration_center.salesforce.read.selection import Keep, Selection, build_columns
from integration_center.salesforce.read.snapshot import SnapshotKeeper
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

ORGANIZATION = "SELECT Id, Name FROM Organization LIMIT 1"
REFUSED_CONDITIONS = frozenset(
    {"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_ID_FIELD", "INVALID_OPERATOR"}
)
"""The error codes of a query that Salesforce cannot run as it is written."""


@dataclass(frozen=True)
class Limit:
    """One allocation of the org."""

    maximum: int
    remaining: int


@dataclass(frozen=True)
class OrgIdentity:
    """The identity of the org that answers.

    Attributes:
        org_id: the id as the org gives it, 15 or 18 characters.
        name: the name of the organization.
    """

    org_id: str
    name: str

    @classmethod
    def parse(cls, page: Mapping[str, Any]) -> Self:
        """Read the answer to the query `ORGANIZATION`.

        Raises:
            OrgError: the answer holds no organization.
        """
        match page.get("records"):
            case [{"Id": str(org_id), "Name": str(name)}, *_]:
                return cls(org_id, name)
        raise OrgError("the org did not identify itself: its answer about Organization has no Id")


class Org:
    """The reads of one org.

    Args:
        session: the session with the org.
        polling: how to wait for Bulk jobs.
    """

    def __init__(self, session: Session, *, polling: Polling | None = None) -> None:
        self.session = session
        given = polling or Polling()

        def wait(seconds: float) -> None:
            session.meter.count_look(seconds)
            given.sleep(seconds)

        self.polling = replace(given, sleep=wait)

    def with_retries(self, retries: RetryPolicy) -> Self:
        """Return the same org with another retry policy."""
        other = copy.copy(self)
        other.session = self.session.with_retries(retries)
        return other

    def with_polling(self, polling: Polling) -> Self:
        """Return the same org with other waits for its jobs."""
        other = copy.copy(self)
        other.polling = polling
        return other

    def describe(self, name: str) -> SObjectSchema:
        """Describe the object `name` as the connected user sees it, in one call. Raises SchemaMismatch."""
        return read_schema(self.session, name)

    def identify(self) -> OrgIdentity:
        """Ask the org for its identity, in one call."""
        return OrgIdentity.parse(read_first_page(self.session, Query(ORGANIZATION)))

    def list_field_names(self, name: str) -> frozenset[str] | None:
        """List all fields of the object `name`, including hidden ones; None when the org does not list them."""
        return list_field_names(self.session, name)

    def may_edit_converted_leads(self) -> bool:
        """Return whether the connected user may edit converted Leads, in one call."""
        return may_edit_converted_leads(self.session)

    def list_objects(self) -> tuple[SObjectSummary, ...]:
        """List all objects of the org, in one call of about 2 MB."""
        return read_objects(self.session)

    def daily_calls(self) -> Limit | None:
        """Read how many API calls the org has in 24 hours and has left; None when it does not tell."""
        return self.limits().get("DailyApiRequests")

    def limits(self) -> dict[str, Limit]:
        """Read the org's allocations by name. The values are a few minutes old."""
        return {
            name: Limit(row["Max"], row["Remaining"])
            for name, row in self.session.get_json("limits").items()
            if isinstance(row, dict) and "Max" in row and "Remaining" in row
        }

    def query(self, soql: str) -> Iterator[list[Record]]:
        """Yield the pages of a SOQL query over REST, one call per 2,000 rows."""
        return read_pages(self.session, soql)

    def count(self, soql: str) -> int:
        """Return the result of a `SELECT COUNT() …`, in one call."""
        return count_rows(self.session, soql)

    def prove_condition(self, schema: SObjectSchema, where: str) -> int | None:
        """Check that the org accepts the condition, and count the records that meet it, in one call.

        Returns:
            The number of records. None when the condition is valid, but counting takes the org too long.

        Raises:
            SchemaMismatch: the condition names a field that the object does not have.
            ConfigurationError: Salesforce does not understand the condition, or cannot filter by it.
        """
        try:
            return self.count(build_select(["COUNT()"], schema.name, enclose(where)))
        except CutShort as error:
            logger.info("the condition on %s is valid, but its records could not be counted: %s", schema.name, error)
            return None
        except SchemaMismatch as error:
            raise SchemaMismatch(f"where: {error}", code=error.code, status=error.status) from None
        except OrgError as error:
            if error.status != httpx.codes.BAD_REQUEST or error.code not in REFUSED_CONDITIONS:
                raise
            raise ConfigurationError(
                f"where: Salesforce does not accept the condition on {schema.name} ({error.code}); compare its fields,"
                " operators and quotes with the SOQL Reference, and try it in the Developer Console"
            ) from None

    def read_records(
        self,
        schema: SObjectSchema,
        fields: Sequence[str],
        *,
        key: Key | None = None,
        where: str | None = None,
        expected_rows: int | None = None,
        snapshot: SnapshotKeeper | None = None,
        keep: Keep | None = None,
    ) -> pl.DataFrame:
        """Read the current values of `fields`, in the way that takes the fewest API calls and that the org offers.

        Args:
            schema: the schema of the object.
            fields: key and mapped fields, in upper or lower case; a parent's field has a dot (`Owner.Email`).
            key: a field and the values to look for. Records with other values may be returned, too.
            where: a SOQL condition that passed `check_condition` and `prove_condition`.
            expected_rows: the number of records, when it is known. Otherwise the records are counted where the choice
                depends on it.
            snapshot: where the last read of these fields is kept, so that only later changes are read; None to keep
                nothing.
            keep: chooses the records that are wanted, of some at a time, so that the others need no memory; None for
                all. A snapshot is of all records.

        Returns:
            The Records frame, in the order of Ids: `Id` (18 characters), `SystemModstamp` when the object has one,
            `IsConverted` of a Lead, and the fields under describe's names, in their dtypes, as the org holds them.

        Raises:
            SchemaMismatch: the object or a field cannot be read.
            TransientError: the org stayed unavailable, or returned fewer rows than it counted.
        """
        selection = Selection(self.session, self.polling, schema, build_columns(schema, fields), where, keep)
        with phase(Phase.ORG_READ, expected_rows):
            return Reader(selection, key=key, expected_rows=expected_rows, keeper=snapshot).read()
