"""Say what a Pydantic model refuses, in sentences of ours: its own texts are for programmers."""

from pydantic_core import ErrorDetails, ValidationError

SENTENCES = {
    "missing": "it is missing",
    "too_short": "it is empty; write at least one",
    "too_long": "it may have at most {max_length} entries",
    "dict_type": "names and values must follow it",
    "model_type": "names and values must follow it",
    "string_too_short": "it must have at least {min_length} characters",
    "string_too_long": "it may have at most {max_length} characters",
    "string_type": "it must be text",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it may be at most {le}",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "literal_error": "it must be {expected}",
    "enum": "it must be {expected}",
    "union_tag_invalid": "its {discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "its {discriminator} is missing",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list must follow it"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "it must be a date like 2026-11-22"),
}
"""By Pydantic's type of the error; the names in braces are those that Pydantic gives with it."""
ADDRESS = "it must be an e-mail address, such as ann@acme.example"
WORD = "it must be letters, digits, - and _, such as on-call_2"
API_NAME = "it must be an API name, such as WalkMe_Logins__c"


def say_refusal(fault: ErrorDetails) -> str:
    """Say what is wrong with one value. What a validator of ours says is kept as it is."""
    about = {name: f"{value:,}" if isinstance(value, int) else value for name, value in fault.get("ctx", {}).items()}
    if fault["type"] == "string_pattern_mismatch":
        pattern = about["pattern"]
        return ADDRESS if "@" in pattern else WORD if "_-" in pattern else API_NAME
    if known := SENTENCES.get(fault["type"]):
        return known.format(**about)
    return fault["msg"].removeprefix("Value error, ")


def say_refusals(error: ValidationError) -> str:
    """Say all that a model refuses, each with its place."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {say_refusal(fault)}" for fault in error.errors())
