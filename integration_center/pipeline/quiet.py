"""Keeps Dagster's warnings of what is beta or a preview from those who use this package."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from integration_center.pipeline.long_lived import without_collections

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def without_beta_warnings(build: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Build definitions without the warnings of what is used knowingly, and without looking for garbage meanwhile.

    In Dagster 1.13 backfill policies and code references are marked beta, partitions of checks preview. The filters of
    the project that uses this package stay as they are.
    """

    @wraps(build)
    def quietly(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with warnings.catch_warnings(), without_collections():
            warnings.filterwarnings("ignore", category=dg.BetaWarning)
            warnings.filterwarnings("ignore", category=dg.PreviewWarning)
            return build(*args, **kwargs)

    return quietly
