"""Names in Dagster's Markdown: descriptions of assets, jobs, schedules and checks are rendered by its web page.

Whoever names a report, a column or an integration must not bring a link, a picture or a table onto that page. What is
no markup stays as it is, because lists and the API show descriptions as plain text.
"""

import re

from integration_center.wording.plain_text import make_printable

JOINER = "\u2060"
"""A word joiner, which is not seen. It keeps a renderer from finding an address or the marker of a list."""
PUNCTUATION = r"!-/:-@\[-`{-~"
MARKUP = re.compile(
    r"[`*\[\]<|~]"
    rf"|\\(?=[{PUNCTUATION}]|$)"  # elsewhere a backslash is one
    r"|&(?=[#A-Za-z])"  # an entity
    r"|(?<!\w)_+|_+(?!\w)"  # within a word, as in First_Login__c, an underscore is one
)
ADDRESS = re.compile(r"(?<=http:)(?=/)|(?<=https:)(?=/)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Where an address that renderers make a link of can be cut: after `https:` and `www`, before `@`."""
LINE_START = re.compile(r"(?:[-+=#>]|[0-9]+[.)])")
"""What would make a heading, a list or a quotation of a line."""
ESCAPED = re.compile(rf"\\([{PUNCTUATION}])")


def escape_markdown(text: str) -> str:
    """Write `text` so that Markdown shows it as it is, in one line; control characters become escapes."""
    shown = MARKUP.sub(_escape, make_printable(text).strip())
    shown = ADDRESS.sub(JOINER, shown)
    return f"{JOINER}{shown}" if LINE_START.match(shown) else shown


def unescape_markdown(text: str) -> str:
    """Give back the text that `escape_markdown` wrote."""
    return ESCAPED.sub(r"\1", text.replace(JOINER, ""))


def _escape(found: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in found[0])
