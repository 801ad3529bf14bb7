"""The calls of Bulk API 2.0 ingest."""

from dataclasses import replace
from email import message_from_bytes
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.bulk.csv import DELIMITERS, LINE_ENDINGS
from salesforce_emulator.bulk.ingest import IngestJobs
from salesforce_emulator.bulk.ingest_job import FINISHED, IngestJob
from salesforce_emulator.refusals import Refusal, not_found

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
MAX_MULTIPART = 100_000
MAX_UPLOAD = 150_000_000
CSV = "text/csv"


def _invalid_job(message: str, code: str = "INVALIDJOB") -> Refusal:
    return Refusal(400, code, f"InvalidJob : {message}" if code == "INVALIDJOB" else message)


def _find(call: Call) -> IngestJob:
    job = call.org.part(IngestJobs).find(str(call.params["id"]))
    if job is None:
        raise not_found()
    return job


def _build_job(call: Call, wanted: dict[str, Any]) -> IngestJob:
    org = call.org
    operation = wanted.get("operation")
    if operation not in OPERATIONS:
        raise _invalid_job(f"Unable to find the operation: {operation}")
    sobject = org.schema.find(str(wanted.get("object", "")))
    if sobject is None:
        raise _invalid_job(f"Unable to find object: {wanted.get('object')}")
    if not (sobject.bulk and sobject.writable):
        raise Refusal(400, "INVALIDENTITY", f"Entity '{sobject.name}' is not supported by the Bulk API.")
    if operation == "hardDelete" and not org.rights.permits("PermissionsBulkApiHardDelete"):
        raise Refusal(400, "FEATURENOTENABLED", "FeatureNotEnabled : hardDelete operation requires special permission")
    if wanted.get("contentType", "CSV") != "CSV":
        raise _invalid_job(f"Content type {wanted['contentType']} is not supported")
    key_field = wanted.get("externalIdFieldName")
    if operation == "upsert":
        target = org.schema.find_field(sobject, str(key_field or ""))
        if target is None or not (target.external_id or target.id_lookup):
            raise _invalid_job(
                f"Field name provided, {key_field} does not match an External ID, Salesforce Id, or indexed field for "
                f"{sobject.name}"
            )
        key_field = target.name
    elif key_field:
        raise _invalid_job("External ID field is only allowed for upsert")
    line_ending, delimiter = wanted.get("lineEnding", "LF"), wanted.get("columnDelimiter", "COMMA")
    if line_ending not in LINE_ENDINGS or delimiter not in DELIMITERS:
        raise _invalid_job("Invalid line ending or column delimiter")
    return IngestJob(
        id=org.new_id("750"),
        sobject=sobject,
        operation=operation,
        version=call.version,
        created_by=org.profile.user_id,
        created=org.clock.now(),
        key_field=key_field,
        line_ending=line_ending,
        delimiter=delimiter,
        assignment_rule=wanted.get("assignmentRuleId"),
    )


def create_job(call: Call) -> Answer:
    """`POST /jobs/ingest`: a new open job, or with a multipart body one that is uploaded already."""
    content_type = call.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        return _create_with_content(call, content_type)
    job = _build_job(call, call.json_object())
    call.org.part(IngestJobs).add(job)
    return Answer(data=job.as_created())


def _create_with_content(call: Call, content_type: str) -> Answer:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + call.body)
    parts = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            payload = part.get_payload(decode=True)
            parts[name] = payload if isinstance(payload, bytes) else b""
    if set(parts) != {"job", "content"}:
        raise _invalid_job("A multipart request needs the parts job and content")
    if len(parts["content"].decode("utf-8", "replace")) > MAX_MULTIPART:
        raise Refusal(400, "EXCEEDEDQUOTA", f"ExceededQuota : Content is larger than {MAX_MULTIPART} characters")
    described = replace(call, body=parts["job"]).json_object()
    job = _build_job(call, described)
    job.content = parts["content"]
    call.org.part(IngestJobs).add(job)
    call.org.part(IngestJobs).start(job)
    return Answer(data=job.short())


def upload(call: Call) -> Answer:
    """`PUT /jobs/ingest/{id}/batches`: the one upload of an open job."""
    job = _find(call)
    if job.state != "Open":
        raise Refusal(400, "INVALIDJOBSTATE", f"Upload not allowed in state {job.state}")
    if not call.headers.get("content-type", "").startswith(CSV):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The content type must be text/csv")
    if job.content is not None:
        raise _invalid_job(
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job then "
            "create a new Job and make sure you only do 'PUT' once on a given Job."
        )
    if len(call.body) * 4 // 3 > MAX_UPLOAD:
        raise Refusal(413, "REQUEST_ENTITY_TOO_LARGE", "The upload is larger than 150 MB")
    job.content = call.body
    return Answer(201)


def change_state(call: Call) -> Answer:
    """`PATCH /jobs/ingest/{id}`: close the upload, or abort."""
    job, org = _find(call), call.org
    state = call.json_object().get("state")
    if state == "UploadComplete":
        if job.state != "Open":
            raise Refusal(400, "INVALIDJOBSTATE", f"Job is already in state {job.state}")
        if job.content is None:
            raise Refusal(400, "INVALIDJOBSTATE", "InvalidJobState : No data was uploaded for the job")
        org.part(IngestJobs).start(job)
        return Answer(data={**job.short(), "state": "UploadComplete"})
    if state == "Aborted":
        if job.state in FINISHED:
            done = {"JobComplete": "Completed"}.get(job.state, job.state)
            raise Refusal(400, "INVALIDJOBSTATE", f"Aborting already {done} Job not allowed")
        job.abort_requested = True
        if job.state != "InProgress":
            job.enter("Aborted", org.clock.now())
        return Answer(data={**job.short(), "state": "Aborted"})
    raise Refusal(400, "INVALIDJOBSTATE", f"InvalidJobState : Unable to change the job to {state}")


def poll(call: Call) -> Answer:
    """`GET /jobs/ingest/{id}`: the job as it is now."""
    return Answer(data=_find(call).full())


def delete_job(call: Call) -> Answer:
    """`DELETE /jobs/ingest/{id}`: not while it is open or at work."""
    job = _find(call)
    if job.state in ("Open", "InProgress"):
        message = "Error encountered when deleting the job because the job is not terminated"
        raise Refusal(400, "API_ERROR", message)
    call.org.part(IngestJobs).remove(job)
    return Answer(204)


def list_jobs(call: Call) -> Answer:
    """`GET /jobs/ingest`: all jobs on one page."""
    wanted = call.query.get("jobType")
    jobs = [job.full() for job in call.org.part(IngestJobs).all()] if wanted in (None, "V2Ingest", "All") else []
    dropped = ("retries", "totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime", "errorMessage")
    records = [{key: value for key, value in job.items() if key not in dropped} for job in jobs]
    return Answer(data={"done": True, "records": records, "nextRecordsUrl": None})


def results(call: Call) -> Answer:
    """`GET /jobs/ingest/{id}/successfulResults`, `failedResults` or `unprocessedrecords`, of a finished job."""
    job = _find(call)
    if job.state not in FINISHED:
        raise Refusal(400, "INVALIDJOBSTATE", f"The job is not finished: {job.state}")
    kind = str(call.params["kind"]).lower()
    writers = {
        "successfulresults": job.successful,
        "failedresults": job.failures,
        "unprocessedrecords": job.unprocessed,
    }
    if kind not in writers:
        raise not_found()
    return Answer(text=writers[kind](), content_type=CSV)
