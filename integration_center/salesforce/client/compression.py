"""Compressed request bodies. Source: REST API, "Compression Headers": requests may be compressed with gzip.

Not every gateway before an org knows that, so it is tried with the first long body of a session, and remembered.
"""

import gzip
import logging

import httpx

from integration_center.salesforce.client.faults import is_row_list

logger = logging.getLogger(__name__)

LEVEL = 4
SMALLEST = 1_400
"""Bytes from which a body is compressed: what fits into one packet takes no longer as it is."""
UNREADABLE = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNSUPPORTED_MEDIA_TYPE, httpx.codes.NOT_IMPLEMENTED})
"""What a server answers to a body that it cannot read; nothing of it was carried out then."""


class RequestCompression:
    """Compresses the bodies of one session for as long as the org takes them."""

    def __init__(self) -> None:
        self._taken: bool | None = None

    def compress(self, body: bytes) -> bytes | None:
        """The body compressed; None when it shall go as it is."""
        if len(body) < SMALLEST or self._taken is False:
            return None
        return gzip.compress(body, LEVEL, mtime=0)

    def is_refused(self, response: httpx.Response, body: bytes) -> bool:
        """Whether the request has to be sent again as it is, because the org may not have been able to read it.

        Only the first compressed request of a session can be; a refusal may have other reasons, and then the org is no
        longer asked. A server that broke on the request is not asked again either, though that one call is over.

        Args:
            response: to a request, compressed or not.
            body: of the response.
        """
        if self._taken is not None or "content-encoding" not in response.request.headers:
            return False
        refused = response.status_code in UNREADABLE and not is_row_list(body)
        if refused or response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            logger.info("requests go uncompressed from here on (HTTP %d)", response.status_code)
            self._taken = False
        elif response.is_success:
            self._taken = True
        return refused
