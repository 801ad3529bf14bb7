"""Keeps warnings from those whom they do not concern: of what is beta in Dagster, and of OpenLineage without use."""

import logging
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from integration_center.pipeline.instance.long_lived import without_collections
from integration_center.settings import sets_up_openlineage

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def concerns_somebody(record: logging.LogRecord) -> bool:
    """Whether a warning of OpenLineage's client concerns somebody: nobody set it up where it has no variable.

    Dagster imports each package that has components or plug-ins whenever it loads a project, and the client of
    dagster-openlineage complains at once that it has nowhere to send events to.
    """
    said = record.getMessage().startswith("Couldn't find any OpenLineage transport configuration")
    return not said or sets_up_openlineage()


logging.getLogger("openlineage.client.client").addFilter(concerns_somebody)


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
