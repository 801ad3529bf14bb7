"""How the org says no: one type for whole requests, one for single rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field


class Refusal(Exception):
    """The org refuses a request as a whole.

    Args:
        status: the HTTP status.
        code: Salesforce's error code.
        message: the message text.
        fields: named fields; when given (even empty) the body has a `fields` key.
    """

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, object]]:
        """Return the data APIs' error body, which is a list."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]


@dataclass(frozen=True)
class RowError:
    """Why one row was not saved."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def as_row(self) -> dict[str, object]:
        """Return the shape inside a list of row results, where the code's key is `statusCode`."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def as_refusal(self, status: int = 400) -> Refusal:
        """Return the refusal of a call that was about this one row."""
        return Refusal(status, self.code, self.message, self.fields)

    def as_csv(self) -> str:
        """Return the text of a Bulk result's `sf__Error` cell."""
        named = f"{','.join(self.fields)} " if self.fields else ""
        return f"{self.code}:{self.message}:{named}--"


@dataclass(slots=True)
class RowResult:
    """What became of one row.

    Attributes:
        id: the 18-character id, when the row has one.
        created: whether a record was made.
        errors: empty when the row was saved.
    """

    id: str | None = None
    created: bool = False
    errors: list[RowError] = field(default_factory=list)

    @property
    def success(self) -> bool:
        """Tell a saved row."""
        return not self.errors


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    """Return the refusal of a path or record that is not there."""
    return Refusal(404, "NOT_FOUND", message)
