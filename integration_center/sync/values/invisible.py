"""Characters that nobody sees, and what a message about a value calls them."""

import unicodedata

import polars as pl

INVISIBLE = (
    r"[\x{ad}\x{34f}\x{61c}\x{180b}-\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}"
    r"\x{2060}-\x{206f}\x{fe00}-\x{fe0f}\x{feff}]"
)
"""Invisible marks: soft hyphens, joiners, marks of writing direction, variation selectors, byte-order marks."""
UNSEEN = (
    *((0x00, 0x1F), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x1680, 0x1680), (0x180B, 0x180E)),
    *((0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
)
"""Invisible marks, control characters, and blanks other than the usual one: the first and last code of each range."""
NAMES = {
    chr(code): f"<{unicodedata.name(chr(code), f'U+{code:04X}').lower()}>"
    for first, last in UNSEEN
    for code in range(first, last + 1)
}
"""What each is called: `<zero width space>`, and `<u+001b>` where Unicode has no name."""
NAME = r"<[a-z][a-z0-9+ -]*>"
"""The pattern of what `name_unseen` writes."""


def name_unseen(text: pl.Expr) -> pl.Expr:
    """Write the characters of a text that nobody sees by their names: `Gold<zero width space>`."""
    return text.str.replace_many([*NAMES], [*NAMES.values()])
