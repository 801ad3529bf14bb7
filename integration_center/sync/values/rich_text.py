"""Compare rich text in the form in which the org stores it.

The org stores the HTML that it receives in its own form: special characters become entities, which count towards the
length, and markup that its editor does not know is dropped (help page "Rich Text Area Field Considerations"). This
module undoes the certain part of that on both sides of the comparison, and leaves the rest. A value in which the rest
matters differs, is sent once more, and counts as overridden by the org (`integration_center.sync.overrides`).
"""

import polars as pl

AMPERSAND = "\uffff"
"""A placeholder for an `&` that begins an entity. It is a noncharacter, which no text contains."""
TAG = "\ufffe"
"""A placeholder for a `<` that begins a tag."""
SETTLED = {"quot;": '"', "#39;": "'", "#x27;": "'", "apos;": "'", "gt;": ">", "nbsp;": "\u00a0", "#160;": "\u00a0"}
"""Entities of characters that mean the same when they are not escaped. `&lt;` is not one of them: `<` begins a tag."""


def canonical_rich_text(html: pl.Expr) -> pl.Expr:
    """Write bare `&` and `<` as entities, other common entities as characters, and every line break tag as `<br>`."""
    marked = html.str.replace_all(r"&(#?[0-9A-Za-z]{1,10};)", AMPERSAND + "${1}")
    marked = marked.str.replace_all("&", AMPERSAND + "amp;", literal=True)
    marked = marked.str.replace_all(r"<([A-Za-z/!])", TAG + "${1}")
    marked = marked.str.replace_all("<", AMPERSAND + "lt;", literal=True).str.replace_all(TAG, "<", literal=True)
    for entity, character in SETTLED.items():
        marked = marked.str.replace_all(AMPERSAND + entity, character, literal=True)
    return marked.str.replace_all(AMPERSAND, "&", literal=True).str.replace_all(r"(?i)<br\s*/?>", "<br>")
