"""What a killed step leaves on the disk goes when the next step begins."""

import signal
import subprocess
import sys
from pathlib import Path

from integration_center.store.retention import delete_old_files
from integration_center.store.work import WORK, open_work_folder
from integration_center_tests.frame_stores import open_store
from integration_center_tests.test_retention import NOW

STEP = """
import sys, time
from pathlib import Path
from integration_center.store.work import open_work_folder
with open_work_folder(Path(sys.argv[1])) as folder:
    (folder / "part-0.csv").write_text("a,b")
    print(folder, flush=True)
    sys.stdin.read()
"""


def start_step(scratch: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a step in a process of its own, and return it with its folder."""
    command = [sys.executable, "-c", STEP, str(scratch)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_files_of_a_killed_step_go_with_the_next_step(tmp_path: Path) -> None:
    process, left = start_step(tmp_path)
    with process, open_work_folder(tmp_path) as own:
        assert (left / "part-0.csv").exists()  # the step is alive
        process.send_signal(signal.SIGKILL)
    assert left.exists()
    with open_work_folder(tmp_path) as next_own, open_work_folder(tmp_path) as beside:
        assert not left.exists()
        assert own != next_own != beside
        assert next_own.exists()
    assert list((tmp_path / WORK).iterdir()) == []


def test_the_files_of_a_killed_step_go_with_old_files(tmp_path: Path) -> None:
    frames, scratch = open_store(tmp_path), tmp_path / "storage"
    process, left = start_step(scratch)
    with process:
        delete_old_files(frames, scratch, NOW)
        assert (left / "part-0.csv").exists()
        process.send_signal(signal.SIGKILL)
    delete_old_files(frames, scratch, NOW)
    assert not left.exists()
