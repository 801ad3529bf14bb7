"""Compress request bodies with gzip. Source: REST API, "Compression Headers".

Not every gateway in front of an org accepts compressed requests. So the first long body of a session is a trial, and
the session remembers the result.
"""

import gzip
import logging

import httpx

from integration_center.salesforce.client.faults import is_row_list

logger = logging.getLogger(__name__)

LEVEL = 4
SMALLEST = 1_400
"""Only bodies of at least this many bytes are compressed: a body that fits into one packet would not be faster."""
UNREADABLE = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNSUPPORTED_MEDIA_TYPE, httpx.codes.NOT_IMPLEMENTED})
"""The statuses of a server that cannot read a body. It has then carried out nothing."""


class RequestCompression:
    """Compresses the bodies of one session, as long as the org accepts that."""

    def __init__(self) -> None:
        self._taken: bool | None = None

    def compress(self, body: bytes) -> bytes | None:
        """Compress the body; return None when it should be sent as it is."""
        if len(body) < SMALLEST or self._taken is False:
            return None
        return gzip.compress(body, LEVEL, mtime=0)

    def is_refused(self, response: httpx.Response, body: bytes) -> bool:
        """Return whether to send the request again uncompressed, because the org may not have been able to read it.

        This is asked only about the first compressed request of a session. Any refusal ends compression, even if it may
        have another reason. An internal server error ends compression too, but the request is not sent again.
        """
        if self._taken is not None or "content-encoding" not in response.request.headers:
            return False
        refused = response.status_code in UNREADABLE and not is_row_list(body)
        if refused or response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            logger.info("further requests are sent uncompressed (HTTP %d)", response.status_code)
            self._taken = False
        elif response.is_success:
            self._taken = True
        return refused
