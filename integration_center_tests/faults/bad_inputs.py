"""Bad files, settings and arguments, made by a generator, and what the command line says of each.

`python -m integration_center_tests.faults.bad_inputs` tries all of them, each in a process of its own (make hostile).
"""

import gzip
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integration_center.cli.verbs import VERBS, run

MOST_BYTES = 1_500_000_000
MOST_SECONDS = 60
LONGEST_SENTENCE = 2_500
DAY = "2026-11-20"
GOOD = {"logins": "User ID,First Login\nann@example.com,2026-01-02\n"}
SPEC = """type: integration_center.Integration
attributes:
  name: {report}
  report: {report}
  environment: sandbox
  object: Lead
  keys:
    - column: User ID
      field: Email
  fields:
    - column: First Login
      field: {field}
"""
Content = bytes | Callable[[Path], object]


@dataclass(frozen=True)
class BadInput:
    """One thing that is wrong, and the command that meets it.

    Attributes:
        files: content by path below the home.
        harmless: the command may also succeed, since the thing is none that it needs.
    """

    name: str
    arguments: Sequence[str]
    files: Mapping[str, Content] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    harmless: bool = False


@dataclass(frozen=True)
class Answer:
    """What a command did.

    Attributes:
        code: its exit code; negative for a signal.
        size: the most memory it took, in bytes.
    """

    code: int
    said: str
    seconds: float
    size: int


def contents() -> Iterator[tuple[str, Content]]:
    """What a file may hold instead of what is expected, and what may be in its place."""
    dice = random.Random(11)
    yield "empty", b""
    yield "blanks", b" \n\t\n"
    yield "noise", dice.randbytes(5_000)
    yield "no UTF-8", "Größe: ä\n".encode("latin-1")
    yield "NUL", b"a: \0b\n"
    yield "brackets", b"[" * 5_000
    yield "braces", b'{"a":' * 5_000
    yield "long number", b"max_matches: " + b"9" * 5_000 + b"\n"
    yield "laughs", laugh()
    yield "anchor in itself", b"a: &a [*a]\n"
    yield "tag", b"a: !!python/object/apply:os.system ['true']\n"
    yield "list", b"- 1\n- 2\n"
    yield "escapes", b"\x1b[2J\x1b]0;x\x07: 1\n"
    yield "long line", b"x" * 3_000_000
    yield "half", b'{"url": "http://'
    yield "folder", lambda path: path.mkdir()
    yield "pipe", lambda path: os.mkfifo(path)
    yield "loop", lambda path: path.symlink_to(path.name)
    yield "link to nothing", lambda path: path.symlink_to("no-such-file")
    yield "endless", lambda path: path.symlink_to("/dev/zero")
    yield "socket", bind_socket


def laugh() -> bytes:
    """A few lines of YAML whose aliases make a thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines).encode()


def bind_socket(path: Path) -> None:
    """Put a socket in the place of a file."""
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")  # the whole path may be too long for a socket
        finally:
            os.close(folder)


def files() -> Iterator[BadInput]:
    """Each content in each place."""
    places: list[tuple[str, Sequence[str], bool, Mapping[str, str]]] = [
        ("dagster.yaml", ["log"], False, {}),
        ("history/runs.db", ["log"], False, {}),
        ("schedules/schedules.db", ["plan", "good", "--partition", DAY], False, {}),
        ("webserver.json", ["log"], True, {}),
        ("integration_center.db", ["accounts"], False, {}),
        ("secret.key", ["accounts"], True, {}),
        ("demo.env", ["accounts"], True, {}),
        (".env", ["reports"], True, {}),
        ("drops/broken/report.yaml", ["reports"], True, {}),
        (f"drops/broken/{DAY}.csv", ["plan", "broken", "--partition", DAY], False, {}),
        ("defs/broken/defs.yaml", ["check", "broken"], False, {}),
        ("key.pem", ["connect", "sandbox", "--flow", "jwt", "--username", "u", "--key-file", "key.pem"], False, {}),
        ("users", ["console", "--host", "0.0.0.0"], False, {"INTEGRATION_CENTER_USERS": "users"}),
    ]
    for place, arguments, harmless, settings in places:
        for name, content in contents():
            needless = harmless or name in {"empty", "blanks", "link to nothing", "loop"}
            yield BadInput(f"{place}: {name}", arguments, {place: content}, settings, needless)
    bomb = gzip.compress(b"a\n" + b"\0" * 200_000_000, 1)
    small = {"WALKME_LARGEST_FILE_MB": "100"}
    yield BadInput(
        "drop that unpacks to 200 MB",
        ["plan", "broken", "--partition", DAY],
        {f"drops/broken/{DAY}.csv.gz": bomb},
        small,
    )
    half = gzip.compress(b"User ID\n" * 1000)[:-9]
    yield BadInput("half a packed drop", ["plan", "broken", "--partition", DAY], {f"drops/broken/{DAY}.csv.gz": half})


def settings() -> Iterator[BadInput]:
    """Each variable with values that it cannot have."""
    paths = ("/dev/null", "~nobody-here/x", "x" * 5_000, "/proc/self/none/x")
    urls = ("nonsense", "http://[", "ftp://x", "http://", "https://x:99999999/", "javascript:alert(1)")
    numbers = ("-1", "nan", "1e999", "9" * 400, "five", "")
    values: list[tuple[str, Sequence[str], Sequence[str]]] = [
        ("DAGSTER_HOME", paths, ["accounts"]),
        ("INTEGRATION_CENTER_DEFS", paths[:3], ["list"]),
        (
            "INTEGRATION_CENTER_DATABASE_URL",
            ("nonsense", "sqlite:///", "mysql://x", "sqlite:////proc/x.db"),
            ["accounts"],
        ),
        ("INTEGRATION_CENTER_SECRET_KEY", ("x", "é" * 44, "=" * 44, "a" * 10_000), ["accounts"]),
        ("INTEGRATION_CENTER_CALLBACK_URL", urls, ["accounts"]),
        ("INTEGRATION_CENTER_API_RESERVE", numbers, ["accounts"]),
        ("INTEGRATION_CENTER_API_VERSION", ("66", "v66.0", "6.0", "66.5"), ["accounts"]),
        ("INTEGRATION_CENTER_TRUSTED_PROXIES", ("0.0.0.0/0", "host", "1.2.3.4/99"), ["accounts"]),
        ("INTEGRATION_CENTER_SALESFORCE_HOSTS", ("*", "https://x", "a b"), ["accounts"]),
        ("INTEGRATION_CENTER_DAGSTER_HOSTS", ("*", "https://x", "a b"), ["accounts"]),
        ("WALKME_SOURCE", ("ftp", "FILES"), ["accounts"]),
        ("WALKME_API_URL", urls[:4], ["accounts"]),
        ("WALKME_LARGEST_FILE_MB", ("0", "-5", "9" * 400, "x"), ["accounts"]),
        ("WALKME_FILES_ROOT", ("/no/such", "/dev/null", "s3://", "gopher://x/y"), ["reports"]),
        ("SALESFORCE_SANDBOX_LOGIN_URL", urls[:4], ["connect", "sandbox", "--flow", "client-credentials"]),
    ]
    for variable, wrong, arguments in values:
        for value in wrong:
            yield BadInput(f"{variable}={value[:40]!r}", arguments, settings={variable: value})


def arguments() -> Iterator[BadInput]:
    """Verbs with arguments that they cannot take."""
    huge = "9" * 23
    for verb in ("log", "audit"):
        yield from (BadInput(f"{verb} --limit {n}", [verb, "--limit", n]) for n in ("0", "-1", "x", huge, "1e3"))
        yield from (
            BadInput(f"{verb} {slug[:20]!r}", [verb, slug]) for slug in ("nope", "", "../x", "\x1b[2J", "x" * 9_000)
        )
    for port in ("0", "-1", "65536", "99999", "x", huge):
        yield BadInput(f"console --port {port}", ["console", "--port", port])
        yield BadInput(f"up --port {port}", ["up", "--port", port])
        yield BadInput(f"up --console-port {port}", ["up", "--console-port", port])
    yield BadInput("up with equal ports", ["up", "--port", "26060", "--console-port", "26060"])
    for host in ("no.such.host.invalid", "a b", "é" * 80, "x" * 300):
        yield BadInput(f"console --host {host[:30]}", ["console", "--host", host])
    days = (
        f"{DAY}..",
        f"..{DAY}",
        "20261120",
        "2026-W47-5",
        "2026-11-31",
        f"{DAY}..{DAY}..{DAY}",
        "",
        "..",
        "x" * 4_000,
    )
    more = (f" {DAY}", f"{DAY} ", f"{DAY}T00:00", "٢٠٢٦-11-20", "0000-00-00", f"{DAY}...{DAY}", "-1")
    for day in (*days, *more):
        yield BadInput(f"plan --partition {day[:30]!r}", ["plan", "good", "--partition", day])
    for run_id in ("x" * 4_000, "x" * 100_000, "%", "", "é", "a b", "'; DROP TABLE syncs; --"):
        yield BadInput(f"ledger {run_id[:20]!r}", ["ledger", run_id])
        yield BadInput(f"undo {run_id[:20]!r}", ["undo", run_id])
    yield BadInput("emulator --data FILE", ["emulator", "--data", "dagster.yaml"])
    yield BadInput("emulator --records", ["emulator", "--records", huge])
    yield BadInput(
        "console with a pipe as certificate",
        ["console", "--certificate", "c", "--certificate-key", "c"],
        {"c": lambda path: os.mkfifo(path)},
    )
    yield BadInput("no such verb", ["fly"])


def all_inputs() -> list[BadInput]:
    """All of them."""
    return [*files(), *settings(), *arguments()]


def lay_out(home: Path, bad: BadInput) -> None:
    """Make a home with a sound report and integration, a second pair, and what is bad."""
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    for slug, target in (("good", "FirstName"), ("broken", "LastName")):
        drops, defs = home / "drops" / slug, home / "defs" / slug
        drops.mkdir(parents=True)
        defs.mkdir(parents=True)
        (drops / "report.yaml").write_text("name: " + slug + "\ntags: [integrations_salesforce]\nkey_column: User ID\n")
        (drops / f"{DAY}.csv").write_text(GOOD["logins"])
        (defs / "defs.yaml").write_text(SPEC.format(report=slug, field=target))
    for place, content in bad.files.items():
        if place.endswith(".gz"):
            (home / place).with_suffix("").unlink()
        put(home / place, content)


def put(path: Path, content: Content) -> None:
    """Put a content in the place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
        path.chmod(0o600)
    else:
        content(path)


def attempt(home: Path, arguments: Sequence[str], settings: Mapping[str, str]) -> Answer:
    """Run a command in a process of its own; the modules are imported already, which is what makes 300 bearable."""
    said = home.with_name(f"{home.name}.said")
    began = time.monotonic()
    child = os.fork()
    if not child:
        code = 70
        try:
            output = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o600)
            for number in (1, 2):
                os.dup2(output, number)
            os.chdir(home)
            resource.setrlimit(resource.RLIMIT_AS, (8_000_000_000, 8_000_000_000))
            signal.alarm(MOST_SECONDS)
            os.environ.update(base_settings(home) | dict(settings))
            sys.stdin = open(os.devnull)  # noqa: SIM115
            sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w") for number in (1, 2))
            sys.argv = ["integration-center", *arguments]
            run()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    text = said.read_text(encoding="utf-8", errors="replace")
    return Answer(os.waitstatus_to_exitcode(status), text, time.monotonic() - began, used.ru_maxrss * 1024)


def base_settings(home: Path) -> dict[str, str]:
    """The settings of the home."""
    return {
        "DAGSTER_HOME": str(home),
        "INTEGRATION_CENTER_DEFS": str(home / "defs"),
        "WALKME_FILES_ROOT": str(home / "drops"),
        "SALESFORCE_SANDBOX_CLIENT_ID": "client",
        "SALESFORCE_SANDBOX_CLIENT_SECRET": "secret",
        "SALESFORCE_SANDBOX_LOGIN_URL": "http://127.0.0.1:9",
    }


def find_faults(bad: BadInput, answer: Answer) -> list[str]:
    """What is wrong with an answer."""
    faults = []
    allowed = {0, 1, 2} if bad.harmless else {1, 2}
    if answer.code not in allowed:
        faults.append(f"exit {answer.code}")
    if "Traceback" in answer.said or re.search(r'File ".*", line \d+', answer.said):
        faults.append("a traceback")
    if "something unexpected" in answer.said or re.search(r"unexpected \w+(Error|Exception)", answer.said):
        faults.append("nobody foresaw it")
    if answer.code in {1, 2} and not answer.said.strip():
        faults.append("no word")
    if len(answer.said) > LONGEST_SENTENCE and not any(len(each) > LONGEST_SENTENCE for each in bad.arguments):
        faults.append(f"{len(answer.said):,} characters")
    if answer.size > MOST_BYTES:
        faults.append(f"{answer.size / 1e6:,.0f} MB")
    if answer.seconds > MOST_SECONDS:
        faults.append(f"{answer.seconds:.0f} s")
    return faults


def find_harm(home: Path) -> list[str]:
    """What became of the sound report and integration beside a broken one."""
    harm = []
    for verb, key, fault in (("reports", "slug", "problem"), ("list", "slug", "error")):
        answer = attempt(home, [verb, "--json"], {})
        rows = json.loads(answer.said) if answer.said.startswith("[") else []
        if answer.code or not any(row[key] == "good" and row[fault] is None for row in rows):
            harm.append(f"{verb}: the other one is stopped: {answer.said[:300]}")
    return harm


def main() -> None:
    """Try all, and print what does not hold."""
    for verb in VERBS.values():  # imported once here, not once in each process
        verb.load()
    importlib.import_module("integration_center.pipeline.location.loader")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    inputs = [bad for bad in all_inputs() if wanted in bad.name]
    wrong, largest, slowest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as name:
        for number, bad in enumerate(inputs):
            home = Path(name) / str(number)
            lay_out(home, bad)
            answer = attempt(home, bad.arguments, bad.settings)
            faults = find_faults(bad, answer)
            if any(place.startswith(("drops", "defs")) for place in bad.files):
                faults += find_harm(home)
            largest, slowest = max(largest, answer.size), max(slowest, answer.seconds)
            if faults:
                wrong += 1
                print(f"{bad.name}: {'; '.join(faults)}\n    {answer.said[-600:]}", flush=True)
            elif wanted:
                print(f"{bad.name}: {answer.code} {answer.said[-400:]}", flush=True)
            shutil.rmtree(home)
    print(f"{len(inputs)} bad inputs, {wrong} wrong; at most {largest / 1e6:,.0f} MB and {slowest:.1f} s")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
