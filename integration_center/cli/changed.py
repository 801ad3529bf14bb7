"""Which integrations of a folder differ from a commit of git."""

import subprocess
from pathlib import Path

from integration_center.errors import ConfigurationError


def find_changed(root: Path, ref: str) -> set[str]:
    """Find the folders of integrations that were changed or added since a commit, also where nothing is committed yet.

    Raises:
        ConfigurationError: the folder is in no repository, git is not installed, or there is no such commit.
    """
    if ref.startswith("-"):
        raise ConfigurationError(f"--changed-since {ref!r} is no commit; name one such as origin/main")
    changed = ask_git(root, "diff", "--name-only", "-z", "--relative", f"{ref}^{{commit}}", "--", ".")
    added = ask_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return {path.partition("/")[0] for path in [*changed, *added] if "/" in path}


def ask_git(root: Path, *arguments: str) -> list[str]:
    """Ask git for paths.

    Raises:
        ConfigurationError: git does not answer; its own first line says why.
    """
    command = ("git", "-C", str(root), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    except OSError as error:
        raise ConfigurationError(f"--changed-since needs git, which cannot be started: {error.strerror}") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git gave no reason"])[0]
        raise ConfigurationError(f"{root}: git cannot tell what changed: {reason}")
    return [path for path in done.stdout.split("\0") if path]
