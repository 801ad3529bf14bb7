"""The settings of sign-in to the console by an OpenID Connect provider, or by a proxy that signs who somebody is."""

import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from integration_center.secret_stores.references import ResolvedSecrets
from integration_center.wording.addresses import check_url

EMPTY = SecretStr("")
ROLE_NAMES = ("viewer", "operator", "approver", "admin")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


class SignInSettings(ResolvedSecrets, BaseSettings):
    """How people sign in, besides the file of users."""

    oidc_issuer: Annotated[str, Field(alias="INTEGRATION_CENTER_OIDC_ISSUER")] = ""
    """The issuer of an OpenID Connect provider, such as `https://sso.acme.example/realms/acme`. Its address in front of
    `/.well-known/openid-configuration`. Empty: no such sign-in."""
    oidc_client_id: Annotated[str, Field(alias="INTEGRATION_CENTER_OIDC_CLIENT_ID")] = ""
    """The client id that the provider gave this console."""
    oidc_client_secret: Annotated[SecretStr, Field(alias="INTEGRATION_CENTER_OIDC_CLIENT_SECRET")] = EMPTY
    """The secret of that client. Empty for a public client, which PKCE alone protects."""
    oidc_scopes: Annotated[str, Field(alias="INTEGRATION_CENTER_OIDC_SCOPES")] = "openid profile email"
    """The scopes that are asked for, with blanks between them. Some providers send groups only for one of their own."""
    groups_claim: Annotated[str, Field(alias="INTEGRATION_CENTER_GROUPS_CLAIM")] = "groups"
    """The claim of the ID token, or of the proxy's signed header, that lists a person's groups."""
    group_roles: Annotated[str, Field(alias="INTEGRATION_CENTER_GROUP_ROLES")] = ""
    """Which groups have which role, as `admin=it-admins; operator=cs-ops`. The highest role counts, and a person in
    none of the groups cannot sign in. Empty: everybody begins as viewer, and an admin gives roles in the console."""

    proxy_header: Annotated[str, Field(alias="INTEGRATION_CENTER_PROXY_HEADER")] = ""
    """The request header in which a proxy says who somebody is, as a signed JWT. Empty: no header is believed."""
    proxy_issuer: Annotated[str, Field(alias="INTEGRATION_CENTER_PROXY_ISSUER")] = ""
    """The `iss` of that JWT."""
    proxy_audience: Annotated[str, Field(alias="INTEGRATION_CENTER_PROXY_AUDIENCE")] = ""
    """The `aud` of that JWT."""
    proxy_keys: Annotated[str, Field(alias="INTEGRATION_CENTER_PROXY_KEYS")] = ""
    """The address of the proxy's public keys (a JWK set)."""

    @field_validator("oidc_issuer", "proxy_keys")
    @classmethod
    def check_addresses(cls, value: str) -> str:
        """Accept https, or http of this machine. The closing slash of an issuer belongs to its name."""
        given = value.strip()
        if given:
            check_url(given)
        return given

    @field_validator("proxy_header")
    @classmethod
    def check_header(cls, value: str) -> str:
        """Accept the name of a header.

        Raises:
            ValueError: it is none.
        """
        if value.strip() and not HEADER.fullmatch(value.strip()):
            raise ValueError(f"{value!r} is not the name of a header; expected one such as X-Pomerium-Jwt-Assertion")
        return value.strip()

    @field_validator("group_roles")
    @classmethod
    def check_roles(cls, value: str) -> str:
        """Accept `role=group` parts with semicolons between them.

        Raises:
            ValueError: a part names no role or no group.
        """
        parts = [part.strip() for part in value.split(";") if part.strip()]
        for part in parts:
            role, _, group = part.partition("=")
            if role.strip() not in ROLE_NAMES or not group.strip():
                raise ValueError(
                    f"{part!r} is not ROLE=GROUP, such as admin=it; operator=cs-ops with semicolons between several."
                    f" The roles are {', '.join(ROLE_NAMES)}"
                )
        return "; ".join(parts)

    @property
    def has_provider(self) -> bool:
        """Whether people sign in by OpenID Connect."""
        return bool(self.oidc_issuer)

    @property
    def has_signing_proxy(self) -> bool:
        """Whether people sign in by a signed header."""
        return bool(self.proxy_header)
