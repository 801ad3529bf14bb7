"""Frames that are written slice by slice."""

import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import ConfigurationError
from integration_center.store.frames import write_slices

SCHEMA = pl.Schema({"row": pl.Int64})


def make(count: int, threads: set[int], *, fails: int | None = None) -> Iterator[pl.DataFrame]:
    for number in range(count):
        threads.add(threading.get_ident())
        if number == fails:
            raise KeyError("no such column")
        yield pl.DataFrame({"row": [number]})


def test_slices_are_made_in_the_thread_of_the_caller_and_written_in_order(tmp_path: Path) -> None:
    threads: set[int] = set()
    file = write_slices(make(50, threads), SCHEMA, tmp_path / "frame.parquet")
    assert file.scan().collect()["row"].to_list() == [*range(50)]
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("fails", [0, 1, 7])
def test_a_slice_that_cannot_be_made_leaves_no_file(tmp_path: Path, fails: int) -> None:
    with pytest.raises(KeyError, match="no such column"):
        write_slices(make(8, set(), fails=fails), SCHEMA, tmp_path / "frame.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_ends_the_work_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    def refuse(*args: object, **options: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", refuse)
    slices = make(1_000, threads)
    with pytest.raises(ConfigurationError, match="the disk is full"):
        write_slices(slices, SCHEMA, tmp_path / "frame.parquet")
    assert next(slices)["row"].item() < 10, "no more are made than were under way"
    assert list(tmp_path.iterdir()) == []
