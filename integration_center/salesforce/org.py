"""One connected org: describe, limits, and reading records by the cheapest way."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx
import polars as pl

from integration_center.errors import ConfigurationError, OrgError, SchemaMismatch
from integration_center.salesforce.client.faults import CutShort
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.retry_policy import RetryPolicy
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.client.soql import build_select, enclose
from integration_center.salesforce.objects.describe import SObjectSummary, read_objects, read_schema
from integration_center.salesforce.objects.permissions import list_field_names, may_edit_converted_leads
from integration_center.salesforce.read.key_queries import Key
from integration_center.salesforce.read.reader import Reader
from integration_center.salesforce.read.rest import Query, Record, count_rows, read_first_page, read_pages
from integration_center.salesforce.read.selection import Selection, build_columns
from integration_center.salesforce.read.snapshot import SnapshotKeeper
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

ORGANIZATION = "SELECT Id, Name FROM Organization LIMIT 1"
REFUSED_CONDITIONS = frozenset(
    {"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_ID_FIELD", "INVALID_OPERATOR"}
)
"""What Salesforce says of a query that it cannot run as it is written."""


@dataclass(frozen=True)
class Limit:
    """One allocation of the org."""

    maximum: int
    remaining: int


@dataclass(frozen=True)
class OrgIdentity:
    """Which org answers.

    Attributes:
        org_id: as the org gives it, 15 or 18 characters.
        name: of the organization.
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
        raise OrgError("the org does not say which one it is: its answer about Organization holds no Id")


class Org:
    """What we read from one org.

    Args:
        session: with the org.
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
        """The same org, waited for by other rules."""
        other = copy.copy(self)
        other.session = self.session.with_retries(retries)
        return other

    def describe(self, name: str) -> SObjectSchema:
        """The schema of the object `name`, as the connected user sees it: one call. Raises SchemaMismatch."""
        return read_schema(self.session, name)

    def identify(self) -> OrgIdentity:
        """Ask the org which one it is: one call."""
        return OrgIdentity.parse(read_first_page(self.session, Query(ORGANIZATION)))

    def list_field_names(self, name: str) -> frozenset[str] | None:
        """The names of all fields of the object `name`, hidden ones included; None when the org does not tell."""
        return list_field_names(self.session, name)

    def may_edit_converted_leads(self) -> bool:
        """Whether the connected user may edit converted Leads: one call."""
        return may_edit_converted_leads(self.session)

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

    def prove_condition(self, schema: SObjectSchema, where: str) -> int | None:
        """Ask the org whether it takes the condition: one call, and the number of records that meet it.

        Returns:
            None when the condition is fine, but counting takes the org too long.

        Raises:
            SchemaMismatch: it names a field that is not there.
            ConfigurationError: Salesforce does not understand it, or cannot filter so.
        """
        try:
            return self.count(build_select(["COUNT()"], schema.name, enclose(where)))
        except CutShort as error:
            logger.info("the condition on %s is understood, but not counted: %s", schema.name, error)
            return None
        except SchemaMismatch as error:
            raise SchemaMismatch(f"where: {error}", code=error.code, status=error.status) from None
        except OrgError as error:
            if error.status != httpx.codes.BAD_REQUEST or error.code not in REFUSED_CONDITIONS:
                raise
            raise ConfigurationError(
                f"where: Salesforce does not take the condition on {schema.name} ({error.code}); compare its fields,"
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
    ) -> pl.DataFrame:
        """The current values of `fields`, read by the way that takes the fewest API calls and that the org offers.

        Args:
            schema: the object's.
            fields: key and mapped fields, in any case; a parent's field with a dot (`Owner.Email`).
            key: a field and the values asked for. Records with other values may be left out, but need not be.
            where: a SOQL condition, as `check_condition` and `prove_condition` let it pass.
            expected_rows: the number of records, when it is known; else it is counted where the choice depends on it.
            snapshot: where the last read of these fields is kept, so that only the changes since are read; None when
                nothing shall be kept.

        Returns:
            The Records frame, in the order of Ids: `Id` (18 characters), `SystemModstamp` when the object has one,
            `IsConverted` of a Lead, and the fields under describe's names, in their dtypes, as the org holds them.

        Raises:
            SchemaMismatch: the object or a field cannot be read.
            TransientError: the org stayed unavailable, or gave fewer rows than it counted.
        """
        selection = Selection(self.session, self.polling, schema, build_columns(schema, fields), where)
        return Reader(selection, key=key, expected_rows=expected_rows, keeper=snapshot).read()
