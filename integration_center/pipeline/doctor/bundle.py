"""The file for support: findings, integrations and runs, without secrets and personal data."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from integration_center.alerts.message import clean
from integration_center.database.sync_records import SyncRecord
from integration_center.installation import Installation
from integration_center.pipeline.doctor.findings import Checked
from integration_center.pipeline.judging import read_installed
from integration_center.settings import Settings

FIELDS = sorted(Settings.model_fields.items())
RUNS = 200
PRIVATE = {"owners", "where"}
"""Options of an integration that may hold names of people or values."""
PRIVATE_OF_RUNS = {"triggered_by", "plan_id", "said"}
"""What a line of the log says of people, or to programs alone."""


def build_bundle(installation: Installation, found: Sequence[Checked]) -> bytes:
    """Build the zip file for support. Values of settings, keys, values of records and addresses are left out."""
    loaded = read_installed(installation.settings)
    shapes = {
        slug: {**spec.model_dump(mode="json", exclude=PRIVATE), "left_out": sorted(PRIVATE)}
        for slug, spec in loaded.specs.items()
    }
    parts: dict[str, object] = {
        "doctor.json": [{**each.as_dict(), "text": clean(each.text)} for each in found],
        "settings.json": {field.alias: name in installation.settings.model_fields_set for name, field in FIELDS},
        "integrations.json": {"sound": shapes, "broken": {slug: clean(said) for slug, said in loaded.broken.items()}},
        "runs.json": [describe_run(sync) for sync in installation.syncs.history(limit=RUNS)],
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, json.dumps(content, default=str, indent=2))
    return file.getvalue()


def describe_run(sync: SyncRecord) -> dict[str, Any]:
    """Describe a line of the log, without the addresses that its sentences may hold."""
    kept = {**asdict(sync), "error": sync.error}
    shown = {name: value for name, value in kept.items() if name not in PRIVATE_OF_RUNS}
    return {name: clean(value) if isinstance(value, str) else value for name, value in shown.items()}
