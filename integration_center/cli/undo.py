"""`undo` and `retry`: write back what a sync changed, or send again what failed in it."""

import sys
from functools import partial
from typing import Annotated

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.arguments import Run, Slug
from integration_center.cli.history import find_sync
from integration_center.cli.output import AsJson, Quiet, console, print_json
from integration_center.cli.runs import Launch, launch, read_sample, run_and_finish
from integration_center.cli.sync_output import finish, print_counts, print_sample, read_troubles
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.pipeline.instance.webserver import find_prefix, find_webserver
from integration_center.pipeline.jobs.later_step import request_later
from integration_center.pipeline.jobs.retry import describe_retry, request_retry, require_retryable
from integration_center.pipeline.jobs.undo import plan_undo, require_undoable
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.names import UNDO
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.sample import sample_changes
from integration_center.wording.sentences import count


def undo_sync(
    run: Run,
    slug: Slug = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write back the values from before a sync. Records that hold something else by now stay as they are."""
    loaded = read_installed()
    with open_installation() as installation:
        undone = find_sync(installation, run, slug)
        environment = require_undoable(installation, undone)
        with installation.work_folder() as folder, installation.connect(environment) as org:
            plan = plan_undo(installation, org, undone, folder)
            sample = sample_changes(plan.file.scan(), Outcome.PLANNED)
        planned, counts = plan.tally.lines[Outcome.PLANNED], plan.tally.as_dict()
        if not planned:
            if as_json:
                print_json({"undoes": undone.run_id, "slug": undone.slug, **counts, "sample": []})
            else:
                print_counts(counts)
                console.print("Nothing to write back.")
            return
        if not as_json:
            console.print(
                f"Undo of run {undone.run_id}, {undone.slug}: {undone.object} in {environment.title}", markup=False
            )
            print_counts(counts)
            print_sample(sample)
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise ConfigurationError("nothing was written: nobody can be asked here; say --yes")
            typer.confirm(f"Write {count(planned, 'record')} back in {environment.title}?", abort=True)
        current = loaded.specs.get(undone.slug)
        prefix = find_prefix(partial(find_webserver, installation.settings), undone.slug, current)
        request = request_later(UNDO, undone, environment, prefix, COMMAND_LINE)
        wanted = Launch(request, undone.slug, environment, Action.UNDID, f"run {undone.run_id}")
        sync = launch(installation, loaded, wanted, quiet=quiet or as_json)
        sample = read_sample(installation, sync, *WRITTEN)
        troubles = read_troubles(installation, sync)
    if current is not None and current.enabled and not as_json:
        console.print(
            f"The next run of {undone.slug} writes its values again; set enabled: false where that is not meant.",
            markup=False,
        )
    finish(sync, sample, troubles=troubles, as_json=as_json)


def retry_failed(run: Run, slug: Slug = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Send the records again that Salesforce refused in a run, or that it never reached. The others stay as they are.

    The org is read first: what somebody has changed since is left alone. Once a newer run has written, run the
    integration instead.
    """
    loaded = read_installed()
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
        run_and_finish(installation, loaded, wanted, as_json=as_json, quiet=quiet)
