"""Keep an org's address and access token, and ask for them again when the token has ended or the org has moved.

An org keeps its records and its tokens when its My Domain is renamed or it moves to other servers. Its old address then
redirects, answers nothing useful, or disappears from the network, while the token endpoint names the new address
(reference/salesforce-api.md, 1.1). Only the token endpoint is trusted: the target of a redirect never gets a token.
"""

import logging
import threading
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from integration_center.salesforce.client.faults import read_errors

logger = logging.getLogger(__name__)

REDIRECTS = frozenset({301, 302, 303, 307, 308})
Pair = tuple[str, str]
"""An instance URL and an access token."""


class TokenProvider(Protocol):
    """The source of a session's access token."""

    def current(self) -> Pair:
        """Return the instance URL and access token to use now."""
        ...

    def renew(self, dead_token: str) -> Pair:
        """Return a new pair to replace `dead_token`, or the current pair if another thread already renewed it."""
        ...


class Address:
    """The org's address and access token, for all threads of a session.

    Args:
        tokens: provides and renews both.
    """

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens
        self._asking = threading.Lock()
        self._named: set[str] = set()
        self._asked: set[str] = set()
        self._dead: str | None = None

    def current(self) -> Pair:
        """Return the instance URL and access token to use now."""
        base, token = self._tokens.current()
        self._named.add(base.rstrip("/"))
        return base, token

    def find_living(self) -> Pair:
        """Return the instance URL and access token to use now, renewed first where an earlier renewal has failed."""
        base, token = self.current()
        return self.renew(token) if token == self._dead else (base, token)

    def renew(self, dead: str) -> Pair:
        """Return a pair whose token is not `dead`."""
        with self._asking:
            base, token = self.current()
            if token != dead:  # another thread was faster
                return base, token
            self._dead = dead
            logger.info("the Salesforce session has ended; renewing it")
            self._tokens.renew(dead)
            return self.current()

    def look_up(self, base: str) -> Pair | None:
        """Ask the token endpoint for the org's address, because no org answers at `base`.

        The endpoint is asked once per address, until `note_answer` reports that an org answers there again.

        Returns:
            The new pair; None when the token endpoint still names `base`.

        Raises:
            AccessRefused: the sign-in is refused, or leads to another org.
            TransientError: the sign-in does not answer.
        """
        with self._asking:
            now, token = self.current()
            if now != base:  # another thread was faster
                return now, token
            if base in self._asked:
                return None
            self._asked.add(base)
            logger.warning("no org answers at %s: asking the sign-in for the org's address", name_host(base))
            self._tokens.renew(token)
            now, token = self.current()
            if now == base:
                return None
            logger.warning("the org has moved from %s to %s: continuing there", name_host(base), name_host(now))
            return now, token

    def note_answer(self, base: str, status: int, body: bytes) -> None:
        """Record an answer from `base`. A success or an error document shows that an org answers there."""
        if httpx.codes.is_success(status) or read_errors(body):
            self._asked.discard(base)

    def strip(self, url: str) -> str:
        """Strip a known address of the org from the start of `url`. Any other `url` stays as it is."""
        self.current()
        for base in sorted(self._named, key=len, reverse=True):
            if url.startswith(f"{base}/"):
                return url.removeprefix(base)
        return url


def is_elsewhere(status: int, body: bytes) -> bool:
    """Return whether no org is at the address: the answer is a redirect, 421, or a 404 without an error document."""
    if status in REDIRECTS or status == httpx.codes.MISDIRECTED_REQUEST:
        return True
    return status == httpx.codes.NOT_FOUND and not read_errors(body)


def name_host(url: str) -> str:
    """Return the host of an address, with its port if it has one, for a message."""
    return urlsplit(url).netloc or "the org's address"
