"""Record ids of 15 and 18 characters (algorithm: reference/salesforce-api.md, section 4).

The last three of 18 characters say which of the first fifteen are capitals, so that an id survives programs that
fold case.
"""

import polars as pl

ID_SHAPE = r"^([A-Za-z0-9]{15}|[A-Za-z0-9]{18})$"
BODY_LENGTH = 15
GROUP_LENGTH = 5
GROUPS = range(BODY_LENGTH // GROUP_LENGTH)
CHECK_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
CAPITALS_TO_CHECK = {
    "".join("1" if index >> bit & 1 else "0" for bit in range(GROUP_LENGTH)): character
    for index, character in enumerate(CHECK_ALPHABET)
}
"""Which of a group's five characters are capitals (`1`), to the group's check character."""
CHECK_TO_CAPITALS = {character: capitals for capitals, character in CAPITALS_TO_CHECK.items()}


def to_18(ids: pl.Expr) -> pl.Expr:
    """The 18-character form of String ids; null where the text is no id.

    Fifteen characters get their check characters. Eighteen must carry the right ones; where some program has made
    all letters large or all small, the check characters give the case back. An id of mixed case with wrong check
    characters is damaged, and repairing it could name another record, so it is null.
    """
    # In batches rather than as one expression: the steps build on each other, and as a tree they multiply.
    return ids.map_batches(complete_ids, return_dtype=pl.String, is_elementwise=True)


def complete_ids(ids: pl.Series) -> pl.Series:
    """`to_18` of a series."""
    text = pl.col("text")
    frame = (
        ids.alias("text")
        .to_frame()
        .select(text.str.strip_chars())
        .select(pl.when(text.str.contains(ID_SHAPE)).then(text))
        .with_columns(text.str.head(BODY_LENGTH).alias("body"))
        .with_columns(pl.concat_str("body", _check_characters("body")).alias("complete"))
        .with_columns(pl.when((text == pl.col("body")) | (text == pl.col("complete"))).then("complete").alias("id"))
    )
    if frame.select((text.is_not_null() & pl.col("id").is_null()).any()).item():
        frame = _repair_case(frame)
    return frame.get_column("id").alias(ids.name)


def _check_characters(body: str) -> pl.Expr:
    capitals = pl.col(body).str.replace_all("[^A-Z]", "0").str.replace_all("[A-Z]", "1")
    return pl.concat_str(
        capitals.str.slice(group * GROUP_LENGTH, GROUP_LENGTH).replace_strict(
            CAPITALS_TO_CHECK, default=None, return_dtype=pl.String
        )
        for group in GROUPS
    )


def _repair_case(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill `id` where all letters of an 18-character `text` have one case and its check characters are sound."""
    text = pl.col("text")
    checks = text.str.slice(BODY_LENGTH).str.to_uppercase()
    characters = []
    for position in range(BODY_LENGTH):
        character = text.str.slice(position, 1)
        capital = pl.col("capitals").str.slice(position, 1) == "1"
        characters.append(
            pl.when(capital).then(character.str.to_uppercase()).when(~capital).then(character.str.to_lowercase())
        )
    one_case = (text == text.str.to_lowercase()) | (text == text.str.to_uppercase())
    return (
        frame.with_columns(
            checks.alias("checks"),
            pl.concat_str(
                checks.str.slice(group, 1).replace_strict(CHECK_TO_CAPITALS, default=None, return_dtype=pl.String)
                for group in GROUPS
            ).alias("capitals"),
        )
        .with_columns(pl.concat_str(characters).alias("repaired"))
        .with_columns((one_case & (_check_characters("repaired") == pl.col("checks"))).alias("sound"))
        .with_columns(pl.coalesce("id", pl.when("sound").then(pl.concat_str("repaired", "checks"))))
    )
