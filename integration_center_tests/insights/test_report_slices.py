"""A report's files are read in slices of any size with the same result: rows, types, notes and refusals."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.files import file_bytes
from integration_center.insights.delimited import batches, verified
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.formats import json_lines, parquet
from integration_center.store.frames import write_slices
from integration_center_tests.proofs import examples

DAY = date(2026, 11, 22)
DECLARED = [
    "",
    "columns: {Count: {name: Number}, Seen: {ignore: true}}\n",
    "columns: {Count: {type: integer}, Seen: {type: datetime}}\n",
    "columns: {Count: {name: Seen at, empty: ['0', '-']}}\nstrip: true\n",
    "columns: {Count: {decimal: ','}}\nempty: [never]\n",
    "dates: '%d.%m.%Y'\n",
]
whole = st.integers(0, 99).map(str)
rows = st.tuples(
    st.sampled_from(["a@x.com", "b@x.com", "", "'0", '="7"']),
    st.sampled_from(["0", "12", "-3", "1.234", "1,5", "-", "never", "", "N/A", "007", "-0", "+5", "1" * 16]) | whole,
    st.sampled_from(["2026-11-22 10:00:00", "2026-11-22T10:00Z", "22.11.2026", "2026-02-30 10:00:00", "NULL", ""]),
)
numbers = st.tuples(st.just("a@x.com"), whole, st.sampled_from(["0", "1", ""]))
tables = (
    st.lists(rows, max_size=12)
    | st.lists(numbers, min_size=1, max_size=12)
    | st.integers(1, 12).map(lambda n: [("a@x.com", "12", "2026-11-22 10:00:00")] * n)
)


def write(table: list[tuple[str, ...]]) -> str:
    cells = [["User ID", "Count", "Seen"], *table]
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in cells)


def read(root: Path, size: int) -> object:
    """Read a report in pieces of a size, into a file as a run does."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((verified, "CHUNK_BYTES"), (batches, "BATCH_ROWS"), (file_bytes, "SMALL_ENOUGH")):
            patch.setattr(module, name, size)
        source = FilesSource(LocalDrops(root))
        try:
            report = source.read(
                source.find("logins"),
                DAY,
                lambda schema, slices: write_slices(slices, schema, root / "kept.parquet").scan(),
            )
        except UnreadableReport as error:
            return str(error)
    return report.frame.schema, report.frame.rows(), report.likely_types, report.notes, report.identity, report.info


@examples(25)
@given(st.lists(tables, min_size=1, max_size=2), st.sampled_from(DECLARED), st.integers(1, 90), st.booleans())
@example([[("a@x.com", "12", "")] * 9 + [("a@x.com", "1.234", "")]], DECLARED[1], 40, False)
@example([[("a@x.com", "12", "")] * 9 + [("a@x.com", "x", "")]], DECLARED[2], 40, False)
@example([[("a@x.com", "0", "22.11.2026"), ("a@x.com", "1.234", "2026-11-22 10:00:00")]], DECLARED[2], 27, False)
def test_slices_of_any_size_give_the_same_report(
    parts: list[list[tuple[str, ...]]], declared: str, size: int, is_odd: bool
) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "logins"
        folder.mkdir()
        (folder / "report.yaml").write_text(declared + "parts: concat\n")
        for number, table in enumerate(parts):
            # A short row leaves the rest of its file to the strict reader.
            text = write(table) + ('"a","1"\n' + write(table).partition("\n")[2] if is_odd else "")
            (folder / f"{DAY}_{number}.csv").write_text(text)
        assert read(root, size) == read(root, 50_000)


def write_parquet(place: Path) -> None:
    moments = pl.Series([date(2026, 11, 22)] * 40).cast(pl.Datetime("us"))
    pl.DataFrame({"User ID": ["a"] * 40, "N": [1.0, None] * 20, "Seen": moments}).write_parquet(place, row_group_size=9)


CONTENTS = {
    "dates.csv": ("dates: '%d.%m.%Y'\n", "User ID,Seen\n" + "a,22.11.2026\n" * 40),
    "late.csv": ("dates: '%d.%m.%Y'\ndecimal: ','\n", "User ID,Seen,N\n" + 'a,22.11.2026,"7,5"\n' * 40 + "a,soon,8\n"),
    "zone.csv": ("zone: Europe/Berlin\n", "User ID,Seen\n" + "a,2026-11-22 10:00\n" * 40),
    "nameless.csv": ("", "User ID,\n" + "a,\n" * 40 + "a,7\n"),
    "empty.csv": ("skip_after_header: 1\n", "User ID,,N\nunit,,x\n" + "a,,7\n" * 40),
    "objects.jsonl": ("", '{"User ID": "a", "N": 1.0}\n' * 40 + '{"User ID": "b", "Late": true, "N": null}\n'),
    "typed.parquet": ("", ""),
}


@pytest.mark.proof
@pytest.mark.parametrize("name", CONTENTS)
def test_no_report_is_read_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared, content = CONTENTS[name]
    folder = tmp_path / "logins"
    folder.mkdir()
    (folder / "report.yaml").write_text(declared)
    file = folder / f"{DAY}.{name.partition('.')[2]}"
    if content:
        file.write_text(content)
    else:
        write_parquet(file)
    source = FilesSource(LocalDrops(tmp_path))
    heights: list[int] = []

    def keep(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        kept = list(slices)
        heights[:] = map(len, kept)
        return pl.concat([schema.to_frame(), *kept]).lazy()

    def read() -> tuple[object, ...]:
        report = source.read(source.find("logins"), DAY, keep)
        return report.frame.schema, report.frame.rows(), report.likely_types, report.notes

    whole = read()
    for module, size in (
        (verified, "CHUNK_BYTES"),
        (batches, "BATCH_ROWS"),
        (json_lines, "BATCH_ROWS"),
        (parquet, "SLICE_ROWS"),
    ):
        monkeypatch.setattr(module, size, 30 if module is verified else 7)
    assert read() == whole
    assert len(heights) > 1
    assert max(heights) < 20
