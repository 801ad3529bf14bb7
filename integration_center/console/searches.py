"""What people search for, kept out of the addresses of pages.

It may be somebody's e-mail address, and proxies and browsers keep addresses. So they hold a token, in which the text is
encrypted by the installation's key: each console of the installation reads it, also after a restart.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from integration_center.accounts.encryption import Cipher
from integration_center.errors import ConfigurationError

PURPOSE = "console search"
LIFETIME = 12 * 3600
"""Seconds after which a token means nothing any more."""
LONGEST = 255
LONGEST_TOKEN = 2_000
"""Characters of the token of a text of `LONGEST`, each of four bytes, and some to spare."""


@dataclass(frozen=True)
class Searches:
    """Makes tokens of texts, and reads them.

    Attributes:
        cipher: of the installation.
        now: the clock, in seconds.
    """

    cipher: Cipher
    now: Callable[[], float] = time.time

    def keep(self, text: str) -> str:
        """Return a token of the text; empty for an empty text."""
        if not text:
            return ""
        content = {"purpose": PURPOSE, "at": self.now(), "text": text[:LONGEST]}
        return self.cipher.encrypt(json.dumps(content, ensure_ascii=False))

    def find(self, token: str) -> str | None:
        """Return the text of a token; None where it is too old, or not ours."""
        if not token:
            return None
        try:
            content = json.loads(self.cipher.decrypt(token))
        except ConfigurationError:  # made with another key, or by somebody else
            return None
        if content.get("purpose") != PURPOSE or self.now() - content["at"] > LIFETIME:
            return None
        return str(content["text"])
