"""What processes took of the processors until now, as Linux counts it."""

import os
from contextlib import suppress
from pathlib import Path

HERTZ = os.sysconf("SC_CLK_TCK")


def list_children(pid: int) -> list[int]:
    """List the processes that the main thread of a process started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]


def read_seconds(pid: int) -> float:
    """Read the seconds of a process, with those of its children that ended; 0 for one that has ended itself."""
    with suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / HERTZ
    return 0.0


def read_busy() -> float:
    """Read the seconds that all processors of this machine were busy, with anything."""
    user, nice, system, _, _, *interrupts = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts))) / HERTZ
