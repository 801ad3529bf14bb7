"""Ask for one of several things in the terminal, and say what might have been meant."""

from collections.abc import Collection, Sequence

from integration_center.cli.output import ask, console
from integration_center.sync.mapping.suggestions import Choice

SKIP = "-"
SHOWN = 12
Pair = tuple[str, str]


def ask_one(question: str, options: Sequence[str], default: str | None) -> str:
    """One of the options, without regard to case."""
    while True:
        given = ask(question, default=default).strip()
        found = [option for option in options if option == given] or [
            option for option in options if option.casefold() == given.casefold()
        ]
        if found:
            return found[0]
        say_alike(list(options), "there is nothing to choose")


def ask_field(
    question: str, choices: Sequence[Choice], default: str | None, used: Collection[str], *, may_skip: bool = False
) -> str:
    """A field that may be chosen, by API name or label; `SKIP` where that is allowed."""
    while True:
        given = ask(question, default=default).strip()
        if may_skip and given == SKIP:
            return SKIP
        wanted = given.casefold()
        found = [c for c in choices if c.field.name.casefold() == wanted] or [
            c for c in choices if c.field.label.casefold() == wanted
        ]
        if not found:
            names = [c.field.name for c in choices if wanted in f"{c.field.name} {c.field.label}".casefold()]
            say_alike(names or [c.field.name for c in choices if c.reason is None], "no field can be chosen")
        elif found[0].reason:
            console.print(f"{found[0].field.name} {found[0].reason}", markup=False)
        elif found[0].field.name.lower() in used:
            console.print(f"{found[0].field.name} is used already", markup=False)
        else:
            return found[0].field.name


def say_alike(names: Sequence[str], none: str) -> None:
    """What might have been meant."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    console.print("There are " + ", ".join(names[:SHOWN]) + more if names else none, markup=False, soft_wrap=True)
