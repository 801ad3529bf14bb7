"""Make sentences of texts that are parts of sentences elsewhere."""


def capitalize_first(text: str) -> str:
    """Return `text` with a capital first letter. Unlike `str.capitalize`, it keeps all other letters."""
    return text[:1].upper() + text[1:]
