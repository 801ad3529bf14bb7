"""Name a process so that others can find out whether it still lives, even when its number is in use again."""

import os
import signal
import socket
import time
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
BETWEEN_STEPS = "between steps/0/0"
"""In place of the process of a run whose steps have a process each, while none of them is executed. It is never gone:
its form is that of a process elsewhere, so that versions which do not know it leave the run alone, too."""


def this_process() -> str:
    """`<place>/<pid>/<start>`; the start is in ticks since boot where `/proc` has it, else empty."""
    return f"{_this_place()}/{os.getpid()}/{_start(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether the named process is known to have ended; of another host or container nothing is known here."""
    place, pid, start = process.rsplit("/", 2)
    # Earlier versions named the host alone.
    if place not in {_this_place(), socket.gethostname()}:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it lives, as another user
    return _start(int(pid)) != start or _has_ended(int(pid))


def interrupt(process: str) -> bool:
    """Ask another process of this host to end, as Ctrl-C does, and return whether it was reached."""
    place, pid, start = process.rsplit("/", 2)
    if place != _this_place() or int(pid) == os.getpid() or is_gone(process) or _start(int(pid)) != start:
        return False
    try:
        os.kill(int(pid), signal.SIGINT)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def find_age() -> float:
    """How many seconds ago this process began; since Python counts its time where `/proc` does not tell."""
    ticks = _start(os.getpid())
    if not ticks:
        return time.process_time()
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK"), 0.0)


def _this_place() -> str:
    """Where a process id means one process: `<host>@<boot>:<PID namespace>`, or the host where `/proc` does not tell.

    Containers may have one host name, and two boots of a host the same ids.
    """
    try:
        return f"{socket.gethostname()}@{_read_boot()}:{os.stat(PID_NAMESPACE).st_ino}"
    except OSError:
        return socket.gethostname()


@cache
def _read_boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


def _start(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _has_ended(pid: int) -> bool:
    """Whether a process has ended although its number is still taken, because nobody has waited for it."""
    fields = _stat(pid)
    return bool(fields) and fields[0] in {"Z", "X"}


def _stat(pid: int) -> list[str]:
    """What `/proc` says of a process from field 3 on (proc(5)); empty where it says nothing."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()  # field 2 may hold blanks
