"""Syncs in processes of their own, so that they can be killed, or run into a full disk.

The processes are forked from one that has imported everything and done nothing: a moment each, instead of seconds.
"""

import errno
import itertools
import multiprocessing
import os
import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from typing import Any

import polars as pl
import stamina

from integration_center.database.engine import build_engine
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.write import push
from integration_center.settings import Settings
from integration_center_tests.faults.rehearsal import Rehearsal

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Work:
    """What a child does.

    Attributes:
        spec: attributes of the integration.
        by_bulk: whether to write by Bulk, however few the records.
        largest_file: bytes beyond which no file grows, as on a disk that is full; None for no limit.
        full_at: which of the frames stored finds the disk full, from 0; None for none.
    """

    settings: Settings
    retries: RetryPolicy
    first_waits: tuple[float, ...]
    slug: str
    spec: Mapping[str, object]
    rows: pl.DataFrame
    run_id: str
    by_bulk: bool = False
    largest_file: int | None = None
    full_at: int | None = None


def start(work: Work) -> ForkServerProcess:
    """Begin to sync in a child."""
    child = PROCESSES.Process(target=_sync, args=(work,), daemon=True)
    child.start()
    return child


def _fill_disk(full_at: int) -> None:
    """From the frame with this number on, nothing can be brought to the disk."""
    stored, sync_file = itertools.count(), os.fsync

    def fsync(fd: Any) -> None:
        if next(stored) >= full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync_file(fd)

    os.fsync = fsync


def _sync(work: Work) -> None:
    if work.by_bulk:
        push.COLLECTIONS_ROWS = 0
    engine = build_engine(work.settings.database)
    polling = Polling(first_waits=work.first_waits, deadline=20.0)
    installation = Installation(work.settings, engine, retries=work.retries, polling=polling)
    rehearsal = Rehearsal(installation, work.slug, IntegrationSpec.model_validate(work.spec))
    if work.largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing then fails as on a full disk, instead of ending us
        resource.setrlimit(resource.RLIMIT_FSIZE, (work.largest_file, work.largest_file))
    if work.full_at is not None:
        _fill_disk(work.full_at)
    with stamina.set_testing(True, attempts=4, cap=True):
        ran = rehearsal.sync(work.rows, work.run_id)
    os._exit(0 if ran.error is None else 1)
