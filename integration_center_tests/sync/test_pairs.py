"""Numbers are joined in parts as they would be joined at once."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.values import pairs

NUMBERS = st.lists(st.none() | st.integers(0, 40) | st.integers(2**64 - 40, 2**64 - 1), max_size=60)


def join_at_once(numbers: list[int | None], among: list[int | None]) -> list[tuple[int, int | None]]:
    found: list[tuple[int, int | None]] = []
    for row, number in enumerate(numbers):
        places = [place for place, other in enumerate(among) if number is not None and other == number]
        found += [(row, place) for place in places] or [(row, None)]
    return found


@pytest.mark.parametrize(("at_once", "in_few_parts"), [(0, 0), (0, 1_000), (1_000, 1_000)])
@given(numbers=NUMBERS, among=NUMBERS)
def test_parts_together_hold_each_pair_once(
    numbers: list[int | None], among: list[int | None], at_once: int, in_few_parts: int
) -> None:
    wanted = join_at_once(numbers, among)
    given_numbers, given_among = (pl.Series(each, dtype=pl.UInt64) for each in (numbers, among))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "JOINED_AT_ONCE", at_once)
        patch.setattr(pairs, "JOINED_IN_FEW_PARTS", in_few_parts)
        found = pairs.find_all_places(given_numbers, given_among)
        alone = pairs.find_one_place(given_numbers, given_among)
    assert found.rows() == wanted
    assert found.schema == {"row": pl.UInt32, "place": pl.UInt32}
    if len(wanted) == len(numbers):
        assert alone is not None
        assert alone.to_list() == [place for _, place in wanted]
    else:
        assert alone is None
