"""What the quick suite leaves to the proofs: most examples of a law, and the tests marked `proof`."""

import os

from hypothesis import settings

PROOFS = bool(os.environ.get("INTEGRATION_CENTER_PROOFS"))
"""Whether this run has the proofs, as `make test PROOFS=1` and CI have."""
QUICK_SHARE = 4
"""The quick suite tries a law on one of so many examples."""
FEWEST = 5


def examples(count: int = 100, **options: object) -> settings:
    """Try a law on `count` examples where the proofs run, and on a quarter of them otherwise.

    Args:
        count: how many examples the proof has.
        options: other settings of Hypothesis.
    """
    return settings(max_examples=count if PROOFS else max(FEWEST, count // QUICK_SHARE), **options)  # type: ignore[arg-type]
