"""`plan --all`: the integrations that a branch changed, as a comment without personal data."""

import re
import subprocess

import pytest

from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command

SCORE = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}


def git(center: Center, *arguments: str) -> None:
    """Run git in the folder of integrations, as nobody in particular."""
    who = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *who, *arguments), cwd=center.defs, check=True, capture_output=True)


@pytest.fixture
def branch(center: Center) -> Center:
    """A repository of integrations, of which one is committed as it is, one is changed, and one is new."""
    center.integrate("kept")
    center.integrate("changed", object="Contact", fields=[SCORE])
    git(center, "init", "--quiet")
    git(center, "add", ".")
    git(center, "commit", "--quiet", "--message", "Begin")
    center.integrate("changed", object="Contact", fields=[SCORE], when_null="clear")
    center.integrate("added", fields=[SCORE])
    center.write("broken", "type: [")
    center.drop(logins(PLAIN[:2]))
    return center


def test_a_comment_tells_what_the_branch_would_do(branch: Center, command: Command) -> None:
    code, said, _ = command("plan", "--all", "--changed-since", "HEAD", "--markdown")
    assert code == 1  # one is broken
    assert "#### ❌ broken" in said
    assert str(branch.home) not in said
    assert "added: Logins Review → Lead in sandbox" in said
    assert "kept" not in said
    assert "| planned | 2 |" in said
    assert re.search(rf"\| `{SCORE['field']}` \| 2 \| \d \| 0 \| .* \| {7 + PLAIN[0]}.0 to {7 + PLAIN[1]}.0 \|", said)
    for person in PLAIN[:2]:
        assert email(person) not in said
        assert branch.lead(person)["Id"] not in said
    assert branch.writes() == []


def test_what_git_cannot_tell_is_a_sentence(center: Center, command: Command) -> None:
    center.integrate()
    code, _, said = command("plan", "--all", "--changed-since", "HEAD")
    assert code == 1
    assert "git cannot tell what changed" in said
    git(center, "init", "--quiet")
    assert "git cannot tell what changed" in command("plan", "--all", "--changed-since", "nowhere")[2]
    assert "is no commit" in command("plan", "--all", "--changed-since=--output=x")[2]


def test_text_is_never_shown(center: Center, command: Command) -> None:
    center.integrate(fields=[*EXAMPLE["fields"][2:], {"column": "User ID", "field": "Title"}])
    center.drop(logins(PLAIN[:2]))
    said = command("plan", "--all", "--markdown")[1]
    assert "| `Title` | 2 |" in said
    assert f"| `{COUNT}` | 2 |" in said
    assert "@" not in said
