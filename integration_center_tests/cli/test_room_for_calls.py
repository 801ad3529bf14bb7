"""Calls take no memory from the system, however deep they are."""

import subprocess
import sys

PROGRAM = """
import resource

from integration_center import cli


def count_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


exec("def call(): " + "; ".join(f"x{{number}} = 0" for number in range(60)))  # needs more room than `loop`


def loop(depth):
    if depth:
        return loop(depth - 1)
    before = count_faults()
    for _ in range(1000):
        call()
    return count_faults() - before


def main():
    loop(300)
    print(max(loop(depth) for depth in range(300)))


cli.main = main
cli.start() if {roomy} else main()
"""


def count_most_faults(*, roomy: bool) -> int:
    program = PROGRAM.format(roomy=roomy)
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def test_a_loop_of_calls_takes_no_memory_from_the_system_at_any_depth() -> None:
    assert count_most_faults(roomy=False) >= 1000, "Python needs no help any more: remove `call_main`"
    assert count_most_faults(roomy=True) < 100
