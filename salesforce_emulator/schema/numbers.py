"""Numbers as Salesforce's Java server writes them."""


def format_double(value: float | None) -> str | None:
    """Write a double as Bulk CSV does: `48.0`, and scientific from ten million on (`9.12260031E8`)."""
    if value is None:
        return None
    value = float(value)
    magnitude = abs(value)
    if magnitude == 0 or 1e-3 <= magnitude < 1e7:
        text = repr(value)
        return text if "e" not in text else format(value, "f")
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        # repr writes positional up to 1e16 and from 1e-4; Java switches earlier.
        mantissa, _, exponent = _scientific(value)
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{int(exponent)}"


def _scientific(value: float) -> tuple[str, str, str]:
    """Split into the shortest mantissa that reads back the same, and the exponent."""
    digits = repr(abs(value)).replace(".", "").strip("0")
    mantissa, separator, exponent = f"{value:.{max(len(digits) - 1, 1)}e}".partition("e")
    return mantissa, separator, exponent
