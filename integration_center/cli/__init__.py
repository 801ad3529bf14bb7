"""The command line: `integration-center VERB`. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C.

Nothing heavy is imported here. The imports take seconds, and what goes wrong meanwhile is caught, too.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:  # before Ctrl-C is caught, only what is needed is imported
    from types import FrameType
    from typing import NoReturn

FEWER_COLLECTIONS = (50_000, 20, 100)
"""How many objects are made between two searches for garbage. With the usual 700, a short command takes a tenth longer.
"""
GIVE_BACK = (
    "_RJEM_MALLOC_CONF",
    f"background_thread:true,dirty_decay_ms:250,muzzy_decay_ms:0,narenas:{max((os.cpu_count() or 1) // 2, 1)}",
)
"""The setting that makes the allocator of Polars give memory back to the system soon after it was freed. Its own 10 s
let a short command keep what each phase needed. With 0.05 s, the system has more pages to hand out. With an arena for
each processor, instead of each two, a run needs 30 MB more, and no less time."""

ROOM = 1 << 15
"""Places for objects, of 8 bytes each, that the first call asks for: Python then takes 512 KB, for all calls."""


def start() -> NoReturn:
    """Run the command line as a process of its own, and end the process."""
    os.environ.setdefault(*GIVE_BACK)  # read when Polars is imported, and by the processes that we start
    gc.set_threshold(*FEWER_COLLECTIONS)
    gc.disable()  # importing makes a million objects that all stay; see `end_imports`
    code: object = 0
    try:
        call_main()
    except SystemExit as ended:
        code = ended.code
    leave(code)


def call_main() -> None:
    """Call `main`, and let all calls that it makes find room in one piece of memory.

    Python keeps what calls need in pieces of 16 KB. A call that begins a piece gets it from the system, and gives it
    back when it returns. A loop of such calls does so each time: 5,400 times in a run, which took a twentieth of it.
    """
    code = main.__code__.replace(co_stacksize=ROOM)
    FunctionType(code, main.__globals__)()


def end_imports() -> None:
    """Begin to search for garbage, where `start` put that off, but never among what was made by imports."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def leave(code: object) -> NoReturn:
    """End the process with an exit code as `sys.exit` does, but without freeing its memory object by object.

    Python takes half a second for that after an import of Dagster, and the system does it at once.
    """
    alone = all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate())
    if not alone or not (code is None or isinstance(code, int)):
        sys.exit(code)  # type: ignore[arg-type]  # what `SystemExit` held
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # a closed one is None
            stream.flush()
    except OSError:  # nobody reads the output any more, which Python has an exit code for
        sys.exit(code)
    os._exit(code or 0)


def main() -> None:
    """Run the command line. Whatever fails is one sentence on standard error, never a traceback."""
    closed = open_closed_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background process ignores it
        signal.signal(signal.SIGINT, stop_at_once)
    if closed:
        os.write(2, b"Failed: standard output is closed; send it to a file, or to /dev/null\n")
        sys.exit(1)
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        sys.stdout.write(f"integration-center {version('integration-center')}\n")
        return
    from integration_center.cli.quick_dataclasses import make_dataclasses_quickly

    make_dataclasses_quickly()
    from integration_center.cli.verbs import run

    if signal.getsignal(signal.SIGINT) is stop_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def open_closed_streams() -> bool:
    """Open what is closed of the three standard streams, to nothing: the next file would take its number.

    Returns:
        Whether standard output was closed.
    """
    closed = [number for number in range(3) if not is_open(number)]
    for number in closed:
        nothing = os.open(os.devnull, os.O_RDWR)
        if nothing != number:
            os.dup2(nothing, number)
            os.close(nothing)
    if 2 in closed:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for as long as the process lives
    return 1 in closed


def is_open(number: int) -> bool:
    """Whether a file descriptor is open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def stop_at_once(number: int, frame: FrameType | None) -> None:
    """End the process while modules are imported: nothing was begun yet that would have to be ended."""
    os.write(2, b"Stopped.\n")
    os._exit(130)
