"""Report drops on a real SFTP server."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import asyncssh
import pytest
from stamina import set_testing

from integration_center.errors import AccessRefused, ConfigurationError, ServiceUnavailable, UnreadableReport
from integration_center.insights.build import build_source
from integration_center.insights.drop_folders.sftp_drops import SftpDrops, build_sftp_drops
from integration_center.insights.files import FilesSource
from integration_center.settings import read_settings
from integration_center_tests.insights.sftp_server import PASSWORD, USER, SftpServer, serve_sftp

DAY = date(2026, 11, 22)
CSV = "User ID,Count\nann@x.example,7\n"
ROWS = [("ann@x.example", "7")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    (folder / "out" / "logins").mkdir(parents=True)
    (folder / "out" / "logins" / f"{DAY}.csv").write_text(CSV)
    return folder


@pytest.fixture
def server(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))  # not that of the checkout, where a demo may have been
    with serve_sftp(root) as server:
        for name in ("PASSWORD", "KEY_FILE", "KEY_PASSPHRASE"):
            monkeypatch.delenv(f"WALKME_SFTP_{name}", raising=False)
        monkeypatch.setenv("WALKME_FILES_ROOT", f"sftp://{USER}@127.0.0.1:{server.port}/out/")
        monkeypatch.setenv("WALKME_SFTP_PASSWORD", PASSWORD)
        monkeypatch.setenv("WALKME_SFTP_SETTLE_SECONDS", "0")
        monkeypatch.setenv("WALKME_SFTP_KNOWN_HOSTS", str(server.write_known_hosts(tmp_path / "known_hosts")))
        yield server


def source() -> FilesSource:
    found = build_source(read_settings())
    assert isinstance(found, FilesSource)
    return found


def drops() -> SftpDrops:
    return build_sftp_drops(os.environ["WALKME_FILES_ROOT"], read_settings())


def test_a_report_is_read_and_what_is_not_taken_is_named(server: SftpServer, root: Path) -> None:
    folder = root / "out" / "logins"
    (folder / "old.csv").write_text(CSV)
    (root / "out" / "loose.csv").write_text(CSV)
    (folder / f"{DAY}.csv.filepart").write_text("User")
    reports = source()
    info = reports.find("Logins")
    assert reports.newest_day(info) == DAY
    report = reports.read(info, DAY)
    assert report.frame.rows() == ROWS
    assert report.identity == reports.identity(info, DAY)
    not_taken = {(each.folder, each.name) for each in reports.list_not_taken()}
    assert not_taken == {("", "loose.csv"), ("logins", "old.csv"), ("logins", f"{DAY}.csv.filepart")}
    (folder / f"{DAY}.csv").write_text(CSV + "bo@x.example,8\n")
    assert reports.identity(info, DAY) != report.identity


def test_a_large_file_arrives_whole(server: SftpServer, root: Path) -> None:
    rows = "".join(f"person{n}@x.example,{n}\n" for n in range(200_000))
    (root / "out" / "logins" / f"{DAY}.csv").write_text("User ID,Count\n" + rows)
    reports = source()
    assert reports.read(reports.find("Logins"), DAY).frame.height == 200_000
    small = build_sftp_drops(os.environ["WALKME_FILES_ROOT"], read_settings(), largest=1_000)
    with pytest.raises(UnreadableReport, match="has more than 1 kB"):
        small.read(small.files("logins")[0])


@pytest.mark.parametrize("passphrase", ["", "secret words"])
def test_a_key_file_signs_in(
    server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server.users.append(key.export_public_key().decode().split()[1])
    place = tmp_path / "id"
    place.write_bytes(key.export_private_key(passphrase=passphrase or None, rounds=1, ignore_few_rounds=True))
    monkeypatch.delenv("WALKME_SFTP_PASSWORD")
    monkeypatch.setenv("WALKME_SFTP_KEY_FILE", str(place))
    if passphrase:
        with pytest.raises(ConfigurationError, match="is encrypted; set WALKME_SFTP_KEY_PASSPHRASE"):
            drops().folders()
        monkeypatch.setenv("WALKME_SFTP_KEY_PASSPHRASE", "other words")
        with pytest.raises(ConfigurationError, match="cannot be read as a private key") as wrong:
            drops().folders()
        assert "other words" not in str(wrong.value)
        monkeypatch.setenv("WALKME_SFTP_KEY_PASSPHRASE", passphrase)
    assert drops().folders() == ["logins"]
    server.users.clear()
    with pytest.raises(AccessRefused, match="does not accept the user"):
        drops().folders()


def test_only_a_known_server_is_asked(server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = server.write_known_hosts(tmp_path / "other", asyncssh.generate_private_key("ssh-ed25519"))
    monkeypatch.setenv("WALKME_SFTP_KNOWN_HOSTS", str(other))
    with pytest.raises(ConfigurationError, match=r"another host key \(ssh-ed25519 SHA256:"):
        drops().folders()
    monkeypatch.setenv("WALKME_SFTP_KNOWN_HOSTS", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError) as refused:
        drops().folders()
    assert server.key.get_fingerprint() in str(refused.value)
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {tmp_path / 'none'}" in str(refused.value)


def test_a_wrong_password_is_refused_without_saying_it(server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALKME_SFTP_PASSWORD", "battery staple")
    with pytest.raises(AccessRefused) as refused:
        drops().folders()
    assert "battery" not in str(refused.value)
    monkeypatch.delenv("WALKME_SFTP_PASSWORD")
    with pytest.raises(ConfigurationError, match="set WALKME_SFTP_KEY_FILE or WALKME_SFTP_PASSWORD"):
        drops().folders()


def test_a_file_that_is_still_written_is_not_taken(server: SftpServer, root: Path) -> None:
    place = root / "out" / "logins" / f"{DAY}.csv"
    grown = []

    def write_on(seconds: float) -> None:
        grown.append(seconds)
        with place.open("a") as file:
            file.write(f"person{len(grown)}@x.example,1\n")

    looking = build_sftp_drops(os.environ["WALKME_FILES_ROOT"], read_settings())
    watching = SftpDrops(looking._session, looking._address, settle_seconds=5, sleep=write_on)
    reports = FilesSource(watching)
    with pytest.raises(ServiceUnavailable, match="changed during each of 3 readings"):
        reports.read(reports.find("Logins"), DAY)
    assert grown == [5.0, 5.0, 5.0]
    quiet = FilesSource(SftpDrops(looking._session, looking._address, settle_seconds=5, sleep=grown.append))
    assert quiet.read(quiet.find("Logins"), DAY).frame.height == 4
    assert len(grown) == 4
    old = place.stat().st_mtime - 60
    os.utime(place, (old, old))
    assert quiet.read(quiet.find("Logins"), DAY).frame.height == 4
    assert len(grown) == 4  # one look is enough


def test_a_lost_connection_is_opened_again(server: SftpServer) -> None:
    reports = source()
    info = reports.find("Logins")
    server.cut()
    set_testing(True, attempts=3)
    try:
        assert reports.read(info, DAY).frame.rows() == ROWS
    finally:
        set_testing(False)


def test_links_do_not_lead_out(server: SftpServer, root: Path) -> None:
    (root / "secret.csv").write_text(CSV)
    place = root / "out" / "logins" / f"{DAY}.csv"
    place.unlink()
    place.symlink_to("../../secret.csv")
    reports = source()
    with pytest.raises(UnreadableReport, match="leads out of sftp://"):
        reports.read(reports.find("Logins"), DAY)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("sftp://walkme:hunter2@host/x", "holds a password; set WALKME_SFTP_PASSWORD"),
        ("sftp://host/x", "expected is sftp://user@host/folder"),
        ("sftp://walkme@/x", "expected is sftp://user@host/folder"),
        ("sftp://walkme@host:99999/x", "expected is sftp://user@host/folder"),
        ("sftp://walkme@host/x?y", "expected is sftp://user@host/folder"),
    ],
)
def test_an_address_is_checked_without_quoting_it(address: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        build_sftp_drops(address, read_settings())
    assert expected in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_folder_that_is_not_there_is_named(server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALKME_FILES_ROOT", f"sftp://{USER}@127.0.0.1:{server.port}/nowhere")
    with pytest.raises(ConfigurationError, match=r"/nowhere: there is no such folder"):
        drops().folders()
    assert drops().files("logins") == []


def test_a_place_for_temporary_files_that_is_gone_is_named_and_not_the_server(
    server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = source()
    info = reports.find("Logins")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match=r"could not be kept for reading in .*gone: No such file"):
        reports.read(info, DAY)
