"""Rich text as the org keeps it: not the HTML that was sent, but the org's own writing of it.

Help page "Rich Text Area Field Considerations": special characters are kept as entities, which count towards the
length, and markup that the editor does not know is removed.
"""

import re

_ALLOWED = (
    "a|b|big|blockquote|br|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strike|strong|sub|sup|"
    "table|tbody|td|th|thead|tr|u|ul"
)
_DANGEROUS = re.compile(r"<(script|style|iframe)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(rf"</?(?:{_ALLOWED})\b[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,10};)")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def write_rich_text(html: str) -> str:
    """Return sent HTML as the org stores it."""
    html = _ANY_TAG.sub(lambda tag: tag[0] if _TAG.fullmatch(tag[0]) else "", _DANGEROUS.sub("", html))
    written, end = [], 0
    for tag in _TAG.finditer(html):
        written += [_write_characters(html[end : tag.start()]), _BREAK.sub("<br>", tag[0])]
        end = tag.end()
    return "".join([*written, _write_characters(html[end:])])


def _write_characters(text: str) -> str:
    text = _BARE_AMPERSAND.sub("&amp;", text)
    for character, entity in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(character, entity)
    return text
