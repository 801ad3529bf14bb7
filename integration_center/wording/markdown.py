"""Escape names for Dagster's Markdown: its web page renders the descriptions of assets, jobs, schedules and checks.

The name of a report, a column or an integration must not add a link, a picture or a table to that page. Text that is
not markup stays as it is, because lists and the API show descriptions as plain text.
"""

import re

from integration_center.wording.plain_text import make_printable

JOINER = "\u2060"
"""An invisible word joiner. It keeps a renderer from finding an address or a list marker."""
PUNCTUATION = r"!-/:-@\[-`{-~"
MARKUP = re.compile(
    r"[`*\[\]<|~]"
    rf"|\\(?=[{PUNCTUATION}]|$)"  # elsewhere a backslash is plain text
    r"|&(?=[#A-Za-z])"  # an entity
    r"|(?<!\w)_+|_+(?!\w)"  # within a word, as in First_Login__c, an underscore is plain text
)
ADDRESS = re.compile(r"(?<=http:)(?=/)|(?<=https:)(?=/)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Where to split an address that a renderer would turn into a link: after `https:` and `www`, before `@`."""
LINE_START = re.compile(r"(?:[-+=#>]|[0-9]+[.)])")
"""A start of a line that would turn it into a heading, a list or a quotation."""
ESCAPED = re.compile(rf"\\([{PUNCTUATION}])")


def escape_markdown(text: str) -> str:
    """Escape `text` so that Markdown shows it as it is, in one line. Control characters become escapes."""
    shown = MARKUP.sub(_escape, make_printable(text).strip())
    shown = ADDRESS.sub(JOINER, shown)
    return f"{JOINER}{shown}" if LINE_START.match(shown) else shown


def unescape_markdown(text: str) -> str:
    """Restore the text that was given to `escape_markdown`."""
    return ESCAPED.sub(r"\1", text.replace(JOINER, ""))


def _escape(found: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in found[0])
