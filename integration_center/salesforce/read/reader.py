"""Choose the way to read an object's records, log the reason, and take another way if the org refuses the first."""

import hashlib
import logging
from datetime import UTC, datetime

import polars as pl

from integration_center.errors import OrgError
from integration_center.salesforce.client.faults import CutShort, is_too_large
from integration_center.salesforce.client.soql import Key, build_key_queries
from integration_center.salesforce.read.changes import read_changes
from integration_center.salesforce.read.costs import (
    Estimate,
    Way,
    WayClosed,
    choose,
    estimate_bulk,
    estimate_changes,
    estimate_keys,
    estimate_pages_by_id,
    estimate_rest,
    explain,
    leave_snapshot,
)
from integration_center.salesforce.read.selection import Selection, order_by_id
from integration_center.salesforce.read.snapshot import (
    Basis,
    SnapshotInfo,
    SnapshotKeeper,
    find_doubt,
    find_known_span,
    find_latest,
    find_newest,
    find_obstacle,
    find_watermark,
)

logger = logging.getLogger(__name__)


class Reader:
    """One read of a selection.

    Args:
        selection: what to read.
        key: a field and the values to look for. Records with other values may be returned, too.
        expected_rows: the number of records, when it is known.
        keeper: the keeper of the snapshot; None when no snapshot is kept.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        key: Key | None = None,
        expected_rows: int | None = None,
        keeper: SnapshotKeeper | None = None,
    ) -> None:
        self._selection = selection
        self._queries = build_key_queries(selection.schema, selection.columns, key, selection.where)
        self._keys = len(key[1]) if key else 0
        self._rows = expected_rows
        self._countable = True
        self._keeper = keeper
        self._started = selection.session.usage.org_time
        self._began = datetime.now(UTC)
        self._obstacle = find_obstacle(selection.schema, selection.columns, selection.where)
        self._earlier = keeper.find() if keeper else None
        self._estimates: dict[Way, Estimate] = {}
        self._ruled_out: dict[Way, str] = {}

    def read(self) -> pl.DataFrame:
        """Read the Records frame, in the order of Ids. Raises the errors of `Org.read_records`."""
        if self._queries == ():  # the field can hold none of the values
            return self._selection.empty()
        self._estimate_first()
        while True:
            chosen = choose(self._estimates.values())
            logger.info(explain(self._selection.schema.name, chosen, self._estimates.values(), self._ruled_out))
            try:
                return self._take(chosen.way)
            except WayClosed as closed:
                del self._estimates[chosen.way]
                self._ruled_out[chosen.way] = closed.reason
                self._rows = closed.records if self._rows is None or closed.records is not None else self._rows
                self._estimate_whole(self._count())
                if not self._estimates:
                    raise closed.__cause__ or closed from None

    def _take(self, way: Way) -> pl.DataFrame:
        selection = self._selection
        match way:
            case Way.KEYS:
                return order_by_id(selection.fetch_by_keys(self._queries or ()))
            case Way.REST:
                return self._keep(order_by_id(selection.fetch_by_rest()))
            case Way.PAGES_BY_ID:
                return self._keep(order_by_id(selection.fetch_by_pages()))
            case Way.BULK:
                return self._keep(order_by_id(selection.fetch_by_bulk()))
            case _:
                if self._keeper is None or self._earlier is None:
                    raise AssertionError("changes can be read only with a snapshot")
                return order_by_id(read_changes(selection, self._keeper, self._earlier, self._estimates.get(Way.KEYS)))

    def _estimate_first(self) -> None:
        """Estimate the cost of each way. The records are counted only if no other way takes just one call."""
        selection = self._selection
        fields = len(selection.columns)
        if self._queries:
            self._estimates[Way.KEYS] = estimate_keys(self._queries, self._keys, fields)
        elif self._keys:
            self._ruled_out[Way.KEYS] = "the key field has no index, or its values do not fit into a query"
        if self._keeper is not None:
            doubt = self._obstacle or find_doubt(
                self._earlier, self._build_basis(self._keeper), self._started, self._began
            )
            if doubt is None and not selection.fits_url:
                doubt = "the query is too long for a URL"
            if doubt is not None:
                self._ruled_out[Way.CHANGES] = doubt
            elif self._earlier is not None:
                self._rows = self._earlier.count if self._rows is None else self._rows
                self._estimates[Way.CHANGES] = estimate_changes(self._earlier.count, fields)
        if self._rows is not None or all(estimate.calls > 1 for estimate in self._estimates.values()):
            self._estimate_whole(self._count())

    def _estimate_whole(self, rows: int | None) -> None:
        fields = len(self._selection.columns)
        whole = [estimate_bulk(rows, fields)]
        if self._selection.fits_url and rows is not None:
            whole.append(estimate_rest(rows, fields))
        if self._selection.fits_url and self._ruled_out.keys() >= {Way.REST, Way.BULK}:
            whole.append(estimate_pages_by_id(rows, fields))
        if self._leaves_snapshot and self._selection.fits_url and rows is not None:
            whole = [leave_snapshot(estimate, rows, fields) for estimate in whole]
        self._estimates |= {estimate.way: estimate for estimate in whole if estimate.way not in self._ruled_out}

    @property
    def _leaves_snapshot(self) -> bool:
        """Whether a whole read is saved as a snapshot: later changes can be found and the org's time is known."""
        return self._keeper is not None and self._started is not None and self._obstacle is None

    def _count(self) -> int | None:
        """Return the number of records, counting them if it is not known; None when they cannot be counted."""
        if self._rows is None and self._selection.fits_url and self._countable:
            try:
                self._rows = self._selection.count()
            except (CutShort, OrgError) as error:
                if isinstance(error, OrgError) and not is_too_large(error):
                    raise
                logger.info("the records of %s could not be counted: %s", self._selection.schema.name, error)
                self._countable = False
                self._ruled_out.setdefault(Way.REST, "even counting the records is too much for the org")
        return self._rows

    def _build_basis(self, keeper: SnapshotKeeper) -> Basis:
        schema, columns = self._selection.schema, self._selection.columns
        content = "\0".join((*columns, schema.fingerprint(columns), str(schema.queryable), str(schema.updateable)))
        return Basis(
            org_id=keeper.org_id,
            user_id=keeper.user_id,
            object=schema.name,
            columns=hashlib.sha256(content.encode()).hexdigest(),
            where=self._selection.where,
            api_version=self._selection.session.base_path,
        )

    def _keep(self, records: pl.DataFrame) -> pl.DataFrame:
        """Save a full read as the snapshot, where later reads can use it.

        Returns:
            `records`.
        """
        selection, keeper, started = self._selection, self._keeper, self._started
        if keeper is None or started is None or not self._leaves_snapshot:
            return records
        newest = find_newest(records)
        watermark, stamped_at = find_watermark(newest, started), find_latest(newest, selection.session.usage.stamp_time)
        info = SnapshotInfo(
            basis=self._build_basis(keeper),
            watermark=watermark,
            read_at=started,
            our_time=self._began,
            full_at=started,
            count=records.height,
            stamped_at=stamped_at,
            newest=newest,
            known=find_known_span(records, watermark, stamped_at),
        )
        keeper.save(info, records)
        return records
