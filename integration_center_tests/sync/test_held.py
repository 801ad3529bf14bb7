import polars as pl
import pytest

from integration_center.sync.columns import OUTCOME
from integration_center.sync.held import find_stop

UNSENT = ("unprocessed", "LimitExceeded", "the calls are used up", None)
BY_BULK = ("unprocessed", "InvalidBatch", "InvalidBatch : bad value ann@example.com", "750000000000001AAA")
LOST = ("unknown", "AccessRefused", "the access token is refused; connect the account again", "750000000000001AAA")
WRITTEN = ("updated", None, "planned again", None)
HELD = ("held", "HELD", "too much would change", None)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([UNSENT, WRITTEN, HELD], "the calls are used up"),
        ([BY_BULK, BY_BULK, WRITTEN], "the Bulk job ended before it reached them (InvalidBatch)"),
        ([BY_BULK, UNSENT, UNSENT], "the calls are used up"),
        ([LOST, LOST, BY_BULK, WRITTEN], "the access token is refused; connect the account again"),
        ([("unprocessed", "X", "rare", None), UNSENT, UNSENT], "the calls are used up"),
        ([("unprocessed", "X", None, None), ("unprocessed", "X", None, None), UNSENT], "the calls are used up"),
        ([("unprocessed", None, "planned again", None)], None),
        ([], None),
    ],
)
def test_why_the_rest_was_not_sent_is_said_in_our_own_words(
    lines: list[tuple[str, str | None, str | None, str | None]], said: str | None
) -> None:
    schema = pl.Schema({"outcome": OUTCOME, "code": pl.String(), "reason": pl.String(), "job_id": pl.String()})
    assert find_stop(pl.LazyFrame(lines, schema=schema, orient="row")) == said
