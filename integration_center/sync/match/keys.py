"""Compare keys the way Salesforce does.

SOQL compares text without case, except in fields that are unique and case-sensitive, and finds an id under its 15-
and its 18-character form (reference/salesforce-api.md, section 4). `normalise_key` serves both sides of the join.
"""

import polars as pl

from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, SObjectField
from integration_center.sync.values.booleans import read_boolean
from integration_center.sync.values.distinct import map_distinct
from integration_center.sync.values.ids import to_18
from integration_center.sync.values.invisible import INVISIBLE
from integration_center.sync.values.moments import read_date, read_moment, read_time, write_moment
from integration_center.sync.values.numbers import loses_digits, read_number, write_number
from integration_center.sync.values.rules import standardise
from integration_center.sync.values.texts import MULTIPLE, blank_to_null

SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""All Unicode blanks."""
BLANKS = SPACES + "\u180e\u200b\u200c\u200d\u2060\ufeff"
"""All Unicode blanks, and the invisible characters that copied cells often contain."""
ASCII_BLANKS = "".join(filter(str.isascii, BLANKS))
ALTERED = r"(?i)(\.invalid)+$"
ALTERED_BEFORE_2019 = r"(?i)^([^=@\s]+)=([^=@\s]+\.[^=@\s]+)@example\.com$"
NOT_ASCII = r"[^\x00-\x7f]"
HASHED_ID = r"^[A-Za-z0-9+/_-]{43}=?$"
"""A SHA-256 digest in base64: WalkMe hashes user ids this way on request."""


def normalise_key(
    key: pl.Expr, field: SObjectField, dtype: pl.DataType | None = None, *, ignore_invalid: bool = False
) -> pl.Expr:
    """Convert keys to text that is equal when the keys are equal.

    - Blanks are trimmed, invisible marks are removed, and accented letters are composed (NFC).
    - Text is compared without case, unless the field is case-sensitive. E-mail fields never are, whatever describe
      says: Salesforce stores addresses in lowercase.
    - Ids become their 18-character form.
    - Numbers, dates, times and checkboxes are compared by value, multi-select picklists as sets.
    - A key that is not a value of the field's type stays as text and matches nothing.

    Args:
        key: a report column, or the record's field.
        field: the object field of the key pair.
        dtype: the column's dtype; String when not given.
        ignore_invalid: whether to restore addresses, see `restore_address`; applies to text and e-mail fields.

    Returns:
        String, null for blank keys. Normalising twice changes nothing.
    """
    key, dtype = standardise(key, dtype or pl.String())
    if dtype.is_numeric():
        text = write_number(key.cast(pl.Float64)) if dtype.is_float() else key.cast(pl.String)
    elif dtype.is_temporal():
        text = write_moment(key, dtype)
    else:
        text = bare_text(key.cast(pl.String))
    if field.type in NUMBER_TYPES:
        number = read_number(text, pl.String()).cast(pl.Float64)
        # A number that a double cannot hold exactly must not match the record of a neighbouring number.
        exact = pl.when(~loses_digits(text, number, scale=0)).then(write_number(number))
        return pl.coalesce(exact, text)
    match field.type:
        case "date":
            return pl.coalesce(write_moment(read_date(text, pl.String()), pl.Date()), text)
        case "datetime":
            return pl.coalesce(write_moment(read_moment(text, pl.String()), pl.Datetime("us", "UTC")), text)
        case "time":
            return pl.coalesce(read_time(text, pl.String()), text)
        case "boolean":
            return pl.coalesce(read_boolean(text, pl.String()).cast(pl.String), text)
        case "multipicklist":
            return map_distinct(text, _as_set)
    if field.type in ID_TYPES:
        return pl.coalesce(to_18(text), text)
    if not (field.case_sensitive and field.type != "email"):
        text = text.str.to_lowercase()
    return restore_address(text) if ignore_invalid else text


def restore_address(text: pl.Expr) -> pl.Expr:
    """Restore e-mail addresses that Salesforce altered when it created a sandbox. Other text stays as it is.

    In a new sandbox the addresses of users end in `.invalid`, so that nobody gets mail from the sandbox. Each refresh
    adds another `.invalid`. Until 2019 addresses became `user=domain@example.com` instead.
    Source: Salesforce Help, "Sandbox Setup Considerations".
    """
    return text.str.replace(ALTERED, "").str.replace(ALTERED_BEFORE_2019, "${1}@${2}")


def bare_text(text: pl.Expr) -> pl.Expr:
    """Give text that looks the same the same letters, without outer blanks; blank text is null.

    Invisible marks are removed, blanks are plain, and accented letters are composed (Unicode NFC).

    Args:
        text: a String expression.
    """
    letters = pl.col("text")

    # All steps in one, because Polars would take the first ones again wherever the result is used twice.
    def make_bare(series: pl.Series) -> pl.Series:
        frame, blanks = series.alias("text").to_frame(), ASCII_BLANKS
        if series.str.len_bytes().sum() != series.str.len_chars().sum():  # most keys are ASCII
            frame = frame.select(letters.str.replace_all(INVISIBLE, ""))
            frame = frame.select(letters.str.replace_all(f"[{SPACES}]", " ").str.normalize("NFC"))
            blanks = BLANKS
        frame = frame.select(letters.str.strip_chars(blanks))
        return frame.select(blank_to_null(letters)).to_series().alias(series.name)

    return text.map_batches(make_bare, return_dtype=pl.String, is_elementwise=True)


def list_spellings(keys: pl.Series, field: SObjectField, *, ignore_invalid: bool = False) -> list[str]:
    """List the texts under which records may hold some keys, without repeats.

    These are the keys in their comparable form. A record may also hold text that is not ASCII as the report has it, or
    with its letters decomposed (Unicode NFD).

    Args:
        keys: a report column.
        field: the object field of the key pair.
        ignore_invalid: whether to add the two forms that Salesforce gives addresses in a sandbox, see
            `restore_address`.
    """
    keys = keys.alias("key")  # Polars would read some column names as patterns
    given = keys.to_frame()
    compared = given.select(normalise_key(pl.col("key"), field, keys.dtype, ignore_invalid=ignore_invalid)).to_series()
    forms = [compared, compared.filter(compared.str.contains(NOT_ASCII)).str.normalize("NFD")]
    if keys.dtype == pl.String:
        forms.append(keys.str.strip_chars(BLANKS).filter(keys.str.contains(NOT_ASCII)))
    if ignore_invalid:
        forms.append(compared + ".invalid")
        forms.append(compared.filter(compared.str.contains("@")).str.replace("@", "=") + "@example.com")
    found = pl.concat(forms)
    return found.drop_nulls().unique(maintain_order=True).to_list()


def _as_set(text: pl.Expr) -> pl.Expr:
    """Sort the values between semicolons, in lowercase, without repeats."""
    values = text.str.to_lowercase().str.split(MULTIPLE).list.eval(pl.element().str.strip_chars(BLANKS))
    return blank_to_null(
        values.list.eval(blank_to_null(pl.element())).list.drop_nulls().list.unique().list.sort().list.join(MULTIPLE)
    )


def looks_hashed(key: pl.Expr) -> pl.Expr:
    """Return whether a String key looks like one of WalkMe's hashed user ids."""
    return key.str.strip_chars().str.contains(HASHED_ID)


def detect_hashed_ids(keys: pl.Series) -> bool:
    """Return whether most keys of a String series look like WalkMe's hashed user ids."""
    given, hashed = count_hashed_ids(keys)
    return hashed * 2 > given


def count_hashed_ids(keys: pl.Series) -> tuple[int, int]:
    """Count the keys of a String series, and those that look like WalkMe's hashed ids, which match no e-mail."""
    given = keys.drop_nulls().cast(pl.String).alias("key")
    given = given.filter(given.str.strip_chars() != "")
    return given.len(), int(given.to_frame().select(looks_hashed(pl.col("key")).sum()).item())
