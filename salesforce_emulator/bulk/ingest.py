"""The work behind Bulk API 2.0 ingest jobs.

Open → UploadComplete → InProgress → JobComplete, Failed or Aborted. Rows saved before a job fails or is aborted stay
saved; the rest is unprocessed.
"""

from concurrent.futures import ThreadPoolExecutor

from salesforce_emulator.bulk.csv import NULL, UnreadableUpload, Upload, parse_upload
from salesforce_emulator.bulk.ingest_job import FINISHED, IngestJob
from salesforce_emulator.bulk.lookups import find_lookup, resolve_lookups
from salesforce_emulator.faults import JobFault
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.row_checks import InputRow
from salesforce_emulator.org.saving import save_rows


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
        job.take(upload)
        fault = org.faults.take_job()
        end = len(upload.raw_rows) if fault is None else min(fault.after_rows, len(upload.raw_rows))
        for start in range(0, end, org.bulk.batch_rows):
            org.bulk.running.wait()
            if job.abort_requested:
                break
            self._save_batch(job, upload, range(start, min(start + org.bulk.batch_rows, end)))
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
            if "." in name:
                known = find_lookup(self._org, job.sobject, name) is not None
            else:
                known = self._org.schema.find_field(job.sobject, name) is not None
            if not known:
                raise UnreadableUpload(f"InvalidBatch : Field name not found : {name}")

    def _save_batch(self, job: IngestJob, upload: Upload, numbers: range) -> None:
        header = upload.header
        rows: list[InputRow] = []
        for cells in upload.rows(numbers.start, numbers.stop):
            # An empty cell leaves the field alone; only #N/A clears it.
            rows.append(
                {
                    name: None if cell == NULL else cell
                    for name, cell in zip(header, cells, strict=True)
                    if cell != "" or name in ("Id", job.key_field)
                }
            )
        unresolved = resolve_lookups(self._org, job.sobject, header, rows)
        kept = [row for index, row in enumerate(rows) if index not in unresolved]
        saved = iter(save_rows(self._org, job.sobject, job.operation, kept, key_field=job.key_field, columns=header))
        for index in range(len(numbers)):
            job.note(unresolved[index] if index in unresolved else next(saved))
