"""What a sentence names by API names and slugs, as pages show it: the label first, the API name beside it in grey."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup

from integration_center.console.labels import PATIENCE, Labels, find_labels, name_all
from integration_center.console.shell.context import Console
from integration_center.console.shell.moments import mark_stamps, show_moment
from integration_center.database.sync_records import SyncRecord
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center.sync.schema import SObjectSchema

NAMED = re.compile(
    r"\b(?P<article>[Rr])un (?P<whole>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?: of '(?P<of>[^']+)')?"
    r"|\b(?P<object>[A-Za-z]\w*)\.(?P<field>[A-Za-z]\w*)\b|\bintegration '(?P<slug>[^']+)'"
    r"|\b(?P<ran>[a-z0-9_]+) \((?P<run>[0-9a-f]{8})\)"
    r"|\b(?P<alone>[A-Za-z]\w*?(?:__c|[a-z][A-Z]\w*))\b"
)
"""`Lead.Score__c`, `integration 'logins_to_leads'`, its run as `logins_to_leads (8f8fcc82)` or `run
8f8fcc82-…`, or a field or object alone that is plainly an API name."""
OBJECT = re.compile(r"\b[A-Za-z]\w*\b")
MOST_OBJECTS = 20
"""Objects that one page asks for the labels of."""


@dataclass(frozen=True)
class Names:
    """What people call what a sentence names.

    Attributes:
        labels: of objects and their fields, by the object's API name in lower case.
        integrations: the names of integrations, by slug.
        topic: of the object that all sentences are about; None where each names its own.
        runs: the lines of the log of whole runs, by the run's id.
        now: when the page is shown.
    """

    labels: Mapping[str, Labels] = field(default_factory=dict)
    integrations: Mapping[str, str] = field(default_factory=dict)
    topic: Labels | None = None
    runs: Mapping[str, SyncRecord] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def mark(self, text: str) -> Markup:
        """Write labels and names into a sentence; what has none stays as it is. Moments are marked, too."""
        marked, end = [], 0
        about = [known for word in OBJECT.findall(text) if (known := self.labels.get(word.lower()))]
        about += [self.topic] if self.topic else []
        for found in NAMED.finditer(text):
            if (shown := self._show(found, about)) is not None:
                marked += [mark_stamps(text[end : found.start()], self.now), shown]
                end = found.end()
        return Markup("").join([*marked, mark_stamps(text[end:], self.now)])

    def _show(self, found: re.Match[str], about: Iterable[Labels]) -> Markup | None:
        if found["whole"]:
            return self._show_run(found)
        if slug := found["slug"] or found["ran"]:
            if slug not in self.integrations:
                return None
            link = Markup('<a href="/integrations/{}">{}</a>').format(quote(slug), self.integrations[slug])
            return link + Markup(' <span class="api">{}</span>').format(found["run"]) if found["run"] else link
        if alone := found["alone"]:
            own = self.labels.get(alone.lower())
            among = [own.object] if own else [each.fields.get(alone.lower()) for each in about]
            label = next((each for each in among if each), None)
        else:
            labels = self.labels.get(found["object"].lower())
            label = labels.fields.get(found["field"].lower()) if labels else None
        return Markup('{} <span class="api">{}</span>').format(label, found[0]) if label else None

    def _show_run(self, found: re.Match[str]) -> Markup | None:
        """Name a run by the time at which it began, which people know, and link it."""
        if (sync := self.runs.get(found["whole"])) is None:
            return None
        the, home = "The" if found["article"] == "R" else "the", f"/integrations/{quote(sync.slug)}"
        link = Markup('{} <a href="{}/runs/{}">run of {}</a>').format(
            the, home, quote(sync.run_id), mark_stamps(f"{show_moment(sync.started_at)} UTC", None)
        )
        if not found["of"]:
            return link
        return link + Markup(' of <a href="{}">{}</a>').format(home, self.integrations.get(sync.slug, sync.name))


def find_runs(console: Console, texts: Iterable[str]) -> Mapping[str, SyncRecord]:
    """Find the runs that sentences name by their whole ids, as far as the log still has them."""
    ids = {found["whole"] for text in texts for found in NAMED.finditer(text) if found["whole"]}
    return console.installation.syncs.of_runs(ids) if ids else {}


def find_names(
    console: Console,
    specs: Iterable[IntegrationSpec],
    files: Iterable[DefsFile] = (),
    *,
    patience: float = PATIENCE,
) -> Names:
    """Find what people call the objects and fields of some integrations, as far as it is known in time.

    Args:
        console: where.
        specs: the integrations whose objects are asked for.
        files: the integrations whose names are shown in place of their slugs.
        patience: seconds for which the page waits for each org.
    """
    wanted: dict[tuple[Environment, str], str] = {}
    for spec in specs:
        wanted.setdefault((spec.environment, spec.object.lower()), spec.object)
    labels: dict[str, Labels] = {}
    for (environment, key), name in list(wanted.items())[:MOST_OBJECTS]:
        known = find_labels(console, environment, name, patience=patience)
        if known.fields:
            labels.setdefault(key, known)
    return Names(labels, {file.slug: file.spec.name for file in files if file.spec}, now=console.now())


def mark_names(console: Console, text: str, schema: SObjectSchema | None = None) -> Markup:
    """Write labels and names into one sentence, such as a refusal or the answer to a change.

    Args:
        console: where.
        text: the sentence. One that names nothing costs nothing.
        schema: of the object that the page is about, where it is known already.
    """
    if not NAMED.search(text):
        return mark_stamps(text, console.now())
    files, words = console.defs.list(), {word.lower() for word in OBJECT.findall(text)}
    topic = name_all(schema) if schema else None
    known = {schema.name.lower(): topic} if schema and topic else {}
    specs = [file.spec for file in files if file.spec and file.spec.object.lower() in words - known.keys()]
    names = find_names(console, specs, files)
    return Names({**names.labels, **known}, names.integrations, topic, find_runs(console, [text]), console.now()).mark(
        text
    )
