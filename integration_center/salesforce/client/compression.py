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

        Only the first compressed request of a session is judged. Any refusal ends compression, even if it may have
        another reason. An error of the server ends compression too, but the request is not sent again here.
        """
        if not self._is_trial(response.request):
            return False
        refused = response.status_code in UNREADABLE and not is_row_list(body)
        if refused or response.is_server_error:
            self._end(f"HTTP {response.status_code}")
        elif response.is_success:
            self._taken = True
        return refused

    def note_loss(self, request: httpx.Request) -> None:
        """End compression where the connection broke on the first compressed request: a gateway may break on it."""
        if self._is_trial(request):
            self._end("the connection broke")

    def _is_trial(self, request: httpx.Request) -> bool:
        return self._taken is None and "content-encoding" in request.headers

    def _end(self, reason: str) -> None:
        logger.info("further requests are sent uncompressed (%s)", reason)
        self._taken = False
