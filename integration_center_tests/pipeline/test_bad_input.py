"""Bad input ends as one sentence: some of what `make hostile` tries whole, and the streams of the process."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import integration_center
from integration_center.cli import failures, output
from integration_center.database.engine import build_engine, reading
from integration_center.errors import ConfigurationError
from integration_center.insights.source import parse_day
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.webserver import read_noted_url
from integration_center.settings import find_default_defs, find_default_home, read_paths, read_settings
from integration_center_tests.faults.bad_inputs import LONGEST_SENTENCE, contents, put
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command

COMMAND_LINE = [sys.executable, "-m", "integration_center"]


@pytest.mark.parametrize(
    "text",
    ["20261125", "2026-W48-3", "2026-11-25 ", "", "2026-11-31", "٢٠٢٦-11-20", "2026-11-25\n", "2026-330", "26-11-25"],
)
def test_only_a_whole_date_is_a_day(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a day|day is out of range|month must be"):
        parse_day(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "logins_to_leads", "--partition", "2026-11-20.."], "must be a UTC day"),
        (["run", "logins_to_leads", "--partition", "20261120"], "must be a UTC day"),
        (["plan", "logins_to_leads", "--partition", "..2026-11-20"], "must be a UTC day"),
        (["log", "nope"], "there is no integration 'nope'"),
        (["audit", "nope"], "there is no integration 'nope'"),
        (["log", "--limit", "9" * 23], "--limit"),
        (["audit", "--limit", "9" * 23], "--limit"),
        (["ledger", "x" * 4000], "a run id has up to 36 letters"),
        (["undo", "%"], "a run id has up to 36 letters"),
        (["console", "--port", "99999"], "--port"),
        (["up", "--port", "-1"], "--port"),
        (["up", "--port", "26060", "--console-port", "26060"], "are both 26060"),
        (["emulator", "--data", "dagster.yaml"], "--data"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_arguments_that_cannot_be_meant_are_wrong_usage(
    center: Center, command: Command, arguments: list[str], said: str
) -> None:
    center.integrate()
    code, _, error = command(*arguments)
    assert code == 2
    assert said in error


def test_the_lines_of_a_deleted_integration_are_still_listed(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]))
    assert command("plan", "logins_to_leads")[0] == 0
    (center.defs / "logins_to_leads" / "defs.yaml").unlink()
    for verb in ("log", "audit"):
        code, out, _ = command(verb, "logins_to_leads")
        assert (code, "logins_to_leads" in out) == (0, True)


def test_a_damaged_ledger_and_a_csv_that_cannot_be_written(center: Center, command: Command, tmp_path: Path) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]))
    code, out, _ = command("run", "logins_to_leads")
    assert code == 0
    found = re.search(r"run ([0-9a-f-]{36})", out)
    assert found
    run_id = found[1]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (tmp_path, tmp_path / "none" / "x.csv", Path("/dev/full"), pipe):
        code, _, error = command("ledger", run_id, "--csv", str(target))
        assert (code, f"--csv {target} cannot be written" in error) == (1, True)
    with open_installation() as installation:
        ledger = installation.ledgers.file(run_id, "logins_to_leads")
        assert ledger is not None
        ledger.path.write_bytes(b"PAR1 no more")
    for arguments in (
        ["ledger", run_id],
        ["ledger", run_id, "--csv", str(tmp_path / "x.csv")],
        ["undo", run_id, "--yes"],
    ):
        code, _, error = command(*arguments)
        assert code == 1
        assert error.startswith("Failed: ")
        assert "ledger" in error


def test_what_nobody_foresaw_is_a_sentence_and_a_private_report_without_values(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"the key {key} of token {token}")

    key, token = "ann@example.com", "00Dsecret"

    center.integrate()
    monkeypatch.setattr("integration_center.cli.history.log_ended_runs", fail)
    code, out, error = command("log", "--limit", "5", "logins_to_leads")
    assert (code, out) == (1, "")
    found = re.fullmatch(r"Failed: something unexpected happened \(RuntimeError\)\. The details are in (\S+);.*", error)
    assert found
    report = Path(found[1])
    assert report.parent == center.home / failures.FOLDER
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text(encoding="utf-8")
    assert "RuntimeError" in text
    assert "in show_log" in text
    assert key not in text
    assert token not in text


def test_a_report_goes_to_the_temporary_folder_where_the_home_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    (home / failures.FOLDER).touch()  # in the place of the folder
    report = failures.write_report(KeyError("x"))
    assert report is not None
    assert report.parent == elsewhere


def test_an_empty_home_counts_as_unset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", " ")
    found = read_paths()
    assert found.dagster_home == find_default_home()
    assert found.defs == found.dagster_home / "integrations"


def test_integrations_that_an_earlier_version_kept_in_the_package_stay_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.settings.paths.PROJECT", tmp_path)
    home, earlier = tmp_path / "home", tmp_path / "integration_center" / "defs"
    (tmp_path / "pyproject.toml").touch()
    assert find_default_defs(home) == home / "integrations"
    (earlier / "mine").mkdir(parents=True)
    (earlier / "mine" / "defs.yaml").touch()
    assert find_default_defs(home) == earlier
    (tmp_path / "pyproject.toml").unlink()
    assert find_default_defs(home) == home / "integrations"
    assert find_default_home() == Path.home() / ".integration_center"


@pytest.mark.parametrize("value", ["~nobody-here/x", "/dev/null", "x" * 5000])
def test_a_home_that_cannot_be_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DAGSTER_HOME", value)
    with pytest.raises(ConfigurationError, match="DAGSTER_HOME"):
        read_settings()


@pytest.mark.parametrize(
    "content", [b"WALKME_SOURCE=f\xefles\n", b"A=\0\n", b"A=1\n" * 400_000], ids=["latin", "nul", "big"]
)
def test_env_files_that_are_no_text_are_a_sentence(home: Path, content: bytes) -> None:
    (home / ".env").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"the settings file \.env"):
        read_settings()


@pytest.mark.parametrize("value", ["nonsense", "http://[", "http://", "ftp://x/y", "http://x:99999/"])
def test_a_callback_url_is_an_address(home: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_CALLBACK_URL", value)
    with pytest.raises(ConfigurationError, match=r"INTEGRATION_CENTER_CALLBACK_URL.*is no address"):
        read_settings()


def test_closed_output_is_a_sentence() -> None:
    shell = 'exec "$0" -m integration_center list >&-'
    done = subprocess.run(["/bin/sh", "-c", shell, sys.executable], stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "Failed: standard output is closed; send it to a file, or to /dev/null\n"


@pytest.mark.sampled
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["blocks", "at once"])
def test_full_output_is_a_sentence(home: Path, unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*COMMAND_LINE, "list"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, timeout=60
        )
    assert done.returncode == 1
    said = "Failed: standard output cannot be written: the disk is full; send it to another place"
    assert done.stderr.strip() == said


def test_ctrl_c_during_the_imports_is_one_word(home: Path) -> None:
    """The interrupt comes from within the import of a module that is read early, so the moment is always the same."""
    trap = f"import os, signal\nos.kill(os.getpid(), {int(signal.SIGINT)})\n"
    (home / "typer.py").write_text(trap, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run([*COMMAND_LINE, "log"], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")


def test_little_is_imported_before_an_interruption_is_caught() -> None:
    """Of Python's modules, `typing` takes longer than all others together."""
    beside = Path(integration_center.__file__).parent.parent
    code = "import sys, integration_center.cli\nprint(sorted({'typing', 're', 'importlib.util'} & sys.modules.keys()))"
    command = [sys.executable, "-S", "-c", code]  # without what a virtual environment imports by itself
    done = subprocess.run(command, cwd=beside, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


CONTENTS = dict(contents())
HARMLESS = {"empty", "blanks", "link to nothing", "loop"}


@pytest.mark.parametrize("name", [name for name in CONTENTS if name not in HARMLESS])
def test_damaged_files_of_dagster_are_a_sentence(home: Path, name: str) -> None:
    settings = read_settings()
    for place in ("dagster.yaml", "history/runs.db"):
        path = home / place
        before = path.read_bytes() if path.exists() else None
        put(path, CONTENTS[name])
        with pytest.raises(ConfigurationError, match=re.escape(str(path))) as caught:
            open_instance(settings)
        assert len(str(caught.value)) < LONGEST_SENTENCE
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if before is not None:
            path.write_bytes(before)


@pytest.mark.parametrize("name", [*CONTENTS])
def test_a_damaged_note_of_the_dagster_ui_is_ignored(home: Path, name: str) -> None:
    put(home / "webserver.json", CONTENTS[name])
    assert read_noted_url(home / "webserver.json") is None


@pytest.mark.parametrize("name", ["pipe", "no UTF-8", "NUL", "long line", "noise"])
def test_damaged_settings_files_are_a_sentence(home: Path, name: str) -> None:
    for place in (home / ".env", home / "demo.env"):
        put(place, CONTENTS[name])
        with pytest.raises(ConfigurationError, match=f"the settings file .*{place.name}"):
            read_settings()
        place.unlink()


def test_a_full_disk_is_called_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself says "disk I/O error" then, or that it cannot open the file."""
    engine = build_engine(f"sqlite:///{home / 'x.db'}")
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: full)
    with pytest.raises(ConfigurationError, match="the disk is full; free some space"), reading(engine) as connection:
        connection.exec_driver_sql("SELECT disk_io_error()")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_signs_that_a_terminal_lacks_are_written_plainly(encoding: str) -> None:
    with output.guard_output():
        assert "→ … é 猫".encode(encoding, output.ERROR_HANDLER).decode(encoding).startswith(("->", "→"))
