"""Recognize the error of a service, which is a JSON object, in the place of a report or below its rows."""

import json
from collections.abc import Collection

from integration_center.files.file_bytes import Data

LOOKED_AT = 100_000
SAYS_ERROR = frozenset({"error", "errors", "errormessage", "message", "detail", "details", "fault", "exception"})
BESIDE_ERRORS = frozenset(
    {"code", "errorcode", "status", "statuscode", "type", "title", "reason", "description", "errordescription", "ok"}
    | {"success", "instance", "path", "timestamp", "time", "requestid", "traceid", "correlationid", "trace", "hint"}
    | {"field", "name", "id", "url", "documentationurl", "innererror"}
)
"""What services write beside an error, without regard to case, `_` and `-`."""


def find_service_error(data: Data) -> list[str]:
    """Find the names in the error of a service, such as `{"error": "expired", "code": 410}`; none in any other file."""
    if len(data) > LOOKED_AT or not (text := bytes(data).strip()).startswith(b"{"):
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return list(found) if is_service_error(found) else []


def is_service_error(names: Collection[str]) -> bool:
    """Return whether an object with these names is the error of a service."""
    plain = {name.lower().replace("_", "").replace("-", "") for name in names}
    return bool(plain & SAYS_ERROR) and plain <= SAYS_ERROR | BESIDE_ERRORS
