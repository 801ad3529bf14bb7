"""Two people edited one integration: the second sees both versions and chooses."""

from starlette.responses import Response

from integration_center.access.audit import EDITS
from integration_center.console.differences import compare_versions
from integration_center.console.labels import find_labels
from integration_center.console.plain_words import say_error_sentence
from integration_center.console.shell.rendering import render
from integration_center.console.wizard.drafts import Draft, base_of
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.specs import build_spec
from integration_center.errors import ConfigurationError, EditedMeanwhile
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsFile


def show_versions(screen: Screen, error: EditedMeanwhile | None = None) -> Response:
    """What was saved meanwhile beside the draft; without a sound file, what became of the file."""
    base = screen.draft.base
    slug = screen.slug
    newest = next(iter(screen.console.installation.audit.list(limit=1, slug=slug, actions=EDITS)), None)
    file = _find_file(screen)
    theirs = file.spec if file else None
    mine = build_spec(_put_on(screen.draft, file, theirs))[0] if file and theirs else None
    differences = None
    if theirs and mine:
        began = IntegrationSpec.model_validate(screen.draft.attributes)
        labels = find_labels(screen.console, theirs.environment, theirs.object)
        differences = [
            each for each in compare_versions([began, theirs, mine], labels) if each.texts[1] != each.texts[2]
        ]
    values = {
        "said": say_error_sentence(error) if error else "It was changed once more. Nothing was saved.",
        "who": newest if newest and base and newest.at >= base.modified_at else None,
        "slug": slug,
        "name": theirs.name if theirs else slug,
        "file": file,
        "differences": differences,
        "path": screen.path,
    }
    return render(screen.request, "wizard/edited.html", values, status=409)


def rebase(screen: Screen, seen: str) -> Screen | None:
    """The draft as an edit of the version that is saved now; None where that is not the version that was seen.

    Args:
        screen: of the draft.
        seen: the hash of the version that was shown beside the draft.
    """
    file = _find_file(screen)
    if file is None or file.spec is None or file.content_hash != seen:
        return None
    return screen.keep(_put_on(screen.draft, file, file.spec))


def _put_on(draft: Draft, file: DefsFile, spec: IntegrationSpec) -> Draft:
    """The draft on another version, of which it takes what no screen shows."""
    return draft.change(base=base_of(file), attributes=spec.model_dump(mode="json"))


def _find_file(screen: Screen) -> DefsFile | None:
    """The file as it is now; None when it is gone."""
    try:
        return screen.console.defs.read(screen.draft.base.slug) if screen.draft.base else None
    except ConfigurationError:
        return None
