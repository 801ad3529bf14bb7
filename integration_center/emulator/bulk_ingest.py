"""Bulk API 2.0 ingest jobs: their states, and the work behind them.

Open → UploadComplete → InProgress → JobComplete, Failed or Aborted. Rows saved before a job fails or is aborted stay
saved; the rest is unprocessed.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integration_center.emulator.bulk_csv import NULL, UnreadableUpload, Upload, parse_upload, write_results
from integration_center.emulator.clock import stamp
from integration_center.emulator.faults import JobFault
from integration_center.emulator.fields import Field
from integration_center.emulator.org import Org
from integration_center.emulator.refusals import RowError, RowResult
from integration_center.emulator.row_checks import InputRow
from integration_center.emulator.saving import Operation, save_rows
from integration_center.emulator.schema import SObject
from integration_center.emulator.uniqueness import UniqueValues

FINISHED = ("JobComplete", "Failed", "Aborted")


@dataclass
class IngestJob:
    """One ingest job.

    Attributes:
        content: the upload, once it came.
        abort_requested: set by the caller, seen by the worker between batches.
        outcomes: result of each processed row, by row number.
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
    outcomes: dict[int, RowResult] = field(default_factory=dict)
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

    def _numbers(self, *, success: bool) -> list[int]:
        """Return row numbers of one kind by record id: result files do not keep the upload's order."""
        numbers = [number for number, result in self.outcomes.items() if result.success is success]
        return sorted(numbers, key=lambda number: (self.outcomes[number].id or "", number))

    def successful(self) -> str:
        """Return the file of saved rows."""
        rows = (
            ((str(self.outcomes[number].id), str(self.outcomes[number].created).lower()), number)
            for number in self._numbers(success=True)
        )
        return self._results(("sf__Id", "sf__Created"), rows)

    def failures(self) -> str:
        """Return the file of refused rows."""
        rows = (
            ((self.outcomes[number].id or "", self.outcomes[number].errors[0].as_csv()), number)
            for number in self._numbers(success=False)
        )
        return self._results(("sf__Id", "sf__Error"), rows)

    def _results(self, added: Sequence[str], rows: Any) -> str:
        if self.upload is None:
            empty = Upload([], True, "", [], [])
            return write_results(added, empty, [], [], self.delimiter, self.line_ending)
        return write_results(added, self.upload, self.fields(), rows, self.delimiter, self.line_ending)

    def unprocessed(self) -> str:
        """Return the rows that were never tried, as they were sent."""
        if self.upload is None:
            return self.content.decode("utf-8", "replace") if self.content is not None else ""
        raw = [text for number, text in enumerate(self.upload.raw_rows) if number not in self.outcomes]
        return self.upload.raw_header + "".join(raw)


class IngestJobs:
    """The ingest jobs of one org, and the workers that carry them out."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: dict[str, IngestJob] = {}
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix=f"bulk-{org.profile.name}")
        self.batches = 0

    def add(self, job: IngestJob) -> None:
        """Register a new job."""
        self._jobs[job.id] = job

    def find(self, job_id: str) -> IngestJob | None:
        """Return a job by its id of 18 (or 15) characters."""
        return next((job for key, job in self._jobs.items() if key == job_id or key[:15] == job_id), None)

    def all(self) -> list[IngestJob]:
        """Return all jobs, oldest first."""
        return list(self._jobs.values())

    def remove(self, job: IngestJob) -> None:
        """Delete a job and its results."""
        del self._jobs[job.id]

    def start(self, job: IngestJob) -> None:
        """Queue a job whose upload is complete."""
        job.enter("UploadComplete", self._org.clock.now())
        self._workers.submit(self._work, job)

    def close(self) -> None:
        """Let no job begin any more and wait for the running ones."""
        for job in self._jobs.values():
            job.abort_requested = True
        self._org.bulk.resume()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _work(self, job: IngestJob) -> None:
        try:
            self._process(job)
        except Exception as error:
            # A worker has nobody to raise to: the job carries the message, as in the real org.
            job.error_message = f"InternalServerError : {type(error).__name__}"
            job.enter("Failed", self._org.clock.now())
            raise

    def _process(self, job: IngestJob) -> None:
        org = self._org
        org.bulk.running.wait()
        if job.state in FINISHED:
            return
        started = org.clock.now()
        job.enter("InProgress", started)
        try:
            upload = parse_upload(job.content or b"", job.line_ending, job.delimiter)
            self._check_header(job, upload)
        except UnreadableUpload as unreadable:
            job.error_message = str(unreadable)
            job.enter("Failed", org.clock.now())
            return
        job.upload = upload
        fault = org.faults.take_job()
        size = org.bulk.batch_rows if fault is None else min(org.bulk.batch_rows, max(1, fault.after_rows))
        for start in range(0, len(upload.rows), size):
            org.bulk.running.wait()
            if job.abort_requested or (fault is not None and start >= fault.after_rows):
                break
            self._save_batch(job, upload, range(start, min(start + size, len(upload.rows))))
            self.batches += 1
        job.milliseconds = int((org.clock.now() - started).total_seconds() * 1000)
        self._finish(job, fault)

    def _finish(self, job: IngestJob, fault: JobFault | None) -> None:
        now = self._org.clock.now()
        if job.abort_requested:
            job.enter("Aborted", now)
        elif fault is not None:
            job.error_message = fault.message if fault.state == "Failed" else None
            job.enter(fault.state, now)
        else:
            job.enter("JobComplete", now)

    def _check_header(self, job: IngestJob, upload: Upload) -> None:
        for name in upload.header:
            relationship, dot, remote = name.partition(".")
            if dot:
                known = self._find_lookup(job.sobject, relationship, remote) is not None
            else:
                known = self._org.schema.find_field(job.sobject, name) is not None
            if not known:
                raise UnreadableUpload(f"InvalidBatch : Field name not found : {name}")

    def _find_lookup(self, sobject: SObject, relationship: str, remote: str) -> tuple[Field, SObject, Field] | None:
        """Return the lookup field, the parent and the parent's field of a `Owner.Email` column."""
        # A polymorphic lookup takes the parent's type first: `User:Owner.Email`.
        type_name, colon, plain = relationship.rpartition(":")
        lookup = sobject.by_relationship.get(plain.lower())
        if lookup is None or bool(colon) is not (len(lookup.reference_to) > 1):
            return None
        parent = self._org.schema.find(type_name if colon else lookup.reference_to[0])
        target = self._org.schema.find_field(parent, remote) if parent else None
        if parent is None or target is None or not (target.id_lookup or target.external_id):
            return None
        return lookup, parent, target

    def _save_batch(self, job: IngestJob, upload: Upload, numbers: range) -> None:
        header = upload.header
        rows: list[InputRow] = []
        for number in numbers:
            cells = upload.rows[number]
            # An empty cell leaves the field alone; only #N/A clears it.
            rows.append(
                {
                    name: None if cell == NULL else cell
                    for name, cell in zip(header, cells, strict=True)
                    if cell != "" or name in ("Id", job.key_field)
                }
            )
        unresolved = self._resolve_lookups(job, header, rows)
        kept = [row for index, row in enumerate(rows) if index not in unresolved]
        saved = iter(
            save_rows(
                self._org, job.sobject, job.operation, kept, key_field=job.key_field, columns=header
            )
        )  # fmt: skip
        for index, number in enumerate(numbers):
            result = unresolved[index] if index in unresolved else next(saved)
            if not result.success:
                job.failed += 1
            job.outcomes[number] = result
            job.processed += 1

    def _resolve_lookups(self, job: IngestJob, header: Sequence[str], rows: list[InputRow]) -> dict[int, RowResult]:
        """Replace columns such as `Account.Name` by the parent's id; return the rows where there is none."""
        unresolved: dict[int, RowResult] = {}
        for name in header:
            relationship, dot, remote = name.partition(".")
            found = self._find_lookup(job.sobject, relationship, remote) if dot else None
            if found is None:
                continue
            lookup, parent, target = found
            values = UniqueValues(self._org, parent, target.name)
            owners = values.owners([str(row[name]) for row in rows if row.get(name)])
            for index, row in enumerate(rows):
                if name not in row:
                    continue
                replaced = {key: value for key, value in row.items() if key != name}
                if row[name] is None:
                    replaced[lookup.name] = None
                else:
                    ids = owners.get(values.fold(str(row[name])), [])
                    if len(ids) != 1:
                        unresolved[index] = _foreign_key_error(target, row[name], lookup)
                        continue
                    replaced[lookup.name] = ids[0]
                rows[index] = replaced
        return unresolved


def _foreign_key_error(target: Field, value: object, lookup: Field) -> RowResult:
    message = f"Foreign key external ID: {value} not found for field {target.name} in entity {lookup.reference_to[0]}"
    return RowResult(errors=[RowError("INVALID_FIELD", message, (lookup.name,))])
