"""Why Salesforce refused records is said wherever their number is shown: in the log, in alerts, and in Dagster."""

import dagster as dg
import pytest

from integration_center_tests.alerts.receivers import Mailbox, Receiver
from integration_center_tests.alerts.test_alerts import look
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.faults import DUPLICATE
from salesforce_emulator.refusals import RowError

RULE = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ann needs a manager's approval")
ONE = "refused by a duplicate rule (DUPLICATES_DETECTED)"
SEVERAL = "refused, most often by a duplicate rule (DUPLICATES_DETECTED), and for 1 other reason"


@pytest.mark.sampled
@pytest.mark.parametrize(("others", "said"), [(0, ONE), (1, SEVERAL)], ids=["one reason", "two reasons"])
def test_the_reason_is_beside_the_number(
    alerts: Center, receiver: Receiver, mailbox: Mailbox, command: Command, others: int, said: str
) -> None:
    alerts.integrate()
    alerts.drop(logins(PLAIN))
    ids = [alerts.lead(number)["Id"] for number in PLAIN]
    faults = alerts.emulator.sandbox.faults
    faults.fail_rows(ids[others:], DUPLICATE)
    faults.fail_rows(ids[:others], RULE)
    ran = alerts.run()

    assert not ran.success
    shown = command("log")[1]  # a table, which wraps its cells
    assert [word for word in f"{len(PLAIN)} {said}".split() if word not in shown] == []
    (line,) = as_json(command("log", "--json"))
    assert line["refused"] == {"DUPLICATES_DETECTED": len(ids) - others} | ({RULE.code: 1} if others else {})
    assert look(alerts) > 0
    (slack,) = receiver.of("/slack")
    (mail,) = mailbox.mails
    mailed = mail.get_payload(decode=True)
    assert isinstance(mailed, bytes)
    for text in (slack["text"], mailed.decode()):
        assert " ".join(text.split()).count(said) == 1
        assert "approval" not in text, "Salesforce's words may quote a value"
    of_type = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    checks = [
        record.event_log_entry.asset_check_evaluation
        for record in alerts.instance.get_records_for_run(ran.run_id, of_type=of_type).records
    ]
    assert any(said.removeprefix("refused") in (check.description or "") for check in checks if check)
