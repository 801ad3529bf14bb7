"""Large files stay out of memory, also where they are wrong: what is read at a time has a bound."""

import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import UnreadableReport
from integration_center.files import file_bytes
from integration_center.files.file_bytes import Descriptor
from integration_center.insights.delimited import batches, decoding, header, text_lines, verified
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.formats import json_lines
from integration_center_tests.insights.conftest import DAY

HEADER = "User ID,Count\n"
ROWS = [f"user{number}@x.example,{number}\n" for number in range(200_000)]
MIDDLE = len(ROWS) // 2
LARGEST_PIECE = 1_000_100
"""The window of a search is the largest piece that a whole file is read in here."""


def read(root: Path, content: str | bytes, name: str = ".csv") -> tuple[list[tuple[str, ...]], list[int]]:
    """Read a report as a run does: its rows, and the heights of the slices."""
    folder = root / "logins"
    folder.mkdir(exist_ok=True)
    (folder / f"{DAY}{name}").write_bytes(content.encode() if isinstance(content, str) else content)
    source, heights = FilesSource(LocalDrops(root)), list[int]()

    def keep(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        kept = list(slices)
        heights[:] = map(len, kept)
        return pl.concat([schema.to_frame(), *kept]).lazy()

    return source.read(source.find("Logins"), DAY, keep).frame.rows(), heights


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is read of temporary files, where any file of more than some bytes is one."""
    read_piece, sizes = Descriptor.read, list[int]()

    def note(self: Descriptor, begin: int, count: int) -> bytes:
        sizes.append(count)
        return read_piece(self, begin, count)

    monkeypatch.setattr(Descriptor, "read", note)
    for module, name, size in (
        (file_bytes, "SMALL_ENOUGH", 10_000),
        (verified, "CHUNK_BYTES", 100_000),
        (verified, "LONGEST_LINE", 400_000),
        (decoding, "PIECE_BYTES", 100_000),
        (decoding, "MOST_JUDGED", 400_000),
    ):
        monkeypatch.setattr(module, name, size)
    return sizes


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ('"never closed,7\n', f"the row from line {MIDDLE + 2} on opens a quote that is never closed"),
        ("j\udcf6rg@x.example,7\n", f"line {MIDDLE + 2}: byte .* is not UTF-8; .*`encoding: cp1252`"),
        ("a note between the rows\n", f"line {MIDDLE + 2}: 1 cell, the header has 2"),
        ("a,b,c\n", f"line {MIDDLE + 2}: 3 cells, the header has 2"),
    ],
    ids=["open quote", "other encoding", "narrow row", "wide row"],
)
def test_a_large_file_with_a_fault_is_refused_without_being_in_memory(
    tmp_path: Path, pieces: list[int], odd: str, said: str
) -> None:
    text = "".join([HEADER, *ROWS[:MIDDLE], odd, *ROWS[MIDDLE:]]).encode(errors="surrogateescape")
    with pytest.raises(UnreadableReport, match=said):
        read(tmp_path, text)
    assert len(text) > 4 * LARGEST_PIECE
    assert max(pieces) <= LARGEST_PIECE


@pytest.mark.parametrize("before", ["", HEADER, HEADER + ROWS[0]])
def test_a_line_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[int], before: str
) -> None:
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 500_000)
    line = before.count("\n") + 1
    with pytest.raises(UnreadableReport, match=f"line {line}: it has more than .* lost its line ends"):
        read(tmp_path, before + "x," * 3_000_000)
    assert max(pieces) <= LARGEST_PIECE


def write_parquet(columns: int, folder: Path) -> bytes:
    path = folder / "columns.parquet"
    pl.DataFrame({f"c{number}": [number] for number in range(columns)}).write_parquet(path)
    return path.read_bytes()


def test_more_columns_than_a_report_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MOST_COLUMNS", 9)
    names = [f"c{number}" for number in range(10)]
    by_line = "".join(json.dumps({name: 1}) + "\n" for name in names)
    contents: dict[str, str | bytes] = {
        ".csv": f"{','.join(names)}\n{','.join(names)}\n",
        ".jsonl": by_line,
        ".parquet": write_parquet(10, tmp_path),
    }
    for name, content in contents.items():
        with pytest.raises(UnreadableReport, match="has 10 columns, and a report has at most 9"):
            read(tmp_path, content, name)
        (tmp_path / "logins" / f"{DAY}{name}").unlink()
    assert len(read(tmp_path, f"{','.join(names[:9])}\n{','.join(names[:9])}\n")[0][0]) == 9


def test_rows_that_are_read_strictly_are_python_texts_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The delimiter at the end of each row is not what a program writes, so all rows are read strictly.
    content = "User ID,Text\n" + "".join(f"a{number}@x.example,{'x' * number},\n" for number in range(1_000))
    usual = read(tmp_path, content)
    monkeypatch.setattr(batches, "BATCH_BYTES", 20_000)
    rows, heights = read(tmp_path, content)
    assert rows == usual[0]
    assert heights[-1] < 30
    assert max(heights) < 120 < max(usual[1])


def test_objects_with_names_of_their_own_are_held_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "".join(json.dumps({"User ID": f"a{n}@x.example", f"k{n}": str(n)}) + "\n" for n in range(60))
    usual = read(tmp_path, content, ".jsonl")
    monkeypatch.setattr(json_lines, "BATCH_CELLS", 100)
    rows, heights = read(tmp_path, content, ".jsonl")
    assert rows == usual[0]
    assert max(heights) <= 11 < max(usual[1])


@pytest.mark.parametrize(("window_log", "is_read"), [(27, True), (28, False), (31, False)])
def test_zstd_with_a_long_window_is_refused_with_what_to_do(tmp_path: Path, window_log: int, is_read: bool) -> None:
    text = (HEADER + ROWS[0]).encode()
    block = ((len(text) << 3) | 1).to_bytes(3, "little") + text  # the last one, not compressed
    packed = b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) + block
    if is_read:
        assert read(tmp_path, packed, ".csv.zst")[0] == [("user0@x.example", "0")]
        return
    with pytest.raises(UnreadableReport, match="zstd with a window of more than 128 MB; pack it without `--long`"):
        read(tmp_path, packed, ".csv.zst")
