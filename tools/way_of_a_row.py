"""Prints the files that the row of a report passes through, in the order in which they are first executed.

One real run: a report of one row, through Dagster, into the local org. The way begins where the report is read; files
that are only imported do not count.
"""

import inspect
import os
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import dagster as dg

import integration_center
from integration_center.accounts.connecting import connect_client_credentials
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.settings import read_settings
from salesforce_emulator.server import Emulator, EmulatorConfig

PACKAGE = Path(integration_center.__file__).parent
BEGINNING = ("insights/files.py", "read")
"""The function that reads a report's file."""
SLUG = "logins_to_leads"
INTEGRATION = """\
type: integration_center.Integration
attributes:
  name: Logins to Leads
  environment: sandbox
  report: Logins
  object: Lead
  keys: [{column: User ID, field: Email}]
  fields: [{column: "# Logins Last 30 Days", field: WalkMe_Logins_Last_30_Days__c}]
  limits: {max_changed: 100}
"""


def trace_run(day: date) -> list[str]:
    """Run the integration once; the package's files in order of first execution."""
    seen: dict[str, None] = {}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # unlike the bodies of modules and classes
        if event == "call" and is_function and code.co_filename.startswith(str(PACKAGE)):
            name = str(Path(code.co_filename).relative_to(PACKAGE))
            if seen or (name, code.co_name) == BEGINNING:
                seen.setdefault(name)

    with dg.DagsterInstance.ephemeral() as instance:
        sys.setprofile(note)
        threading.setprofile(note)
        try:
            _, success = run_here(RunRequest(SLUG, (day, day), {}), read_settings(), instance)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    if not success:
        raise SystemExit("the run failed")
    return list(seen)


def main() -> None:
    """Set up an installation, run, and print."""
    day = datetime.now(UTC).date() - timedelta(days=1)
    with TemporaryDirectory() as place, Emulator(EmulatorConfig(records=10, today=day + timedelta(days=1))) as emulator:
        home = Path(place)
        org = emulator.sandbox
        os.environ.update(
            {
                "DAGSTER_HOME": str(home),
                "INTEGRATION_CENTER_DEFS": str(home / "defs"),
                "WALKME_SOURCE": "files",
                "WALKME_FILES_ROOT": str(home / "drops"),
                "SALESFORCE_SANDBOX_LOGIN_URL": org.url,
                "SALESFORCE_SANDBOX_CLIENT_ID": org.client_id,
                "SALESFORCE_SANDBOX_CLIENT_SECRET": org.client_secret,
            }
        )
        (home / "defs" / SLUG).mkdir(parents=True)
        (home / "defs" / SLUG / "defs.yaml").write_text(INTEGRATION)
        (home / "drops" / "logins").mkdir(parents=True)
        email = next(record["Email"] for record in org.store.records("Lead") if record["Email"])
        (home / "drops" / "logins" / f"{day}.csv").write_text(f'"User ID","# Logins Last 30 Days"\n"{email}","77"\n')
        with open_installation() as installation:
            connect_client_credentials(
                Environment.SANDBOX, installation.settings, installation.accounts, connected_by="a trace"
            )
        files = trace_run(day)
    for number, name in enumerate(files, 1):
        print(f"{number:3}  {name}")


if __name__ == "__main__":
    main()
