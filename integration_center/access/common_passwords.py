"""Recognise passwords that are guessed first: common passwords, and what people make of them."""

LEAST_GUESSES = 1e9
"""The least guesses that a password must take. At the 100 guesses per 15 minutes that the limit on sign-ins allows,
they take 285 years."""
LOOKED_AT = 32
"""The most characters to estimate at once. The time grows steeply with the length, here to half a second at worst."""
OUR_WORDS = ("salesforce", "walkme", "gainsight", "dagster", "integration", "center", "integrationcenter")


def is_common(password: str, name: str) -> bool:
    """Return whether a password is among the first billion guesses.

    These are common passwords, words and names (in any case, with digits for letters, alone, repeated, joined, or
    followed by digits), rows of keys, letters or digits, dates, and combinations of our own words or the user's name.
    For a long password, the beginning and the end are checked, and one of the two must be good.
    """
    # Imported here, because loading its word lists would slow down every command, and few commands need them.
    from zxcvbn import zxcvbn

    words = [word for word in (name, *OUR_WORDS) if word]
    if not password:
        return True
    ends = {password[:LOOKED_AT], password[-LOOKED_AT:]}
    return all(float(zxcvbn(end, user_inputs=words)["guesses"]) < LEAST_GUESSES for end in ends)
