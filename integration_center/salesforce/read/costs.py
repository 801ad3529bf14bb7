"""Choose the cheapest way of reading records: by API calls, then by bytes. Every way gives the same records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

from integration_center.salesforce.read.bulk import PAGE_ROWS
from integration_center.salesforce.read.rest import PAGE, QUERIES_A_CALL
from integration_center.wording.sentences import count

BULK_CALLS = 7
"""The calls of a Bulk query: create, some looks, one page of results."""
FIELD_BYTES = 5
"""The compressed size of one value: measured 4 to 5 bytes for e-mail addresses, moments and numbers."""
REST_RECORD_BYTES = 14
"""The compressed size of a record's `attributes` and field names in JSON."""
EXPECTED_CHANGES = 1_000
"""The largest number of records expected to have changed since the last read: a tenth of all, at most half a page."""


class Way(StrEnum):
    """A way of reading records."""

    CHANGES = "the changes since the last read"
    CHANGES_REST = "the changes, continued by REST"
    CHANGES_BULK = "the changes, by a Bulk query"
    KEYS = "a list of keys"
    REST = "a REST query"
    BULK = "a Bulk query"
    PAGES_BY_ID = "pages by Id"


@dataclass(frozen=True)
class Estimate:
    """The expected cost of one way of reading.

    Attributes:
        calls: API calls.
        size: the bytes of bodies on the wire, in both directions; None when the number of records is not known.
        later: API calls of the next day's read, when this read leaves a snapshot; None when it costs the same again.
    """

    way: Way
    calls: int
    size: int | None = None
    later: int | None = None

    def __str__(self) -> str:
        calls = count(self.calls, "API call") + (f" now and {self.later:,} a day later" if self.later else "")
        return f"{self.way} ({calls}, {'size unknown' if self.size is None else f'about {show_bytes(self.size)}'})"

    @property
    def calls_of_two_days(self) -> int:
        """API calls of this read and of the next day's."""
        return self.calls + (self.calls if self.later is None else self.later)


class WayClosed(Exception):
    """This way of reading does not work, or does not work now. The reader has to choose another way.

    Args:
        reason: the reason, for the log.
        records: the number of records, if it became known.
    """

    def __init__(self, reason: str, *, records: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.records = records


def estimate_keys(queries: Sequence[str], keys: int, fields: int) -> Estimate:
    """Estimate reading by lists of keys: queries are sent uncompressed, and about one record per key comes back."""
    sent = sum(map(len, queries))
    return Estimate(Way.KEYS, ceil(len(queries) / QUERIES_A_CALL), sent + _rest_bytes(keys, fields))


def estimate_rest(records: int, fields: int) -> Estimate:
    """Estimate reading all records by REST, one page per call."""
    return Estimate(Way.REST, max(ceil(records / PAGE), 1), _rest_bytes(records, fields))


def estimate_pages_by_id(records: int | None, fields: int) -> Estimate:
    """Estimate reading all records page by page, by Id. `records` is None when their number is not known."""
    if records is None:
        return Estimate(Way.PAGES_BY_ID, BULK_CALLS, None)
    return replace(estimate_rest(records, fields), way=Way.PAGES_BY_ID)


def estimate_bulk(records: int | None, fields: int) -> Estimate:
    """Estimate reading all records by a Bulk query. `records` is None when their number is not known."""
    if records is None:
        return Estimate(Way.BULK, BULK_CALLS)
    further = max(ceil(records / PAGE_ROWS) - 1, 0)
    return Estimate(Way.BULK, BULK_CALLS + further, records * fields * FIELD_BYTES)


def estimate_changes(records: int, fields: int) -> Estimate:
    """Estimate reading an unknown number of changes among `records` records: one page, with the count of all."""
    return Estimate(Way.CHANGES, 1, _rest_bytes(min(records // 10, EXPECTED_CHANGES), fields))


def leave_snapshot(whole: Estimate, records: int, fields: int) -> Estimate:
    """Add the next day's calls to the estimate of a whole read that leaves a snapshot, if a tenth of all changes."""
    changed = records // 10
    further = min(estimate_changes_rest([changed], fields).calls, estimate_changes_bulk(changed, fields).calls)
    return replace(whole, later=1 + further)


def estimate_changes_rest(sizes: Sequence[int], fields: int) -> Estimate:
    """Estimate reading the rest of the changes by REST, after the first page of each query."""
    rest = [max(size - PAGE, 0) for size in sizes]
    return Estimate(Way.CHANGES_REST, sum(ceil(size / PAGE) for size in rest), _rest_bytes(sum(rest), fields))


def estimate_changes_bulk(changed: int, fields: int) -> Estimate:
    """Estimate reading all changes by a Bulk query."""
    return replace(estimate_bulk(changed, fields), way=Way.CHANGES_BULK)


def choose(estimates: Iterable[Estimate]) -> Estimate:
    """Pick the estimate with the fewest API calls over two days, then the fewest bytes.

    Over two days, a whole read can cost less than two lists of keys, because the next day's read takes the changes
    only. An unknown size counts as the largest.
    """
    order = list(Way)
    return min(estimates, key=lambda it: (it.calls_of_two_days, it.size is None, it.size or 0, order.index(it.way)))


def explain(name: str, chosen: Estimate, estimates: Iterable[Estimate], ruled_out: Mapping[Way, str]) -> str:
    """Write the log line: the chosen way to read object `name`, the cost of the others, and why some are impossible."""
    others = [str(other) for other in sorted(estimates, key=lambda it: it.calls) if other != chosen]
    parts = [f"reading {name} by {chosen}"]
    if others:
        parts.append(f"rather than by {', '.join(others)}")
    parts += [f"not by {way}: {reason}" for way, reason in ruled_out.items()]
    return "; ".join(parts)


def show_bytes(size: int) -> str:
    """Write a size for people: `900 B`, `12 kB`, `3.5 MB`."""
    if size < 1_000:
        return f"{size} B"
    return f"{size / 1_000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


def _rest_bytes(records: int, fields: int) -> int:
    return records * (REST_RECORD_BYTES + fields * FIELD_BYTES)
