"""What the doctor finds, and how it goes on when a look itself fails."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from integration_center.errors import IntegrationCenterError, TransientError

logger = logging.getLogger(__name__)


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    """As it should be."""
    WARNING = "warning"
    """It works, and should be looked at."""
    PROBLEM = "problem"
    """Something does not work."""


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at.

    Attributes:
        area: such as `database`.
        text: how it is, in a sentence.
        advice: what to do; empty when there is nothing to do.
    """

    area: str
    state: State
    text: str
    advice: str = ""


def ok(area: str, text: str) -> Checked:
    """What is as it should be."""
    return Checked(area, State.OK, text)


def warning(area: str, text: str, advice: str) -> Checked:
    """What works, and should be looked at."""
    return Checked(area, State.WARNING, text, advice)


def problem(area: str, text: str, advice: str) -> Checked:
    """What does not work."""
    return Checked(area, State.PROBLEM, text, advice)


def look(area: str, check: Callable[[], Iterator[Checked]], thing: str = "") -> Iterator[Checked]:
    """Yield what a check finds. A check that cannot be made is a problem of its own, and stops no other.

    Args:
        area: of all that the check finds.
        check: yields its findings.
        thing: what the check looks at, where there are several in the area, such as the name of an org.
    """
    start = f"{thing}: " if thing else ""
    try:
        yield from check()
    except TransientError as error:
        yield warning(area, f"{start}{error}.", "Try again in a while.")
    except IntegrationCenterError as error:
        yield problem(area, f"{start}{error}.", "Correct what the sentence names.")
    except Exception as error:
        logger.debug("the check of %s failed", area, exc_info=True)
        advice = "Report this, with a bundle: integration-center doctor --bundle FILE."
        yield problem(area, f"{start or 'It '}could not be looked at ({type(error).__name__}).", advice)
