"""What Salesforce's codes for refused records mean, in a few words for people.

Salesforce's own messages quote values of records, so they are in the ledger alone. Its codes name no value.
Source: SOAP API Developer Guide, "StatusCode".
"""

from collections.abc import Mapping

from integration_center.wording.sentences import count

REFUSED = "refused"
"""Where the counts of a sync keep, by Salesforce's code, how many records it refused."""

AUTOMATION = "by a trigger or flow of the org"
RIGHTS = "because the connected user may not edit them"
CODE_WORDS: Mapping[str, str] = {
    "DUPLICATES_DETECTED": "by a duplicate rule",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "by a validation rule",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "by the filter of a lookup field",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": AUTOMATION,
    "CANNOT_EXECUTE_FLOW_TRIGGER": AUTOMATION,
    "APEX_ERROR": AUTOMATION,
    "REQUIRED_FIELD_MISSING": "because a required field is empty",
    "INSUFFICIENT_ACCESS_OR_READONLY": RIGHTS,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": RIGHTS,
    "INVALID_FIELD_FOR_INSERT_UPDATE": "because the connected user may not edit a field",
    "ENTITY_IS_LOCKED": "because they are locked, such as for an approval",
    "ENTITY_IS_DELETED": "because they were deleted",
    "UNABLE_TO_LOCK_ROW": "because something else was changing them",
    "DUPLICATE_VALUE": "because another record has the value already",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "because a value is not in the picklist",
    "INVALID_EMAIL_ADDRESS": "because an e-mail address is not valid",
    "STRING_TOO_LONG": "because a text is too long",
    "STORAGE_LIMIT_EXCEEDED": "because the org's storage is full",
}
"""What follows "refused" for each code. Other codes are shown as they are."""


def say_refusal(refused: Mapping[str, int]) -> str:
    """Say why records were refused, as it follows "refused"; empty where that is not known.

    Args:
        refused: the records by code.

    Returns:
        ` by a duplicate rule (DUPLICATES_DETECTED)`, or `, most often … , and for 2 other reasons`.
    """
    if not refused:
        return ""
    code = min(refused, key=lambda each: (-refused[each], each))
    words = (
        f"{CODE_WORDS[code]} ({code})" if code in CODE_WORDS else f"with the code {code}" if code else "without a code"
    )
    others = len(refused) - 1
    if not others:
        return f" {words}"
    return f", most often {words}, and for {count(others, 'other reason')}"
