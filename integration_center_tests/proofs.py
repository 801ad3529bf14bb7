"""What the quick suite leaves to the proofs: examples of a law, cases of a sampled test, tests marked `proof`."""

import os
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import settings

PROOFS = bool(os.environ.get("INTEGRATION_CENTER_PROOFS"))
"""Whether this run has the proofs, as `make test PROOFS=1` and CI have."""
QUICK_EXAMPLES, QUICK_CASES = 12, 4
"""The quick suite tries a law on one of so many examples, and a test marked `sampled` on one of so many cases."""
FEWEST = 5


def examples(count: int = 100, **options: object) -> settings:
    """Try a law on `count` examples where the proofs run, and on a twelfth of them otherwise.

    Args:
        count: how many examples the proof has.
        options: other settings of Hypothesis.
    """
    return settings(max_examples=count if PROOFS else max(FEWEST, count // QUICK_EXAMPLES), **options)  # type: ignore[arg-type]


def choose(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of this run: all where the proofs run; otherwise without them and most cases of sampled tests.

    Of a sampled test the first case stays, and every `QUICK_CASES`th after it.
    """
    if PROOFS:
        return list(items)
    cases: Counter[str] = Counter()
    chosen = []
    for item in items:
        if item.get_closest_marker("proof"):
            continue
        if item.get_closest_marker("sampled"):
            test = item.nodeid.partition("[")[0]
            cases[test] += 1
            if cases[test] % QUICK_CASES != 1:
                continue
        chosen.append(item)
    return chosen
