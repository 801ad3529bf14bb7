"""Files among the integrations that are none, or that would not end: each is broken alone, and the others load."""

import os
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import FILE
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.test_yaml_faults import LAUGHS

GOOD = """\
type: integration_center.Integration
attributes:
  name: Good
  environment: sandbox
  report: Logins Review
  object: Lead
  keys: [{column: User ID, field: Email}]
  fields: [{column: First Login, field: WalkMe_First_Login__c}]
"""


def write(text: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


FILES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "loop": lambda path: path.symlink_to(path),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "bomb": write(GOOD + "\n".join(["  owners:", "  - &a0 [x, x]", *(f"  - {line[4:]}" for line in LAUGHS)])),
    "deep": write(GOOD + "  owners: " + "[" * 5_000),
    "itself": write(GOOD + "  owners: &o [*o]"),
    "digits": write(GOOD + "  limits: {max_changed: " + "9" * 200 + "}"),
    "more_digits": write(GOOD + "  max_matches: " + "9" * 5_000),
    "large": write(GOOD + "# " + "x" * 2_000_000),
    "zeros": write(b"\0" * 10_000),
    "not_utf8": write(GOOD.encode("utf-16")),
    "empty": write(""),
    "lists": write("- a\n- b\n"),
    "other": write("type: dagster.Anything\nattributes: {}\n"),
    "python": write("!!python/object/apply:os.system ['true']"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_broken_alone(tmp_path: Path, name: str) -> None:
    for slug, make in (("good", write(GOOD)), (name, FILES[name])):
        (tmp_path / slug).mkdir()
        make(tmp_path / slug / FILE)
    begun = process_time()
    listed = {file.slug: file.problem for file in DefsFolder(tmp_path, judge_with_dagster).list()}
    loaded = load_integrations(tmp_path)
    assert process_time() - begun < 10
    assert listed["good"] is None
    assert list(loaded.specs) == ["good"]
    assert listed[name]
    assert list(loaded.broken) == [name]
    assert len(loaded.broken[name]) < 1_000
