"""Tokens for a session with an org of the emulator."""

import httpx

from salesforce_emulator.server import OrgHandle


class ClientCredentials:
    """Tokens of the client-credentials flow."""

    def __init__(self, handle: OrgHandle) -> None:
        self.handle = handle
        self.renewals = 0
        self._pair = self._ask()

    def current(self) -> tuple[str, str]:
        return self._pair

    def renew(self, dead_token: str) -> tuple[str, str]:
        self.renewals += 1
        self._pair = self._ask()
        return self._pair

    def _ask(self) -> tuple[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.handle.client_id,
            "client_secret": self.handle.client_secret,
        }
        answer = httpx.post(f"{self.handle.url}/services/oauth2/token", data=form).json()
        return answer["instance_url"], answer["access_token"]
