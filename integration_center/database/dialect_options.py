"""The options of MySQL and PostgreSQL that tables and indexes may have, without SQLAlchemy's 37 modules for the two.

Dagster's tables name such options, wherever they are. SQLAlchemy looks them up in the whole dialect.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry

KNOWN = "2.0.58"
"""The version of SQLAlchemy that has these options. With another one, the dialects are imported."""

Options = Sequence[tuple[type, dict[str, Any]]]


class MySql:
    """The options of MySQL, as SQLAlchemy's dialect has them."""

    construct_arguments: Options = (
        (sa.Table, {"*": None}),
        (sa.Update, {"limit": None}),
        (sa.Delete, {"limit": None}),
        (sa.PrimaryKeyConstraint, {"using": None}),
        (sa.Index, {"using": None, "length": None, "prefix": None, "with_parser": None}),
    )


class PostgreSql:
    """The options of PostgreSQL, as SQLAlchemy's dialect has them."""

    construct_arguments: Options = (
        (
            sa.Index,
            {
                "using": False,
                "include": None,
                "where": None,
                "ops": {},
                "concurrently": False,
                "with": {},
                "tablespace": None,
                "nulls_not_distinct": None,
            },
        ),
        (
            sa.Table,
            {
                "ignore_search_path": False,
                "tablespace": None,
                "partition_by": None,
                "with_oids": None,
                "on_commit": None,
                "inherits": None,
                "using": None,
            },
        ),
        (sa.CheckConstraint, {"not_valid": False}),
        (sa.ForeignKeyConstraint, {"not_valid": False}),
        (sa.PrimaryKeyConstraint, {"include": None}),
        (sa.UniqueConstraint, {"include": None, "nulls_not_distinct": None}),
    )


DIALECTS: Mapping[str, type[MySql | PostgreSql]] = {"mysql": MySql, "postgresql": PostgreSql}


@contextmanager
def dialects_put_off() -> Iterator[None]:
    """Let tables that are described in the block have options of dialects that are not imported."""
    put_off = {name: each for name, each in DIALECTS.items() if name not in registry.impls}
    if sa.__version__ != KNOWN:
        put_off = {}
    for name, dialect in put_off.items():
        registry.register(name, __name__, dialect.__name__)
    try:
        yield
    finally:
        for name in put_off:
            registry.deregister(name)
