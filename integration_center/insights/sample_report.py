"""A report of made-up logins, for those who want to try the Integration Center without one of WalkMe."""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import yaml

from integration_center.files.text_files import write_atomically
from integration_center.insights.catalogue import CANONICAL_TAG
from integration_center.insights.drop_folders.drop_names import FILE_NAME

SAMPLE = "Sample logins"
FOLDER = "sample_logins"
HEADER = ("User ID", "First Login", "Last Login", "# Logins Last 30 Days")
VISITOR = "visitor@nowhere.example"
"""Somebody whom no org knows, so that a first look shows such a row too."""


def write_sample_report(root: Path, people: Sequence[str], day: date) -> None:
    """Write the report of one day into a folder of reports.

    Args:
        root: the folder that holds a folder for each report.
        people: their e-mail addresses.
        day: the day at whose end the report ends.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    for number, person in enumerate([*people, VISITOR]):
        last = day - timedelta(days=number * 3 % 45)
        first = last - timedelta(days=20 + number * 11 % 200)
        logins = 0 if (day - last).days >= 30 else 1 + number * 7 % 25
        lines.writerow((person, f"{first} 08:15:00", f"{last} 16:40:00", logins))
    about = {"name": SAMPLE, "key_column": HEADER[0], "tags": [CANONICAL_TAG]}
    write_atomically(root / FOLDER / FILE_NAME, yaml.safe_dump(about, sort_keys=False))
    write_atomically(root / FOLDER / f"{day}.csv", text.getvalue())
