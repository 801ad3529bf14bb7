"""Read report drops from object storage: S3, Azure Blob and GCS through one library, obstore."""

import tempfile
from typing import TYPE_CHECKING

import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, keep_file, keeping
from integration_center.files.regular_files import show_size
from integration_center.insights.drop_folders.drops import LARGEST, Content, Drop, DropChanged, ListedVersions
from integration_center.insights.drop_folders.object_errors import Service, ask

if TYPE_CHECKING:  # this type does not exist at run time
    from obstore import ObjectMeta

CHUNK_BYTES = 8 * 1024 * 1024


class ObjectDrops(ListedVersions):
    """`Drops` under a prefix of a bucket or container.

    The version of an object comes from the listing (size, etag, time), so that an unchanged object is never downloaded.

    Args:
        store: the store, opened at the prefix. It must not retry, because this class retries, visibly.
        service: the cloud that the store belongs to.
        root: the address of the prefix, such as `s3://bucket/prefix`.
        largest: the largest size of an object, in bytes.
    """

    def __init__(
        self, store: S3Store | AzureStore | GCSStore, service: Service, root: str, *, largest: int = LARGEST
    ) -> None:
        self._largest = largest
        self._store = store
        self._service = service
        self._root = root

    def __repr__(self) -> str:
        return f"ObjectDrops({self._root!r})"

    def locate(self, folder: str, name: str = "") -> str:
        """See `Drops.locate`."""
        return "/".join(part for part in (self._root, folder, name) if part)

    def folders(self) -> list[str]:
        """See `Drops.folders`. Takes one listing.

        Raises:
            AccessRefused: the credentials are missing, wrong, or not allowed to list.
            ConfigurationError: there is no such bucket, or it is in another region.
        """
        listed = ask(lambda: obstore.list_with_delimiter(self._store), self._root, self._service)
        return sorted(path.rpartition("/")[2] for path in listed["common_prefixes"])

    def files(self, folder: str) -> list[Drop]:
        """See `Drops.files`. Takes one listing. An empty object that represents the folder itself is not a file."""
        place = self.locate(folder)
        listed = ask(lambda: obstore.list_with_delimiter(self._store, folder or None), place, self._service)
        found = sorted(listed["objects"], key=lambda meta: meta["path"])
        inside = f"{folder}/" if folder else ""
        return [_build_drop(folder, meta) for meta in found if meta["path"].startswith(inside)]

    def read(self, drop: Drop, *, most: int | None = None) -> Content:
        """See `Drops.read`. The object is streamed through a temporary file, which keeps large ones."""
        place = self.locate(drop.folder, drop.name)
        allowed = self._largest if most is None else most
        data = ask(lambda: self._download(drop, place, allowed), place, self._service)
        return Content(data, lambda: drop.version)

    def _download(self, drop: Drop, place: str, most: int) -> Data:
        try:
            result = obstore.get(self._store, f"{drop.folder}/{drop.name}")
        except FileNotFoundError:
            raise DropChanged from None
        if _build_drop(drop.folder, result.meta).version != drop.version:
            raise DropChanged
        if result.meta["size"] > most:
            raise UnreadableReport(f"{place} has more than {show_size(most)}; check what it is")
        with keeping(place), tempfile.TemporaryFile() as file:
            for chunk in result.stream(CHUNK_BYTES):
                file.write(chunk)
            data = keep_file(file)
        if len(data) != result.meta["size"]:
            raise UnreadableReport(f"{place} came with {len(data)} of {result.meta['size']} bytes; run the day again")
        return data


def _build_drop(folder: str, meta: "ObjectMeta") -> Drop:
    # Azure quotes the etag in some answers, but not in others.
    etag = (meta["e_tag"] or "").strip('"')
    version = f"{meta['size']}:{etag}:{meta['last_modified'].isoformat()}"
    return Drop(folder, meta["path"].rpartition("/")[2], meta["last_modified"], version)
