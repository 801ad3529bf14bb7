"""Record ids of 15 and 18 characters (algorithm: reference/salesforce-api.md, section 4).

The last three of the 18 characters record which of the first fifteen are capitals, so that an id survives programs
that change case.
"""

import polars as pl

ID_SHAPE = r"^([A-Za-z0-9]{15}|[A-Za-z0-9]{18})$"
BODY_LENGTH = 15
GROUP_LENGTH = 5
GROUPS = range(BODY_LENGTH // GROUP_LENGTH)
CHECK_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
"""The check character of a group is at index sum(2^j) over the positions j, from 0, that hold a capital."""


def to_18(ids: pl.Expr) -> pl.Expr:
    """Convert String ids to their 18-character form; null where the text is not an id.

    An id of 15 characters gets its check characters. An id of 18 characters must have the right ones. Where a program
    has made all letters uppercase or all lowercase, the check characters restore the case. An id in mixed case with
    wrong check characters is damaged: repairing it could name another record, so it becomes null.
    """
    # In batches, because each step uses the step before several times, so one expression would grow exponentially.
    return ids.map_batches(complete_ids, return_dtype=pl.String, is_elementwise=True)


def complete_ids(ids: pl.Series) -> pl.Series:
    """Convert a series of ids as `to_18` does."""
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
    alphabet = pl.lit(pl.Series(list(CHECK_ALPHABET)))
    return pl.concat_str(
        alphabet.gather(pl.sum_horizontal(_weight_of_capital(body, group, place) for place in range(GROUP_LENGTH)))
        for group in GROUPS
    )


def _weight_of_capital(body: str, group: int, place: int) -> pl.Expr:
    character = pl.col(body).str.slice(group * GROUP_LENGTH + place, 1)
    return character.is_between(pl.lit("A"), pl.lit("Z")).cast(pl.UInt8) * (1 << place)


def _repair_case(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill `id` where all letters of an 18-character `text` have one case, and the check characters are valid."""
    text = pl.col("text")
    one_case = (text == text.str.to_lowercase()) | (text == text.str.to_uppercase())
    broken = text.is_not_null() & pl.col("id").is_null() & one_case
    frame = frame.with_row_index("place")
    repaired = (
        frame.filter(broken)
        .select("place", text.str.to_lowercase(), text.str.slice(BODY_LENGTH).str.to_uppercase().alias("checks"))
        .with_columns(_weights_of_check(group).alias(f"weights.{group}") for group in GROUPS)
        .with_columns(pl.concat_str(_cased(position) for position in range(BODY_LENGTH)).alias("repaired"))
        .filter(_check_characters("repaired") == pl.col("checks"))
        .select("place", pl.concat_str("repaired", "checks").alias("repaired"))
    )
    return frame.join(repaired, on="place", how="left", maintain_order="left").with_columns(
        pl.coalesce("id", "repaired").alias("id")
    )


def _weights_of_check(group: int) -> pl.Expr:
    """Return the index of a group's check character in the alphabet, or an index outside of it for other characters."""
    code = pl.col("checks").str.slice(group, 1).cast(pl.Binary).bin.reinterpret(dtype=pl.UInt8, endianness="little")
    return pl.when(code >= ord("A")).then(code - ord("A")).otherwise(code - ord("0") + CHECK_ALPHABET.index("0"))


def _cased(position: int) -> pl.Expr:
    """Give a character of the body the case that its check character says. A digit stays, and then fails the check."""
    character = pl.col("text").str.slice(position, 1)
    weights = pl.col(f"weights.{position // GROUP_LENGTH}")
    capital = weights // (1 << position % GROUP_LENGTH) % 2 == 1
    return pl.when(capital).then(character.str.to_uppercase()).otherwise(character)
