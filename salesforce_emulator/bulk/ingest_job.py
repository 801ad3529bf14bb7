"""One Bulk API 2.0 ingest job: its states, its answers, its result files.

The fields of an answer differ by call, as recordings show.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from salesforce_emulator.bulk.csv import Upload, write_results
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.saving import Operation
from salesforce_emulator.org.spool import Spool
from salesforce_emulator.refusals import RowResult
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.schema import SObject

FINISHED = ("JobComplete", "Failed", "Aborted")
_NO_ID = b" " * 18


@dataclass
class IngestJob:
    """One ingest job.

    Attributes:
        content: the upload, once it came; empty again when it has become `upload`.
        abort_requested: set by the caller, seen by the worker between batches.
        ids: the 18-character ids of the processed rows, one after another; blanks where a row was refused.
        refused: the results of the rows that were not saved.
        made: the numbers of the rows that made a record.
    """

    id: str
    sobject: SObject
    operation: Operation
    version: str
    created_by: str
    created: datetime
    key_field: str | None = None
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    assignment_rule: str | None = None
    state: str = "Open"
    modified: datetime = field(init=False)
    content: bytes | None = None
    upload: Upload | None = None
    error_message: str | None = None
    abort_requested: bool = False
    ids: bytearray = field(default_factory=bytearray)
    refused: dict[int, RowResult] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    processed: int = 0
    failed: int = 0
    milliseconds: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.modified = self.created

    def enter(self, state: str, now: datetime) -> None:
        """Change the state."""
        self.state = state
        self.modified = now
        if state in FINISHED:
            self.done.set()

    def short(self) -> dict[str, Any]:
        """Return what all answers about the job have."""
        row: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.sobject.name,
            "createdById": self.created_by,
            "createdDate": f"{stamp(self.created)}.000+0000",
            "systemModstamp": f"{stamp(self.modified)}.000+0000",
            "state": self.state,
        }
        if self.assignment_rule:
            row["assignmentRuleId"] = self.assignment_rule
        if self.operation == "upsert":
            row["externalIdFieldName"] = self.key_field
        return row | {"concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(self.version)}

    def as_created(self) -> dict[str, Any]:
        """Return the answer to the job's creation."""
        row = self.short()
        if self.state == "Open":
            row["contentUrl"] = self.content_url
        return row | {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}

    @property
    def content_url(self) -> str:
        """Where to upload; without a leading slash, as the org gives it."""
        return f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"

    def full(self) -> dict[str, Any]:
        """Return the answer to a poll."""
        row = self.short() | {"jobType": "V2Ingest"}
        if self.state == "Open":
            row["contentUrl"] = self.content_url
        row |= {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}
        if self.content is not None:
            row |= {"numberRecordsProcessed": self.processed, "numberRecordsFailed": self.failed}
        if self.state == "Failed" and self.error_message:
            row["errorMessage"] = self.error_message
        return row | {
            "retries": 0,
            "totalProcessingTime": self.milliseconds,
            "apiActiveProcessingTime": self.milliseconds,
            "apexProcessingTime": 0,
        }

    def fields(self) -> list[Field | None]:
        """Return the field of each column of the upload."""
        header = self.upload.header if self.upload else []
        return [self.sobject.by_name.get(name.lower()) for name in header]

    def take(self, upload: Upload) -> None:
        """Keep the parsed upload in place of its bytes."""
        self.upload, self.content = upload, b""

    def note(self, result: RowResult) -> None:
        """Keep what became of the next row."""
        if result.success:
            self.ids += str(result.id).encode()
            if result.created:
                self.made.add(self.processed)
        else:
            self.ids += _NO_ID
            self.refused[self.processed] = result
            self.failed += 1
        self.processed += 1

    def successful(self) -> str:
        """Return the file of saved rows."""
        width = len(_NO_ID)
        saved = [
            (self.ids[width * number : width * (number + 1)].decode(), number)
            for number in range(self.processed)
            if number not in self.refused
        ]
        # By record id: result files do not keep the upload's order.
        saved.sort(reverse=True)
        rows = (((record_id, "true" if number in self.made else "false"), number) for record_id, number in saved)
        return self._results(("sf__Id", "sf__Created"), rows)

    def failures(self) -> str:
        """Return the file of refused rows."""
        found = sorted(((item.id or "", number) for number, item in self.refused.items()), reverse=True)
        rows = (((record_id, self.refused[number].errors[0].as_csv()), number) for record_id, number in found)
        return self._results(("sf__Id", "sf__Error"), rows)

    def _results(self, added: Sequence[str], rows: Iterable[tuple[Sequence[str], int]]) -> str:
        if self.upload is None:
            empty = Upload([], True, "", Spool(), "")
            return write_results(added, empty, [], [], self.delimiter, self.line_ending)
        return write_results(added, self.upload, self.fields(), rows, self.delimiter, self.line_ending)

    def unprocessed(self) -> str:
        """Return the rows that were never tried, as they were sent."""
        if self.upload is None:
            return self.content.decode("utf-8", "replace") if self.content is not None else ""
        # Rows are taken in order, so those that were not reached are at the end.
        return self.upload.raw_header + self.upload.raw_rows.read(self.processed, len(self.upload.raw_rows))
