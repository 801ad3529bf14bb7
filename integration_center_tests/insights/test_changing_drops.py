"""Files of a local folder that are written, replaced or removed while they are read."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import NoDataForDay, ServiceUnavailable, UnreadableReport
from integration_center.files.regular_files import read_pieces
from integration_center.insights.drop_folders import drops
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center_tests.insights.conftest import DAY

ROWS = b"User ID,N\na@x.example,1\nb@x.example,2\n"
HALF = ROWS[:24]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "logins" / f"{DAY}.csv"
    path.parent.mkdir()
    path.write_bytes(HALF)
    return path


def meanwhile(monkeypatch: pytest.MonkeyPatch, *changes: Callable[[], object]) -> None:
    """Make each change while the file is read, one for each reading."""
    left = iter(changes)

    def read(path: Path, *, most: int) -> Iterator[bytes]:
        yield from read_pieces(path, most=most)
        next(left, lambda: None)()

    monkeypatch.setattr(drops, "read_pieces", read)


def read(path: Path) -> int:
    source = FilesSource(LocalDrops(path.parent.parent))
    return source.read(source.find("Logins"), DAY).frame.height


def test_a_file_that_grows_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(path) == 1
    meanwhile(monkeypatch, lambda: path.write_bytes(ROWS))
    assert read(path) == 2


def test_a_file_that_is_replaced_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name(".new")
    other.write_bytes(ROWS)
    meanwhile(monkeypatch, lambda: other.replace(path))
    assert read(path) == 2


def test_a_file_that_goes_on_growing_is_not_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"c@x.example,3\n")

    meanwhile(monkeypatch, grow, grow, grow)
    with pytest.raises(ServiceUnavailable, match="report 'Logins': the files changed during each of 3 readings"):
        read(path)


@pytest.mark.parametrize("remove", [Path.unlink, lambda path: path.rename(path.with_name("gone"))])
def test_a_file_that_is_taken_away_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch, remove: Callable[[Path], object]
) -> None:
    meanwhile(monkeypatch, lambda: remove(path))
    with pytest.raises((NoDataForDay, UnreadableReport), match=f"no data for {DAY}"):
        read(path)


@pytest.mark.parametrize("torn", [ROWS, HALF[:10], HALF + b"b@x", HALF[:-3] + b'"'])
def test_a_large_file_that_is_written_while_its_rows_are_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, torn: bytes
) -> None:
    monkeypatch.setattr(drops, "SMALL_ENOUGH", 0)
    monkeypatch.setattr(drops, "RESTING_SECONDS", 0)
    meanwhile(monkeypatch)  # it would be copied otherwise
    source = FilesSource(LocalDrops(path.parent.parent))
    changes = iter([torn, ROWS + b"c@x.example,3\n"])

    def keep(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        if change := next(changes, None):
            path.write_bytes(change)
        return pl.concat([pl.DataFrame(schema=schema), *slices]).lazy()

    path.write_bytes(HALF + b"b@x.example,2\n" * 10)
    report = source.read(source.find("Logins"), DAY, keep)
    assert report.frame.height == 3
    assert report.identity == source.identity(report.info, DAY)


def test_a_large_file_that_a_disk_loses_while_it_is_read_is_called_unreadable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drops, "SMALL_ENOUGH", 0)
    monkeypatch.setattr(drops, "RESTING_SECONDS", 0)
    source = FilesSource(LocalDrops(path.parent.parent))

    def lose(number: int, count: int, begin: int) -> bytes:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def keep(schema: pl.Schema, slices: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        monkeypatch.setattr(os, "pread", lose)
        return pl.concat([pl.DataFrame(schema=schema), *slices]).lazy()

    with pytest.raises(UnreadableReport, match=f"{path.name} cannot be read .Stale file handle"):
        source.read(source.find("Logins"), DAY, keep)


def test_a_large_file_is_copied_as_long_as_it_was_just_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drops, "SMALL_ENOUGH", 0)
    meanwhile(monkeypatch, lambda: path.write_bytes(ROWS))
    assert read(path) == 2


def test_a_link_to_nothing_is_called_unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to("latest.csv")
    with pytest.raises(UnreadableReport, match="cannot be read"):
        read(path)
