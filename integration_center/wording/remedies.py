"""Keep a sentence for everybody apart from its remedy, which is for somebody at a terminal.

A page has a button where a terminal has a command, and names a person where a terminal names a setting. So neither is
part of the sentence.
"""

from typing import NamedTuple

from integration_center.wording.plain_text import join_lines

ASK = "Ask the server admin."
"""Who helps where only the settings or the machine of the server can be changed."""
START_IT = "Ask the server admin to start it."
BY_ADMIN = "server admin"


class Said(NamedTuple):
    """What an error or a finding says.

    Attributes:
        sentence: what happened, without commands and names of settings.
        remedy: what to do at a terminal: a command, or a setting to change; empty where the sentence says all.
        by_admin: whether only the server admin can do that.
    """

    sentence: str
    remedy: str = ""
    by_admin: bool = False

    @property
    def text(self) -> str:
        """All in one text, for a terminal. A remedy with a capital letter begins a sentence of its own."""
        if not self.remedy:
            return self.sentence
        own = self.remedy[0].isupper()
        return f"{self.sentence.removesuffix('.')}{'. ' if own else '; '}{self.remedy}"

    @property
    def for_page(self) -> str:
        """The text of a page, which has a button for each command."""
        return f"{self.sentence.removesuffix('.')}. {ASK.removesuffix('.')}" if self.by_admin else self.sentence

    def store(self) -> str:
        """Write it as one text for a table, a line for each part."""
        parts = [join_lines(self.sentence), join_lines(self.remedy), BY_ADMIN if self.by_admin else ""]
        return "\n".join(parts).rstrip("\n")


def read_said(stored: str) -> Said:
    """Read what `Said.store` wrote. A text of one line is a sentence."""
    sentence, remedy, by_admin = (*stored.split("\n"), "", "")[:3]
    return Said(sentence, remedy, by_admin == BY_ADMIN)


def say(text: str | Said) -> Said:
    """Take a text as a sentence without a remedy."""
    return text if isinstance(text, Said) else Said(text)
