"""Work that a process of a user does once, and that a worker would do again for each test.

Each test opens databases of its own, with the same tables and the same statements.
"""

import gc
import os
from functools import cache
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Dialect, Engine, NullPool, Pool, create_engine
from sqlalchemy.engine import URL

STATEMENTS = 3_000
"""Compiled statements to keep. All of Dagster's and ours are fewer."""


def share_compiled_statements(patch: pytest.MonkeyPatch) -> None:
    """Let the engines of all SQLite files share one dialect and its compiled statements.

    To compile a statement takes longer than to execute it. Dagster builds an engine for each event that it stores in
    files, and an engine compiles each of its statements once.
    """
    first = create_engine("sqlite://", poolclass=NullPool, query_cache_size=STATEMENTS)
    first.connect().close()  # completes the dialect
    build = Engine.__init__

    def build_sharing(
        engine: Engine,
        pool: Pool,
        dialect: Dialect,
        url: URL,
        # `create_engine` looks here for the names of options.
        logging_name: str | None = None,
        echo: Any = None,
        query_cache_size: int = 500,
        execution_options: Any = None,
        hide_parameters: bool = False,
    ) -> None:
        shares = type(dialect) is type(first.dialect)
        dialect = first.dialect if shares else dialect
        build(engine, pool, dialect, url, logging_name, echo, query_cache_size, execution_options, hide_parameters)
        if shares:
            engine._compiled_cache = first._compiled_cache

    patch.setattr(Engine, "__init__", build_sharing)


def load_revisions_once(patch: pytest.MonkeyPatch) -> None:
    """Load the revisions of Dagster's tables once, not three times for each instance. They are some 100 modules."""
    patch.setattr(ScriptDirectory, "from_config", cache(ScriptDirectory.from_config))


def do_not_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    """Let files be written without waiting for the disk: what a test writes need not survive a power failure."""
    patch.setattr(os, "fsync", lambda fd: None)


def spare_the_garbage_collector() -> None:
    """Leave all that is loaded out of garbage collections. A full one takes a quarter of a second otherwise."""
    gc.collect()
    gc.freeze()
