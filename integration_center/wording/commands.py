"""Leave terminal commands and folders of the server out of texts that are read on a page."""

import re

COMMAND = re.compile(r"`?\bintegration-center [a-z][^`.;]*(?:\.(?=\w)[^`.;]*)*`?[^.;]*")
"""A command of ours, to the end of its clause."""
CLAUSE = re.compile(r"(?:; |\. )(?!.*(?:; |\. ))")
"""Where the last clause of a text begins."""
PATH = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]+/)+([\w.@+-]+)")
"""An absolute path, not one within an address."""
ADVICE_WORDS = 3
"""From so many words on, what leads to a command says what to do: `waiting for approval`."""


def drop_commands(text: str) -> str:
    """Leave out each command, with the words that only lead to it: `no account is connected; run: …`."""
    while found := COMMAND.search(text):
        before, after = text[: found.start()], text[found.end() :]
        clause = CLAUSE.search(before)
        lead = before[clause.end() :] if clause else before
        if lead.rstrip().endswith(":") and len(lead.split()) >= ADVICE_WORDS:
            before = before.rstrip().removesuffix(":")
        else:
            before = before[: clause.start()] if clause else ""
        text = before + after
    return text.strip().removeprefix(".").strip()


def make_plain(text: str) -> str:
    """Leave out commands, and the folders of files: `defs.yaml` says as much to somebody at a page."""
    return PATH.sub(r"\1", drop_commands(text))


def say_error(error: Exception) -> str:
    """Say what an error says, for a page."""
    return make_plain(str(error))
