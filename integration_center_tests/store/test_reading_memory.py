"""Reading a report takes memory for a slice of it, not for the whole."""

import subprocess
import sys
from pathlib import Path

import pytest

ROWS = 600_000
READ = """
import re
import sys
from datetime import date
from pathlib import Path

from integration_center.files import file_bytes
from integration_center.insights.delimited import verified
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.store import frames

file_bytes.SMALL_ENOUGH, verified.CHUNK_BYTES, frames.SLICE_ROWS = 0, 500_000, 5_000
folder = Path(sys.argv[1])
source = FilesSource(LocalDrops(folder / "reports"))
info = source.find("logins")


def read(day):
    keep = lambda schema, slices: frames.write_slices(slices, schema, folder / f"{day}.parquet").scan()
    report = source.read(info, date(2026, 11, day), keep)
    peak = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())
    return int(peak[1]) * 1024, frames.count_height(report.rows)


print(*read(20), *read(21))
"""


@pytest.mark.proof
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the largest memory is only known on Linux")
def test_a_report_of_any_size_is_read_in_the_memory_of_a_small_one(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "logins"
    folder.mkdir(parents=True)
    rows = "".join(f'"person{number}@example.com","2026-11-20 10:11:12","{number % 97}"\n' for number in range(10_000))
    for day, times in ((20, 1), (21, ROWS // 10_000)):
        (folder / f"2026-11-{day}.csv").write_text('"User ID","Last Login","Logins"\n' + rows * times)
    ended = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], check=True, capture_output=True, text=True, timeout=120
    )
    small, few, large, many = map(int, ended.stdout.split())
    assert (few, many) == (10_000, ROWS)
    size = (folder / "2026-11-21.csv").stat().st_size
    assert large - small < size
