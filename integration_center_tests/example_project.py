"""`make example`: the example with dbt, from built wheels, as its README tells."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_center_tests.documents import find_missing, read_blocks
from integration_center_tests.installed import PROJECT, build_wheels

EXAMPLE = PROJECT / "examples" / "dbt_duckdb"


def main() -> None:
    """Run the example, and compare what it shows with its README."""
    with TemporaryDirectory(prefix="integration_center_") as name:
        wheels = build_wheels(Path(name))
        subprocess.run(("make", "clean"), cwd=EXAMPLE, check=True)
        command = ("make", "demo", f"WHEELS={' '.join(map(str, wheels))}", f"PYTHON={sys.executable}")
        with subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            said = []
            for line in demo.stdout:
                print(line, end="", flush=True)
                said.append(line)
        assert demo.returncode == 0, f"make demo ended with exit code {demo.returncode}"
    ((_, shown),) = read_blocks("examples/dbt_duckdb/README.md", "text")
    assert (missing := find_missing(shown, "".join(said))) == [], missing
    print("the example ran from the built wheels, and showed what its README says")


if __name__ == "__main__":
    main()
