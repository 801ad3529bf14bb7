"""Keeps the processes of `up` running: one that dies is started again, and all of them end with `up`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from integration_center.cli.process_groups import STOP_SECONDS, end_groups, lives
from integration_center.errors import ConfigurationError

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds before a process that died is started again; twice as long each time that it dies at once again."""
LONG_LIFE = 30.0
"""Seconds after which a process that dies is taken for one that had been well."""
LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class Part:
    """One of the processes.

    Attributes:
        name: as people know it.
        module: run by Python with `arguments`.
        environment: added to ours.
        silent: what it prints is nobody's business.
    """

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    started: float
    wait: float = FIRST_WAIT


class Supervisor:
    """Runs parts until it is stopped.

    Args:
        parts: started in this order.
        say: called with a sentence when something happens to a part.
        lock: a descriptor that is kept open until all processes have ended, even when this one is killed.
    """

    def __init__(self, parts: Sequence[Part], say: Callable[[str], None], lock: int | None = None) -> None:
        self._say = say
        self._lock = lock
        # Nobody writes to the pipe. Its end is how the parts learn that this process is gone, in whatever way.
        self._tether, self._held = os.pipe()
        self._groups: set[int] = set()
        self._guard: subprocess.Popen[bytes] | None = None
        self._running: list[_Running] = []
        self._parts = parts

    def start(self) -> None:
        """Start all parts."""
        self._keep_guard()
        for part in self._parts:
            self._running.append(_Running(part, self._launch(part), time.monotonic()))

    def require_alive(self) -> None:
        """Check that no part has ended, as long as they have not all been ready.

        Raises:
            ConfigurationError: names the part and its exit code.
        """
        for each in self._running:
            if (code := each.process.poll()) is not None:
                raise ConfigurationError(f"{each.part.name} ended {say_exit(code)}; see its messages above")

    def watch(self, on_round: Callable[[], None] = lambda: None) -> None:
        """Start parts again that end, until an exception such as KeyboardInterrupt ends the watch.

        Args:
            on_round: called a few times a second.
        """
        due: dict[int, float] = {}
        while True:
            for number, each in enumerate(self._running):
                code, now = each.process.poll(), time.monotonic()
                if code is None:
                    continue
                if number not in due:
                    if now - each.started >= LONG_LIFE:
                        each.wait = FIRST_WAIT
                    due[number] = now + each.wait
                    self._say(f"{each.part.name} ended {say_exit(code)}; it is started again in {each.wait:g} s")
                elif now >= due[number]:
                    del due[number]
                    wait = min(each.wait * 2, LONGEST_WAIT)
                    self._running[number] = _Running(each.part, self._launch(each.part), now, wait)
            self._keep_guard()
            on_round()
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End all parts and whatever they started: first by SIGTERM, then by SIGKILL."""
        for each in self._running:
            if each.process.poll() is None:
                each.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for each in self._running:
            with suppress(subprocess.TimeoutExpired):
                each.process.wait(max(deadline - time.monotonic(), 0))
        end_groups(self._groups, before_look=self._reap)
        self._groups.clear()
        for end in (self._tether, self._held):
            with suppress(OSError):
                os.close(end)
        if self._guard:
            self._guard.communicate()

    def _reap(self) -> None:
        """Wait for the parts that have ended, which keep their group until then."""
        for each in self._running:
            each.process.poll()

    def _keep_guard(self) -> None:
        """Tell the guard which groups there are. It ends them when this process is killed while it ends them itself."""
        if self._guard is None or self._guard.poll() is not None:
            command = [sys.executable, "-m", "integration_center.cli.process_groups"]
            self._guard = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                bufsize=0,
                pass_fds=() if self._lock is None else (self._lock,),
                start_new_session=True,
            )
            self._tell_guard(self._groups)
        # A number that is free again may be given to somebody else's processes.
        ended = {group for group in self._groups if not lives(group)}
        self._groups -= ended
        self._tell_guard({-group for group in ended})

    def _tell_guard(self, changes: set[int]) -> None:
        if self._guard and self._guard.stdin and changes:
            with suppress(BrokenPipeError):  # it was killed; another one is started in the next round
                self._guard.stdin.write("".join(f"{change:+}\n" for change in changes).encode())

    def _launch(self, part: Part) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "integration_center.cli.tethered", str(self._tether), part.module]
        process = subprocess.Popen(  # noqa: S603
            [*command, *part.arguments],
            env={**os.environ, **part.environment},
            stdout=subprocess.DEVNULL if part.silent else None,
            pass_fds=(self._tether,),
            start_new_session=True,
        )
        self._groups.add(process.pid)
        self._tell_guard({process.pid})
        return process


def say_exit(code: int) -> str:
    """How a process ended: `with exit code 3`, or `by SIGKILL`."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
