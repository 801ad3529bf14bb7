import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from integration_center.accounts.store import AccountStore
from integration_center.database.engine import build_engine
from integration_center.database.leases import Leases
from integration_center.errors import ObjectBusy
from integration_center_tests.database.lease_owners import find_owner

ORG = "00D000000000001EAA"


def still_going(run_id: str) -> bool:
    return False


def ended(run_id: str) -> bool:
    return True


def unknown(run_id: str) -> None:
    return None


@pytest.fixture
def leases(store: AccountStore) -> Leases:
    return Leases(store.engine)


@pytest.fixture
def expired(store: AccountStore) -> Leases:
    return Leases(store.engine, time_to_live=timedelta(seconds=-1))


def test_one_run_holds_an_object_until_it_lets_go(leases: Leases) -> None:
    leases.take(ORG, "Lead", "run-1", is_finished=still_going)

    with pytest.raises(ObjectBusy, match="run-1"):
        leases.take(ORG, "lead", "run-2", is_finished=still_going)
    with pytest.raises(ObjectBusy, match="run-1"):
        leases.take(ORG, "Lead", "run-2", is_finished=unknown)

    leases.release(ORG, "Lead", "run-1")
    leases.take(ORG, "Lead", "run-2", is_finished=still_going)
    assert find_owner(leases._engine, ORG, "Lead") == "run-2"


def test_other_objects_and_other_orgs_are_free(leases: Leases) -> None:
    leases.take(ORG, "Lead", "run-1", is_finished=still_going)
    leases.take(ORG, "Contact", "run-2", is_finished=still_going)
    leases.take("00D000000000002EAA", "Lead", "run-3", is_finished=still_going)
    assert find_owner(leases._engine, ORG, "Lead") == "run-1"


def test_a_run_may_take_what_it_holds(leases: Leases) -> None:
    leases.take(ORG, "Lead", "run-1", is_finished=still_going)
    leases.take(ORG, "Lead", "run-1", is_finished=still_going)
    leases.renew(ORG, "Lead", "run-1")
    assert find_owner(leases._engine, ORG, "Lead") == "run-1"


def test_an_ended_run_loses_its_lease(leases: Leases) -> None:
    leases.take(ORG, "Lead", "run-1", is_finished=still_going)
    leases.take(ORG, "Lead", "run-2", is_finished=ended)

    with pytest.raises(ObjectBusy):
        leases.renew(ORG, "Lead", "run-1")
    leases.release(ORG, "Lead", "run-1")
    assert find_owner(leases._engine, ORG, "Lead") == "run-2"


def test_an_expired_lease_is_taken_over(leases: Leases, expired: Leases) -> None:
    expired.take(ORG, "Lead", "run-1", is_finished=still_going)
    assert find_owner(leases._engine, ORG, "Lead") is None
    leases.take(ORG, "Lead", "run-2", is_finished=unknown)
    assert find_owner(leases._engine, ORG, "Lead") == "run-2"


@pytest.mark.parametrize("old_owner", [None, "run-old"])
def test_of_many_that_ask_at_once_one_wins(tmp_path: Path, old_owner: str | None) -> None:
    url = f"sqlite:///{tmp_path / 'race.db'}"
    if old_owner is not None:
        Leases(build_engine(url)).take(ORG, "Lead", old_owner, is_finished=ended)
    barrier = threading.Barrier(6)
    winners: list[str] = []

    def finished(run_id: str) -> bool:
        return run_id == "run-old"

    def compete(run_id: str) -> None:
        own = Leases(build_engine(url))
        barrier.wait()
        try:
            own.take(ORG, "Lead", run_id, is_finished=finished)
        except ObjectBusy:
            return
        winners.append(run_id)

    threads = [threading.Thread(target=compete, args=(f"run-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 1
    assert find_owner(build_engine(url), ORG, "Lead") == winners[0]


def test_who_was_quicker_is_not_robbed(store: AccountStore) -> None:
    """Two runs find the same ended owner; the second must not take the lease from the first."""
    leases = Leases(store.engine)
    leases.take(ORG, "Lead", "run-old", is_finished=ended)

    def someone_else_is_quicker(run_id: str) -> bool:
        leases.take(ORG, "Lead", "run-quick", is_finished=ended)
        return True

    with pytest.raises(ObjectBusy):
        leases.take(ORG, "Lead", "run-slow", is_finished=someone_else_is_quicker)
    assert find_owner(leases._engine, ORG, "Lead") == "run-quick"


def test_the_lease_of_a_killed_process_is_free_at_once(leases: Leases, store: AccountStore) -> None:
    """A run that was executed by hand stays "started" in Dagster for ever when its process is killed."""
    url = store.engine.url.render_as_string(hide_password=False)
    script = (
        "import sys, time; from integration_center.database.engine import build_engine;"
        "from integration_center.database.leases import Leases;"
        f"Leases(build_engine({url!r})).take({ORG!r}, 'Lead', 'run-1', is_finished=lambda run_id: False);"
        "print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(ObjectBusy):
            leases.take(ORG, "Lead", "run-2", is_finished=still_going)
        holder.kill()
    assert leases.take(ORG, "Lead", "run-2", is_finished=still_going) == "run-1"
    assert find_owner(leases._engine, ORG, "Lead") == "run-2"
