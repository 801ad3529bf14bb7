"""The command line: `integration-center VERB`. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C.

Nothing heavy is imported here. The imports take seconds, and what goes wrong meanwhile is caught, too.
"""

import os
import signal
import sys
from types import FrameType


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
