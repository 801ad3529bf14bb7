"""Export jobs of the local Insights API: a report written into a file behind a presigned address."""

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl


@dataclass
class Export:
    """One export, which is ready after a given number of looks.

    Attributes:
        rows: what the file holds.
        looks: how often it will say that it is not ready yet.
        signature: opens the file up to `ends` (`time.monotonic`); empty until it is ready.
    """

    id: str
    rows: pl.DataFrame
    looks: int
    signature: str = ""
    ends: float = field(default=0.0)

    def look(self, base: str, error: str | None, life: float) -> dict[str, object]:
        """The export as its address shows it; each look brings it closer to its end.

        Args:
            base: of the addresses of files.
            error: the message with which it fails instead of ending well.
            life: seconds for which the file's address is good.
        """
        if self.looks > 0:
            self.looks -= 1
            return {"exportId": self.id, "status": "running"}
        if error is not None:
            return {"exportId": self.id, "status": "failed", "error": {"code": "export_failed", "message": error}}
        self.signature, self.ends = secrets.token_urlsafe(24), time.monotonic() + life
        return {
            "exportId": self.id,
            "status": "completed",
            "rowCount": self.rows.height,
            "url": f"{base}/{self.id}.csv?signature={self.signature}",
            "expiresAt": (datetime.now(UTC) + timedelta(seconds=life)).isoformat(),
        }

    def opens(self, signature: str) -> bool:
        """Whether the signature is that of the file, and still good."""
        known = bool(self.signature) and secrets.compare_digest(signature.encode(), self.signature.encode())
        return known and time.monotonic() < self.ends

    def file(self, *, cut: bool) -> str:
        """The rows as CSV; without the last ones when it is cut."""
        return (self.rows.head(self.rows.height // 2) if cut else self.rows).write_csv()


def read_period(body: bytes) -> tuple[int | None, int | None] | None:
    """`from` and `to` of the JSON that asks for an export; None when it asks for something else."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or asked.get("format") != "csv":
        return None
    period = (asked.get("from"), asked.get("to"))
    return period if all(moment is None or type(moment) is int for moment in period) else None
