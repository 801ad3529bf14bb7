"""Where the browser is, against where Salesforce will send it back."""

from urllib.parse import urlsplit

from starlette.requests import Request

from integration_center.errors import ConfigurationError
from integration_center.salesforce.auth.instances import is_loopback
from integration_center.settings import Settings

CALLBACK_PATH = "/oauth/callback"


def origin_of(request: Request) -> str:
    """`http://localhost:3001`: the console as this browser sees it."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}".lower()


def find_callback_origin(settings: Settings) -> str:
    """The console's origin as the callback URL says it.

    Raises:
        ConfigurationError: the callback URL has another path than ours.
    """
    parts = urlsplit(settings.callback_url)
    if parts.path != CALLBACK_PATH:
        raise ConfigurationError(
            "the callback URL that is set here is not that of the console",
            setting=f"INTEGRATION_CENTER_CALLBACK_URL must end in {CALLBACK_PATH}, where the console takes Salesforce's"
            " answer; change it there and in the External Client App",
        )
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_same_machine(first: str, second: str) -> bool:
    """Whether two origins are this machine's under two names, such as localhost and 127.0.0.1."""
    one, other = urlsplit(first), urlsplit(second)
    return (
        is_loopback(one.hostname)
        and is_loopback(other.hostname)
        and (one.scheme, one.port) == (other.scheme, other.port)
    )


def refuse_other_origin(here: str, settings: Settings) -> None:
    """Refuse to begin a sign-in that would come back elsewhere, where this browser's session is not known.

    Raises:
        ConfigurationError: says where to open the console, or what to set.
    """
    there = find_callback_origin(settings)
    if here != there and not is_same_machine(here, there):
        raise ConfigurationError(
            f"Salesforce would send you back to {there}, but you are at {here}; open the console at {there}",
            setting=f"Or set INTEGRATION_CENTER_CALLBACK_URL to {here}{CALLBACK_PATH} and add that to the External"
            " Client App",
        )
