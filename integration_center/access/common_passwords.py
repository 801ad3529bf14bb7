"""Which passwords are guessed first: those on lists of common ones, and what people make of them."""

LEAST_GUESSES = 1e9
"""At the 100 guesses in a quarter of an hour that the limit on sign-ins allows, these take 285 years."""
LOOKED_AT = 32
"""The time of an estimate grows steeply with the length: half a second at worst for so many characters."""
OUR_WORDS = ("salesforce", "walkme", "gainsight", "dagster", "integration", "center", "integrationcenter")


def is_common(password: str, name: str) -> bool:
    """Whether a password is among the first billion guesses.

    Those are common passwords, words and names, whatever their case and with digits for letters, alone, repeated,
    joined or with digits behind them; rows of keys, letters or digits; dates; and what is made of our own words or
    the user's name. Of a long password its beginning and its end are judged, and one of the two must be good.

    Args:
        password: as typed.
        name: of the user.
    """
    # Imported here: its lists would make each command slower to start, and few need them.
    from zxcvbn import zxcvbn

    words = [word for word in (name, *OUR_WORDS) if word]
    if not password:
        return True
    ends = {password[:LOOKED_AT], password[-LOOKED_AT:]}
    return all(float(zxcvbn(end, user_inputs=words)["guesses"]) < LEAST_GUESSES for end in ends)
