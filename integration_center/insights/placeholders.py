"""Texts that programs write where there is no value."""

PLACEHOLDERS = (
    *("NULL", "null", "Null", "N/A", "n/a", "#N/A", "None", "none", r"\N", "NaN", "nan", "-", "--", "Never", "never"),
    *("(blank)", "(null)", "(none)", "(empty)", "<null>", "[null]", "<NA>", "NaT", "nil", "undefined", "n.a.", "k.A."),
    *("#NV", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"),
    *("(not set)", "(No value)", "(no value)", "(None)", "∅", "@NULL@"),
    *("NA", ".", "0000-00-00", "0000-00-00 00:00:00", "00.00.0000"),
)
"""Texts that often mean no value. They are read as they are, and reported."""
