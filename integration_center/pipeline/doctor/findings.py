"""What the doctor finds, and how it goes on when a look itself fails."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from integration_center.errors import IntegrationCenterError, TransientError
from integration_center.wording.remedies import ASK
from integration_center.wording.sentences import capitalize_first

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
        command: how to do it at a terminal: a command, a setting, or a file.
    """

    area: str
    state: State
    text: str
    advice: str = ""
    command: str = ""

    @property
    def remedy(self) -> str:
        """What to do, and how at a terminal."""
        return " ".join(filter(None, (self.advice, self.command)))

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {"area": self.area, "state": self.state.value, "text": self.text, "advice": self.remedy}


def ok(area: str, text: str) -> Checked:
    """What is as it should be."""
    return Checked(area, State.OK, text)


def warning(area: str, text: str, advice: str, command: str = "") -> Checked:
    """What works, and should be looked at."""
    return Checked(area, State.WARNING, text, advice, command)


def problem(area: str, text: str, advice: str, command: str = "") -> Checked:
    """What does not work."""
    return Checked(area, State.PROBLEM, text, advice, command)


def describe_error(area: str, error: IntegrationCenterError, start: str = "") -> Checked:
    """One of our errors, whose remedy is apart from its sentence."""
    said = error.said
    text = f"{start}{said.sentence.removesuffix('.')}."
    if isinstance(error, TransientError):
        return warning(area, text, "Try again in a while.", capitalize_first(said.remedy))
    advice = ASK if said.by_admin else "" if said.remedy else "Correct what the sentence names."
    return problem(area, text, advice, capitalize_first(said.remedy))


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
    except IntegrationCenterError as error:
        yield describe_error(area, error, start)
    except Exception as error:
        logger.debug("the check of %s failed", area, exc_info=True)
        text = f"{start or 'It '}could not be looked at ({type(error).__name__})."
        command = "Make it: integration-center doctor --bundle FILE."
        yield problem(area, text, "Report this, with a bundle for support.", command)
