"""Keep objects in object storage, with copies on this machine."""

import logging
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import obstore
from obstore.exceptions import BaseError

from integration_center.insights.drop_folders.object_errors import ask, build_error
from integration_center.insights.drop_folders.object_stores import Prefix
from integration_center.store.frames import writing_file
from integration_center.store.objects import delete_file

logger = logging.getLogger(__name__)

COPY_KEPT_SECONDS = 2 * 24 * 3600
"""How long a copy that nobody uses stays on this machine. It holds personal data."""
CHUNK_BYTES = 8 * 1024 * 1024
NO_CONTAINER = ("NoSuchBucket", "ContainerNotFound")
"""The codes with which a service says that the whole bucket or container is not there."""


class BucketObjects:
    """Objects under a prefix of a bucket or container, with copies in a scratch folder.

    Args:
        prefix: the prefix.
        root: the scratch folder.
    """

    keeps_copies = True

    def __init__(self, prefix: Prefix, root: Path) -> None:
        self.root = root
        self._store, self._service, self._place = prefix.store, prefix.service, prefix.place
        self._swept = False

    def upload(self, key: str) -> None:
        """See `Objects.upload`. A large file is sent in parts.

        Raises:
            IntegrationCenterError: the service refuses the object, or does not answer.
        """
        self.bring(self.root / key, key)

    def bring(self, file: Path, key: str) -> None:
        """See `Objects.bring` and `upload`."""

        def put() -> None:
            try:
                obstore.put(self._store, key, file)
            except FileNotFoundError as error:
                self._require_container(error)
                raise

        ask(put, self.locate(key), self._service)

    def has(self, key: str) -> bool:
        """See `Objects.has`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer.
        """

        def look() -> bool:
            try:
                obstore.head(self._store, key)
            except FileNotFoundError:
                return False
            return True

        return ask(look, self.locate(key), self._service)

    def download(self, key: str) -> bool:
        """See `Objects.download`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer. So it is not known whether the object is
                there.
        """
        path = self.root / key
        try:
            os.utime(path)  # a copy in use is not swept
            return True
        except FileNotFoundError:
            self._sweep()
        return ask(lambda: self._download(key, path), self.locate(key), self._service)

    def answers(self) -> bool:
        """See `Objects.answers`. Takes one listing, and no retries."""
        try:
            obstore.list_with_delimiter(self._store, "probe")
        except (BaseError, OSError) as error:
            logger.debug("%s does not answer (%s)", self._place, type(error).__name__)
            return False
        return True

    def delete(self, keys: Collection[str]) -> None:
        """See `Objects.delete`.

        Raises:
            IntegrationCenterError: the service refuses, or does not answer.
        """
        for key in keys:
            delete_file(self.root / key)
        if keys:
            ask(lambda: self._delete([*keys]), self._place, self._service)

    def locate(self, key: str) -> str:
        """See `Objects.locate`."""
        return f"{self._place}/{key}" if key else self._place

    def _download(self, key: str, path: Path) -> bool:
        try:
            result = obstore.get(self._store, key)
        except FileNotFoundError as error:
            self._require_container(error)
            return False
        with writing_file(path) as file:
            for chunk in result.stream(CHUNK_BYTES):
                file.write(chunk)
        return True

    def _delete(self, keys: Sequence[str]) -> None:
        try:
            obstore.delete(self._store, keys)
        except FileNotFoundError as error:  # not all services pass over what is gone already
            self._require_container(error)
            if len(keys) > 1:
                for key in keys:
                    self._delete([key])

    def _require_container(self, error: FileNotFoundError) -> None:
        """Check that an object alone was not found: without its bucket, nothing is known of it."""
        if any(code in str(error) for code in NO_CONTAINER):
            raise build_error(error, self._place, self._service) from None

    def _sweep(self) -> None:
        """Delete the copies that nobody used lately, once in the life of this instance."""
        if self._swept:
            return
        self._swept = True
        limit = time.time() - COPY_KEPT_SECONDS
        for path in self.root.rglob("*"):
            try:
                if path.is_file() and path.stat().st_mtime < limit:
                    path.unlink()
            except OSError as error:  # another process has deleted it
                logger.debug("the copy %s cannot be deleted (%s)", path, error.strerror)
