"""Signing in over TLS, by keyboard alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, Page, expect

from integration_center_tests.browser.inspection import Inspection
from integration_center_tests.browser.services import Services
from integration_center_tests.passwords import HASH, PASSWORD


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain_path, key_path = folder / "chain.pem", folder / "key.pem"
    chain_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain_path, key_path


@pytest.fixture(scope="module")
def guarded_url(services_of_worker: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console with TLS and users, on all addresses: what is refused without users."""
    folder = tmp_path_factory.mktemp("guarded")
    users = folder / "users"
    users.write_text(f"ann:operator:{HASH}\nvera:viewer:{HASH}\n")
    users.chmod(0o600)
    chain, key = make_certificate(folder)
    arguments = ["--host", "0.0.0.0", "--certificate", str(chain), "--certificate-key", str(key)]
    with services_of_worker.another_console(arguments, {"INTEGRATION_CENTER_USERS": str(users)}) as port:
        yield f"https://localhost:{port}"


@pytest.fixture
def guarded(guarded_url: str, browser_process: Browser) -> Iterator[Page]:
    """A tab on it, without cookies."""
    context = browser_process.new_context(base_url=guarded_url, ignore_https_errors=True, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.proof
def test_signing_in_and_out_by_keyboard(guarded: Page, inspection: Inspection) -> None:
    page = guarded
    page.goto("/audit")
    expect(page.get_by_label("Name")).to_be_focused()
    inspection.inspect(page, "sign-in")

    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    inspection.inspect(page, "sign-in-wrong")

    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    expect(page.get_by_role("cell", name="sign-in refused")).to_be_visible()
    (cookie,) = page.context.cookies()
    assert cookie["secure"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"

    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/accounts")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.proof
def test_a_viewer_is_offered_nothing_to_change(guarded: Page, inspection: Inspection) -> None:
    page = guarded
    page.goto("/accounts")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    expect(page.get_by_text("vera (viewer)")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(1)
    inspection.inspect(page, "accounts-viewer")
    page.goto("/")
    page.context.clear_cookies()
    page.evaluate("() => window.dispatchEvent(new Event('online'))")  # else it asks in some seconds
    expect(page.get_by_text("You are signed out, so this page is not kept up to date.")).to_be_visible()
    inspection.inspect(page, "signed-out-meanwhile")
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
