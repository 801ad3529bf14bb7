"""What stops a push, and what happens to people who drop out of the report."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from integration_center.integration.mapping import Model


def read_percent(value: object) -> object:
    """`"10 %"`, `"10%"` and `10` all mean ten percent."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return value.strip()[:-1].strip()
    return value


Percent = Annotated[float, BeforeValidator(read_percent), Field(ge=0, le=100)]


class WhenAbsent(Model):
    """What happens to the records of people who dropped out of the report.

    Attributes:
        after: the days since the last one in the report, after which `then` and the mappings' `absent` are applied.
        then: `keep` leaves the fields as they are, `clear` empties them. A mapping's own `absent` is written in any
            case.
    """

    after: Annotated[int, Field(ge=1, le=3_650)] = 7
    then: Literal["keep", "clear"] = "keep"


class Limits(Model):
    """What stops a push, in percent.

    Attributes:
        min_match_rate: percent of the rows with a key that must match a record.
        max_cleared: percent of the matched records that may lose a value.
        max_changed: percent of the matched records that may change at all. Off by default.
        max_failed: percent of rejected, conflict, failed, unprocessed and unknown lines, among those and the updated,
            overridden and unchanged ones, above which the run is Failed.
        max_absent: percent of the known keys that may drop out of the report since the last sync. One person never
            counts as too many.
        allow_empty: a report without rows is no error.
    """

    min_match_rate: Percent = 1
    max_cleared: Percent = 10
    max_changed: Percent | None = None
    max_failed: Percent = 10
    max_absent: Percent = 10
    allow_empty: bool = False
