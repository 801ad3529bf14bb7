"""Tables that are described without the dialects of other databases are made there as always."""

import subprocess
import sys

import pytest
import sqlalchemy
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGDialect

from integration_center.database.dialect_options import DIALECTS, KNOWN

PROGRAM = """
import sys
import dagster
{first}
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
print("sqlalchemy.dialects.mysql" in sys.modules, "sqlalchemy.dialects.postgresql" in sys.modules)
from sqlalchemy import Column, Index, Integer, MetaData, Table
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
ours = MetaData()
table = Table("ours", ours, Column("id", Integer, primary_key=True), postgresql_with_oids=True, mysql_engine="InnoDB")
Index("ours_id", table.c.id, postgresql_using="hash", postgresql_concurrently=True, mysql_using="hash")
for metadata in (SqlEventLogStorageMetadata, RunStorageSqlMetadata, ScheduleStorageSqlMetadata, ours):
    for table in metadata.sorted_tables:
        made = [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda index: index.name))]
        for dialect in (mysql.dialect(), postgresql.dialect()):
            print(*(each.compile(dialect=dialect) for each in made))
"""


def make_all(first: str) -> tuple[str, str]:
    """Which dialects were imported with Dagster's tables; and the statements that make these, and a table of ours."""
    program = PROGRAM.format(first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported, _, statements = done.stdout.partition("\n")
    return imported, statements


def test_dagsters_tables_are_made_as_with_the_whole_dialects() -> None:
    assert make_all("import integration_center.pipeline") == ("False False", make_all("pass")[1])


@pytest.mark.parametrize("dialect", [MySQLDialect, PGDialect])
def test_the_options_are_those_of_the_dialects(dialect: type[MySQLDialect | PGDialect]) -> None:
    assert sqlalchemy.__version__ == KNOWN, "look whether the options are the same, and correct KNOWN"
    assert [*DIALECTS[dialect.name].construct_arguments] == dialect.construct_arguments
