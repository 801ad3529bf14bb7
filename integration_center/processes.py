"""Names a process so that another one can tell whether it still lives, even when its number was given anew."""

import os
import socket
from pathlib import Path


def this_process() -> str:
    """`<host>/<pid>/<start>`; the start is in ticks since boot where `/proc` tells it, else empty."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether the named process is known to have ended; of another host nothing is known."""
    host, pid, start = process.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it lives, as another user
    return _start(int(pid)) != start


def _start(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22; the second may hold blanks (proc(5))
