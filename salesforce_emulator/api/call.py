"""One call to a data API, and the answer to it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import Refusal
from salesforce_emulator.schema.schema import SObject

JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """What the org answers.

    Attributes:
        data: a JSON value; None for no body.
        text: a body that is not JSON; takes the place of `data`.
    """

    status: int = 200
    data: Any = None
    text: str | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, *, pretty: bool = False) -> bytes:
        """Return the body as bytes."""
        if self.text is not None:
            return self.text.encode()
        if self.data is None:
            return b""
        if pretty:
            return json.dumps(self.data, ensure_ascii=False, indent=2).encode()
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Call:
    """One call, read to its end.

    Attributes:
        params: variable parts of the path.
        query: query parameters.
        headers: request headers by lower-case name.
        dispatch: runs another call inside this one, for composite requests.
    """

    org: Org
    method: str
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    dispatch: Callable[["Call"], Answer]

    @property
    def version(self) -> str:
        """The API version of the path, such as `66.0`."""
        return str(self.params["version"])

    @property
    def base(self) -> str:
        """The path up to the version."""
        return f"/services/data/v{self.version}"

    @property
    def allows_duplicates(self) -> bool:
        """Whether the call passes duplicate rules that only alert."""
        options = self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        return "allowsave=true" in options.split(";")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Refusal: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, "JSON_PARSER_ERROR", "Unexpected character in the request body") from error

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise Refusal(400, "JSON_PARSER_ERROR", "The request body must be a JSON object")
        return found

    def sobject(self, name: str | None = None) -> SObject:
        """Return the object that the path (or the caller) names.

        Raises:
            Refusal: there is none.
        """
        found = self.org.schema.find(str(self.params["sobject"]) if name is None else name)
        if found is None:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def writable_sobject(self) -> SObject:
        """Return the object of the path, if its records may be written.

        Raises:
            Refusal: they may not.
        """
        found = self.sobject()
        if not found.writable:
            message = f"entity type cannot be written: {found.name}"
            raise Refusal(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])
        return found


Handler = Callable[[Call], Answer]
