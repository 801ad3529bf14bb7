"""`python -m integration_center.cli.tethered FD MODULE ARGUMENT...`: runs a module that ends when its parent does.

The parent holds the other end of the pipe FD and never writes to it. When the parent is gone, even by SIGKILL, the
pipe ends, and the module is asked to end as by Ctrl-C in a terminal.
"""

import os
import runpy
import signal
import sys
import threading
import time

PATIENCE = 20.0
"""Seconds that the module has to end before it is killed, with all processes that it started."""


def main() -> None:
    """Run the module named on the command line."""
    tether = int(sys.argv[1])
    threading.Thread(target=end_with_parent, args=(tether,), daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def end_with_parent(tether: int) -> None:
    """Wait for the end of the parent, then end this process and its group."""
    os.read(tether, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
