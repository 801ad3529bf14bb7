"""Run the example as its README tells: connect the local org, check, plan, push, and push again.

Each command is printed before it runs. The org ends with this script.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
DAY = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()


@contextmanager
def local_org() -> Iterator[dict[str, str]]:
    """Run the local org for the length of the block; yields the settings that lead to it."""
    command = (BIN / "integration-center", "emulator", "--records", "500")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as org:
        assert org.stdout is not None
        addresses = json.loads(org.stdout.readline())
        try:
            yield {
                "SALESFORCE_SANDBOX_LOGIN_URL": addresses["sandbox_url"],
                "SALESFORCE_SANDBOX_CLIENT_ID": addresses["sandbox_client_id"],
                "SALESFORCE_SANDBOX_CLIENT_SECRET": addresses["sandbox_client_secret"],
            }
        finally:
            org.terminate()


def main() -> None:
    """Do what the README tells, and stop at the first command that fails."""
    with local_org() as settings:
        environment = {
            **os.environ,
            **settings,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(BIN.parent),
            "DAGSTER_HOME": str(HERE / "home"),
            "INTEGRATION_CENTER_DEFS": str(HERE / "product_usage" / "defs"),
            "WAREHOUSE": str(HERE / "dbt" / "warehouse.duckdb"),
            "DO_NOT_TRACK": "1",
        }

        def run(command: str) -> None:
            print(f"\n$ {command}", flush=True)
            subprocess.run(shlex.split(command), cwd=HERE, env=environment, check=True)

        run("integration-center connect sandbox --flow client-credentials")
        run("dg check defs")
        run(f"dg launch --assets * --partition {DAY}")
        run(f"dg launch --job usage_to_leads --partition {DAY}")  # nothing has changed: nothing is written
        run("integration-center log")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"This command failed with exit code {error.returncode}: {error.cmd[0]}")
