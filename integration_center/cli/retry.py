"""`retry`: send the failed records of a run again."""

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.history import find_sync
from integration_center.cli.output import AsJson, Quiet
from integration_center.cli.release import Run, Slug
from integration_center.cli.runs import Launch, launch
from integration_center.cli.sync_output import finish, read_troubles
from integration_center.installation import open_installation
from integration_center.integration_files.places import find_folder
from integration_center.pipeline.jobs.retry import describe_retry, request_retry, require_retryable
from integration_center.pipeline.judging import read_folder
from integration_center.settings import read_paths
from integration_center.sync.outcomes import WRITTEN
from integration_center.sync.sample import sample_changes


def retry_failed(run: Run, slug: Slug = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Send the records again that Salesforce refused in a run, or that it never reached. The others stay as they are.

    The org is read first: what somebody has changed since is left alone. Once a newer run has written, run the
    integration instead.
    """
    loaded = read_folder(find_folder(read_paths()))
    with open_installation() as installation:
        source = find_sync(installation, run, slug)
        environment, spec = require_retryable(installation, source)
        wanted = Launch(
            request_retry(source, environment, spec, COMMAND_LINE),
            source.slug,
            environment,
            Action.RETRIED,
            describe_retry(source),
        )
        sync = launch(installation, loaded, wanted, quiet=quiet or as_json)
        sample = sample_changes(installation.ledgers.read(sync.run_id, sync.slug), *WRITTEN) if sync.plan_id else []
        troubles = read_troubles(installation, sync)
    finish(sync, sample, troubles=troubles, as_json=as_json)
