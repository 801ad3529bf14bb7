"""The page of one integration: what it does, how its runs went, its mapping, and who changed it."""

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import EDITS
from integration_center.console.grid import build_row
from integration_center.console.labels import Labels, find_labels
from integration_center.console.ledger import find_reasons
from integration_center.console.naming import Names, find_names, find_runs
from integration_center.console.overview import (
    describe_integration,
    list_field_options,
    list_limits,
    list_settings,
)
from integration_center.console.pages.integrations import find_file
from integration_center.console.results import say_why
from integration_center.console.run_chart import RUNS, draw_runs
from integration_center.console.shell.context import console_of
from integration_center.console.shell.page import Page, view
from integration_center.console.shell.rendering import render
from integration_center.console.surroundings import look_around
from integration_center.database.sync_records import RecentSyncs
from integration_center.database.touched import say_touched
from integration_center.pipeline.administration.promoting import may_be_promoted

RECENT = 8
CHANGES = 20


def show_integration(request: Request) -> Response:
    """One integration, read-only."""
    console, file = console_of(request), find_file(request)
    spec = file.spec
    runs = console.installation.syncs.history(file.slug, limit=RUNS)
    labels = find_labels(console, spec.environment, spec.object) if spec else Labels("record")
    recent = RecentSyncs(runs[0], ()) if runs else None
    minute = console.now().replace(second=0, microsecond=0)
    wait = next(iter(console.installation.waiting.list(console.now(), file.slug)), None)
    changes = console.installation.audit.list(limit=CHANGES, slug=file.slug, actions=EDITS)
    ran = find_runs(console, [entry.detail for entry in changes if entry.detail])
    values = {
        "file": file,
        "spec": spec,
        "row": build_row(file, recent, look_around(console, [file]), minute, wait),
        "sentence": describe_integration(spec, labels, minute) if spec else "",
        "labels": labels,
        "names": find_names(console, [spec], console.defs.list()) if spec and file.problem else Names(),
        "settings": list_settings(spec, labels, minute) if spec else [],
        "limits": list_limits(spec, runs) if spec else [],
        "list_field_options": list_field_options,
        "chart": draw_runs(file.slug, runs),
        "touched": say_touched(console.installation.syncs, file.slug),
        "runs": runs[:RECENT],
        "more": len(runs) > RECENT,
        "reasons": find_reasons(console, runs[:RECENT]),
        "say_why": say_why,
        "changes": changes,
        "changed": Names({spec.object.lower(): labels} if spec else {}, topic=labels if spec else None, runs=ran),
        "can_promote": spec is not None and may_be_promoted(console.installation, spec),
        "here": f"/integrations/{file.slug}",
    }
    return render(request, "integration.html", values)


PAGE = Page(routes=(view("/integrations/{slug}", show_integration),))
