"""The exit code of a run says whether it failed, or was stopped."""

import pytest
import typer

from integration_center.cli.sync_output import finish
from integration_center.database.sync_records import SyncStatus
from integration_center.pipeline.runs.run_endings import INTERRUPTED
from integration_center_tests.console.test_results import record


@pytest.mark.parametrize(
    ("error", "code"), [(INTERRUPTED, 130), ("the disk is full", 1)], ids=["Ctrl-C", "another failure"]
)
@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_that_ctrl_c_stopped_ends_with_130(error: str, code: int, as_json: bool) -> None:
    with pytest.raises(typer.Exit) as ended:
        finish(record(SyncStatus.FAILED, error), [], as_json=as_json)
    assert ended.value.exit_code == code
