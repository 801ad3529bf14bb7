"""Rich text, compared through the org's own writing of it.

The org keeps the HTML that it is sent in a writing of its own: special characters become entities, which count towards
the length, and markup that its editor does not know is dropped (help page "Rich Text Area Field Considerations"). What
is certain of that is undone here on both sides of the comparison, and what is not certain is left: then the value
differs, is sent once more, and counts as overridden by the org (`integration_center.sync.overrides`).
"""

import polars as pl

AMPERSAND = "\uffff"
"""Stands for an `&` that is settled; a noncharacter, which no text holds."""
TAG = "\ufffe"
"""Stands for a `<` that begins a tag."""
SETTLED = {"quot;": '"', "#39;": "'", "#x27;": "'", "apos;": "'", "gt;": ">", "nbsp;": "\u00a0", "#160;": "\u00a0"}
"""Entities of characters that mean the same when they are bare. `&lt;` is not among them: `<` begins a tag."""


def canonical_rich_text(html: pl.Expr) -> pl.Expr:
    """The HTML with bare `&` and `<` as entities, other usual entities as characters, and one writing of `<br>`."""
    marked = html.str.replace_all(r"&(#?[0-9A-Za-z]{1,10};)", AMPERSAND + "${1}")
    marked = marked.str.replace_all("&", AMPERSAND + "amp;", literal=True)
    marked = marked.str.replace_all(r"<([A-Za-z/!])", TAG + "${1}")
    marked = marked.str.replace_all("<", AMPERSAND + "lt;", literal=True).str.replace_all(TAG, "<", literal=True)
    for entity, character in SETTLED.items():
        marked = marked.str.replace_all(AMPERSAND + entity, character, literal=True)
    return marked.str.replace_all(AMPERSAND, "&", literal=True).str.replace_all(r"(?i)<br\s*/?>", "<br>")
