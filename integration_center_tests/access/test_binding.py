import socket

import pytest
from pydantic import SecretStr

from integration_center.access.binding import check_bind_address, find_addresses
from integration_center.cli.embedded import refuse_taken
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings
from integration_center_tests.passwords import HASH

OPEN = Settings(_env_file=None)
CLOSED = Settings(_env_file=None, users=SecretStr(f"ann:operator:{HASH}"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_sign_in(host: str) -> None:
    check_bind_address(host, OPEN)
    assert all(address == "::1" or address.startswith("127.") for address in find_addresses(host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "fe80::1", ""])
def test_any_other_address_needs_sign_in(host: str) -> None:
    with pytest.raises(ConfigurationError, match="without sign-in") as caught:
        check_bind_address(host, OPEN)
    assert "integration-center password" in str(caught.value)
    check_bind_address(host, CLOSED)


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a b", "x" * 300, "é" * 80, "a..b"])
def test_a_name_that_cannot_be_found_is_called_so(host: str) -> None:
    with pytest.raises(ConfigurationError, match="this name cannot be found"):
        check_bind_address(host, OPEN)
    with pytest.raises(ConfigurationError, match="this name cannot be found"):
        refuse_taken(27_000, "--port", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", ""])
def test_a_port_that_is_taken_is_refused_at_each_address_of_a_host(host: str) -> None:
    address = next(each for each in find_addresses(host) if ":" not in each)
    with socket.socket() as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is in use; choose another with --port"):
            refuse_taken(port, "--port", host)
    refuse_taken(port, "--port", host)


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_an_address_of_another_machine_is_called_so(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"this machine has no address {host}; .* --host"):
        refuse_taken(27_000, "--port", host)


def test_a_broken_list_of_users_is_no_sign_in() -> None:
    broken = Settings(_env_file=None, users=SecretStr("/no/such/file"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        check_bind_address("0.0.0.0", broken)
