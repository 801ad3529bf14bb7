"""A hook of MkDocs: adds the reference pages, which are not files, to the pages that it builds."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools.reference import build_pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """See MkDocs, "Events": called once all files of `docs/` are known."""
    for path, text in build_pages().items():
        files.append(File.generated(config, path, content=text))
    return files
