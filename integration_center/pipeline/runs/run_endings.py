"""Why a run ended without closing its line in the log of syncs, in one sentence, from what Dagster stored."""

import dagster as dg
from dagster import DagsterEvent
from dagster_shared.error import SerializableErrorInfo

from integration_center import errors
from integration_center.insights.catalogue import report_slug
from integration_center.pipeline.names import (
    NO_DAY,
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    push_key,
    report_key,
    update_set_key,
)
from integration_center.wording.markdown import unescape_markdown
from integration_center.wording.remedies import Said

REMEDY = "remedy"
"""The metadata of a failure or check that says what to do at a terminal."""
DIED = "the run ended without finishing this sync; see its log in the Dagster UI"
DELETED = "the run was deleted in Dagster before it finished this sync"
CANCELLED = "cancelled in the Dagster UI"
CANCELLED_BY = "cancelled in the console by "
STOPPED = "an admin stopped everything"
BY_PEOPLE = (CANCELLED, CANCELLED_BY, STOPPED)
"""What the reason of a run begins with that a person ended."""
INTERRUPTED = "stopped by Ctrl-C or a signal; run it again: the next run finds out what was written"

BY_A_PERSON = frozenset({"Sending run termination request.", "Canceling run from the queue."})
"""What Dagster 1.13 notes when somebody asks it to end a run; its own reasons to end one have other texts."""
FROM_OUTSIDE = "This run has been marked as failed from outside the execution context."
"""What Dagster 1.13 notes of a failed run when it has no text for it; an engine event before it has the reason."""
LONGEST_REASON = 300
NOT_LOADED = (
    "{asset} could not be loaded by its IO manager ({cause}): it was probably not materialized yet for this day."
    " Materialize it, then run again; nothing was written"
)
NOT_LOADED_TOGETHER = (
    "{asset} could not be loaded for all days of this run by its IO manager ({cause}). Either a day was not"
    " materialized yet, or the IO manager loads one partition at a time: start a run for each day then, or for the"
    " newest day alone; nothing was written"
)
NO_SUCH_PARTITION = (
    "{asset} has no partition for this day. Where its partitions are not days or hours, write `partitions: all` below"
    " `source:`; nothing was written"
)
OTHER_ZONE = (
    "{asset} is partitioned by days of another time zone. To read the partition of the same date, write"
    " `partitions: date` below `source:`; nothing was written"
)
STEP_START = dg.DagsterEventType.STEP_START
BEFORE = "step {step} failed, so this sync was not begun and nothing was written; see its log in the Dagster UI"
OURS = frozenset(name for name, value in vars(errors).items() if isinstance(value, type))
DAY_TAGS = frozenset({PARTITION_TAG, RANGE_START_TAG})
INTERRUPTIONS = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt"})


def explain_ending(instance: dg.DagsterInstance, run: dg.DagsterRun | None, slug: str, report: str) -> str | Said:
    """Say why a finished run left its line of `slug` open.

    Args:
        instance: Dagster's.
        run: as Dagster knows it; None when it was deleted.
        slug: the integration.
        report: its report; empty when that is unknown.
    """
    if run is None:
        return DELETED
    return (
        explain_interruption(instance, run.run_id)
        or _find_failure(instance, run, slug, report)
        or _find_earlier_failure(instance, run.run_id, slug)
        or _find_reason_of_dagster(instance, run.run_id)
        or DIED
    )


def explain_interruption(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Say who stopped a run: a person in the Dagster UI, Dagster itself, or a signal. None when nobody did."""
    requests = read_events(instance, run_id, dg.DagsterEventType.RUN_CANCELING)
    if any(request.message == STOPPED for request in requests):
        return f"{STOPPED}; what was written by then is booked, by this run or the next one"
    if requests:
        # Dagster notes a request of its own after ours.
        if ours := [said for request in requests if (said := request.message or "").startswith(CANCELLED_BY)]:
            return ours[0]
        said = requests[-1].message or ""
        return CANCELLED if said in BY_A_PERSON else _by_dagster(said)
    failures = read_events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)
    causes = [event.step_failure_data.error for event in failures]
    return INTERRUPTED if any(error and error.cls_name in INTERRUPTIONS for error in causes) else None


def _find_failure(instance: dg.DagsterInstance, run: dg.DagsterRun, slug: str, report: str) -> str | Said | None:
    """What the first failed step of this integration said, without its stack; None when none of its steps failed.

    A run may carry several integrations, so the steps of the others are passed over.
    """
    keys = [update_set_key(slug), push_key(slug), *([report_key(report_slug(report))] if report else [])]
    steps = {key.to_python_identifier() for key in keys}
    for event in read_events(instance, run.run_id, dg.DagsterEventType.STEP_FAILURE):
        if (event.step_key or "").partition(".")[0] not in steps:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            remedy = data.user_failure_data.metadata.get(REMEDY)
            said = remedy.value if isinstance(remedy, dg.JsonMetadataValue) else None
            return Said(**said) if isinstance(said, dict) else data.user_failure_data.description
        if said := _failed_checks(instance, run.run_id, keys):
            return said
        if data.error:
            # Dagster's own error when it loads the frames of a step without knowing their day.
            without_day = data.error.cls_name == "DagsterInvariantViolationError" and not DAY_TAGS & run.tags.keys()
            several = run.tags.get(RANGE_START_TAG) != run.tags.get(RANGE_END_TAG)
            explained = _explain_input(data.error, report, several=several)
            return NO_DAY if without_day else explained or read_error(data.error)
    return None


def _explain_input(error: SerializableErrorInfo, report: str, *, several: bool) -> str | None:
    """Say why what an integration reads could not be loaded; None for any other error, and for errors of ours.

    Args:
        error: of the step.
        report: the asset.
        several: whether the run is for more than one day.
    """
    asset, causes = f"asset {report!r}" if report else "what it reads", [error]
    while cause := causes[-1].cause or causes[-1].context:
        causes.append(cause)
    if any(link.cls_name in OURS for link in causes):
        return None
    if error.cls_name == "DagsterExecutionLoadInputError":
        return (NOT_LOADED_TOGETHER if several else NOT_LOADED).format(asset=asset, cause=causes[-1].cls_name)
    if error.cls_name == "DagsterInvariantViolationError" and "invalid partitions" in error.message:
        return NO_SUCH_PARTITION.format(asset=asset)
    if error.cls_name == "DagsterInvalidDefinitionError" and "Timezones " in error.message:
        return OTHER_ZONE.format(asset=asset)
    return None


def _find_earlier_failure(instance: dg.DagsterInstance, run_id: str, slug: str) -> str | None:
    """Say which step failed before the first one of this integration; None where one of its steps was begun."""
    own = {key.to_python_identifier() for key in (update_set_key(slug), push_key(slug))}
    begun = {(event.step_key or "").partition(".")[0] for event in read_events(instance, run_id, STEP_START)}
    failed = [event.step_key for event in read_events(instance, run_id, dg.DagsterEventType.STEP_FAILURE)]
    return BEFORE.format(step=failed[0]) if failed and not begun & own else None


def _failed_checks(instance: dg.DagsterInstance, run_id: str, keys: list[dg.AssetKey]) -> Said | None:
    """What the blocking checks that failed on these assets said; None when none did."""
    events = read_events(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    failed = [
        evaluation
        for evaluation in (event.asset_check_evaluation_data for event in events)
        if evaluation.asset_key in keys and evaluation.blocking and not evaluation.passed
    ]
    said = [f"{each.asset_key.to_user_string()}: {unescape_markdown(each.description or '')}" for each in failed]
    remedies = [str(each.metadata[REMEDY].value) for each in failed if REMEDY in each.metadata]
    return Said("; ".join(said), "; ".join(remedies)) if failed else None


def _find_reason_of_dagster(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why Dagster ended a run that it lost, dropped from its queue, or could not start; None when it does not say."""
    for event in read_events(instance, run_id, dg.DagsterEventType.RUN_FAILURE):
        if event.event_specific_data and (error := event.job_failure_data.error):
            return _by_dagster(read_error(error))
        if event.message and event.message != FROM_OUTSIDE:
            return _by_dagster(event.message)
    for event in reversed(read_events(instance, run_id, dg.DagsterEventType.ENGINE_EVENT)):
        if error := event.engine_event_data.error:
            return _by_dagster(f"{event.message} ({read_error(error)})")
    return None


def read_error(error: SerializableErrorInfo) -> str:
    """The sentence of an error as Dagster stored it: that of our own error behind it, else the first line."""
    chain = [error]
    while cause := chain[-1].cause or chain[-1].context:
        chain.append(cause)
    for link in chain:
        if link.cls_name in OURS:
            return link.message.strip().partition(": ")[2]
    return error.message.strip().partition("\n")[0]


def _by_dagster(reason: str) -> str:
    short = " ".join(reason.split())
    return f"Dagster ended the run: {short[:LONGEST_REASON]}"


def read_events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[DagsterEvent]:
    """Read the events of one kind of a run, the oldest first."""
    records = instance.get_records_for_run(run_id, of_type=kind).records
    return [event for record in records if (event := record.event_log_entry.dagster_event) is not None]
