"""One installation and one org for all faults of a worker: every sync writes values of its own."""

from collections.abc import Iterator, Sequence

import pytest
import stamina

from integration_center.accounts.connecting import connect_client_credentials
from integration_center.database.engine import build_engine
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.polling import Polling
from integration_center.settings import read_settings
from integration_center_tests.faults.cases import ROWS, VALUES, Case
from integration_center_tests.faults.rehearsal import Rehearsal
from integration_center_tests.pipeline.center import EXAMPLE
from integration_center_tests.postgresql import set_database
from salesforce_emulator.server import Emulator, EmulatorConfig

LEADS = 460
"""More than two of the smallest query pages."""
PATIENCE = RetryPolicy(
    read_timeout=60, write_timeout=60, attempts=3, wait_initial=0.0, wait_jitter=0.0, retry_after_max=0.0
)
"""An org that is only slow still works on a call that is given up, which is no fault that is meant here."""
EAGER = Polling(first_waits=(0.005,) * 9, later_wait=0.01, deadline=20.0)


@pytest.fixture(scope="session")
def faulty_emulator() -> Iterator[Emulator]:
    with Emulator(EmulatorConfig(records=LEADS, insights=False)) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def installation(
    request: pytest.FixtureRequest, faulty_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation with a connected sandbox, whose database is on a server with `--postgresql`."""
    home = tmp_path_factory.mktemp("home")
    org = faulty_emulator.sandbox
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        environment.setenv("SALESFORCE_SANDBOX_LOGIN_URL", org.url)
        environment.setenv("SALESFORCE_SANDBOX_CLIENT_ID", org.client_id)
        environment.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", org.client_secret)
        environment.chdir(home)
        if request.config.getoption("--postgresql"):
            set_database(environment, request)
        settings = read_settings()
    engine = build_engine(settings.database)
    opened = Installation(settings, engine, retries=PATIENCE, polling=EAGER)
    connect_client_credentials(Environment.SANDBOX, settings, opened.accounts, connected_by="the tests")
    yield opened
    engine.dispose()


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    """Between its tries a call does not wait."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
def rehearsal(installation: Installation) -> Rehearsal:
    return Rehearsal(
        installation, "logins_to_leads", IntegrationSpec.model_validate({**EXAMPLE, "limits": {"max_failed": 50}})
    )


@pytest.fixture
def calm(faulty_emulator: Emulator) -> Iterator[Emulator]:
    """The org without faults, before and after."""
    org = faulty_emulator.sandbox
    org.calls.clear()
    org.org.saves.clear()
    yield faulty_emulator
    org.faults.clear()
    org.org.bulk.resume()


@pytest.fixture
def leads(calm: Emulator) -> Sequence[tuple[str, str]]:
    """Id and e-mail address of some Leads that nobody shares and that can be edited."""
    rows = calm.sandbox.store.rows(
        "SELECT min(Id), Email FROM Lead WHERE Email IS NOT NULL GROUP BY lower(Email)"
        " HAVING count(*) = 1 AND max(IsConverted) = 0 AND max(IsDeleted) = 0 ORDER BY 1 LIMIT ?",
        (ROWS,),
    )
    return [(record_id, email) for record_id, email in rows]


@pytest.fixture
def case(calm: Emulator, rehearsal: Rehearsal, leads: Sequence[tuple[str, str]]) -> Case:
    return Case(calm, rehearsal, leads, next(VALUES))
