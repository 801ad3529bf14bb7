"""A stored frame that is damaged at any place is said to be damaged, or is read: Polars may panic, but no run does."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from integration_center.errors import PlanError
from integration_center.store.frame_store import FrameStore
from integration_center.store.known_records import KnownRecords
from integration_center.store.ledgers import LedgerFolder
from integration_center.sync.absence import KNOWN
from integration_center_tests.frame_stores import open_store

DAMAGE = b"\xff" * 8
FRAME = pl.DataFrame(
    [[f"00Q{number}", f"{number}@x.com", date(2026, 11, 22), "run 1"] for number in range(3)],
    orient="row",
    schema=KNOWN,
)


def read_known(frames: FrameStore) -> None:
    KnownRecords(frames).read("logins", "00D", "Lead")


def read_ledger(frames: FrameStore) -> None:
    with suppress(PlanError):
        LedgerFolder(frames).read("run 1", "logins")


@pytest.mark.proof
@pytest.mark.parametrize("read", [read_known, read_ledger])
def test_damage_at_any_place_is_noticed_or_read_over(tmp_path: Path, read: Callable[[FrameStore], None]) -> None:
    frames = open_store(tmp_path)
    KnownRecords(frames).write("logins", "00D", "Lead", [FRAME])
    LedgerFolder(frames).write("run 1", "logins", FRAME)
    files = {path: path.read_bytes() for path in (tmp_path / "storage").rglob("*.parquet")}
    panics = 0
    for start in range(4, max(map(len, files.values())), 3):
        for path, whole in files.items():
            path.write_bytes(whole[:start] + DAMAGE + whole[start + len(DAMAGE) :])
            try:
                pl.read_parquet(path)
            except pl.exceptions.PanicException:
                panics += 1
            except pl.exceptions.PolarsError:
                pass
        read(frames)
    assert panics
