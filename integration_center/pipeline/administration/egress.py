"""The addresses that this installation sends requests to, for firewalls and security reviews."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url

from integration_center.alerts.places import open_alerts, read_alert_settings
from integration_center.alerts.settings import Email
from integration_center.errors import ConfigurationError
from integration_center.insights.drop_folders.cloud_settings import CloudSettings, read_cloud_settings
from integration_center.insights.drop_folders.sftp_settings import parse_address
from integration_center.installation import Installation
from integration_center.salesforce.auth.instances import is_loopback
from integration_center.settings import Settings

PORTS = {"https": 443, "http": 80}
DATABASE_PORT = 5432
TLS_MODES = frozenset({"require", "verify-ca", "verify-full"})
"""The values of `sslmode` with which a connection to PostgreSQL is never without TLS."""
WITHIN = "it stays within this machine"


@dataclass(frozen=True)
class Destination:
    """An address that requests are sent to.

    Attributes:
        host: with its port.
        purpose: what is sent there, for people.
        protection: what keeps others from reading it on the way, for people.
        is_open: whether nothing does, because a setting allows that.
    """

    host: str
    purpose: str
    protection: str = "TLS"
    is_open: bool = False


def list_destinations(installation: Installation) -> Sequence[Destination]:
    """List the addresses, those of Salesforce first. Nothing else is asked, and there is no telemetry."""
    settings = installation.settings
    found = [
        *_list_orgs(installation),
        *_list_reports(settings),
        *_list_storage(settings),
        *_list_sign_in(settings),
        *_list_alerts(installation),
    ]
    return [*dict.fromkeys(found)]


def _list_orgs(installation: Installation) -> Iterator[Destination]:
    for environment, kind in installation.accounts.names.kinds().items():
        account = installation.accounts.find(environment)
        try:
            login = account.login_url if account else installation.settings.find_login_url(environment, kind)
        except ConfigurationError:
            continue  # the login URL is wrong, so nothing is sent there
        yield _build(login, f"Salesforce {environment.title}: sign-in, and renewing and revoking tokens")
        if account is not None:
            purpose = f"Salesforce {environment.title}: reading and writing records of {account.org_name}"
            yield _build(account.instance_url, purpose)


def _list_reports(settings: Settings) -> Iterator[Destination]:
    if settings.walkme_source == "api":
        yield _build(settings.walkme_api_url, "Reports, by the Insights API")
    elif "://" in settings.walkme_files_root:
        with suppress(ConfigurationError):  # the address is wrong, so nothing is asked there
            yield _build_files(settings.walkme_files_root, "Reports, dropped as files")


def _list_storage(settings: Settings) -> Iterator[Destination]:
    if settings.bucket:
        yield _build_files(settings.bucket, "Reports, plans and ledgers of this installation")
    if settings.has_database_server:
        yield from _list_database(make_url(settings.database))


def _list_database(url: URL) -> Iterator[Destination]:
    """Describe the servers of a database. The driver may have them in the query, where a path names a socket."""
    what, mode = "The database of this installation", url.query.get("sslmode")
    for host, port in find_servers(url):
        shown = f"{host}:{port or DATABASE_PORT}"
        if not host or host.startswith("/"):
            yield Destination("a socket", what, WITHIN)
        elif mode in TLS_MODES and not is_loopback(host):
            yield Destination(shown, what, f"TLS (sslmode={mode})")
        else:
            said = f"sslmode={mode}" if mode else "no sslmode"
            yield _build_open(shown, host, what, f"TLS only if the server wants it: {said} in its address")


def find_servers(url: URL) -> list[tuple[str, str]]:
    """Find the hosts of a database, each with its port or nothing.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html, "Specifying Multiple Hosts".
    """
    if url.host:
        return [(url.host, str(url.port or ""))]
    named = url.query.get("host", "")
    places = named.split(",") if isinstance(named, str) else named
    return [(host, port) for host, _, port in (place.partition(":") for place in places)]


def _list_sign_in(settings: Settings) -> Iterator[Destination]:
    if settings.has_provider:
        yield _build(settings.oidc_issuer, "Sign-in of people, by OpenID Connect")
    if settings.has_signing_proxy and settings.proxy_keys:
        yield _build(settings.proxy_keys, "The public keys of the proxy that says who people are")


def _list_alerts(installation: Installation) -> Iterator[Destination]:
    try:
        alerts = read_alert_settings(open_alerts(installation))
    except ConfigurationError:
        return  # the alert settings cannot be used, so nothing is sent
    for name, channel in alerts.channels.items() if alerts else ():
        if isinstance(channel, Email):
            host, what = f"{channel.host}:{channel.port}", f"Alerts by e-mail ({name})"
            if channel.security != "none":
                yield Destination(host, what)
            else:
                yield _build_open(host, channel.host, what, "nothing: `security: none` in the alert settings")
        else:
            yield _build(channel.url.get_secret_value(), f"Alerts by {channel.type} ({name})")


def _build(url: str, purpose: str, *, allowed_by: str = "a setting") -> Destination:
    """Describe an address of HTTP."""
    if urlsplit(url).scheme != "http":
        return Destination(name_place(url), purpose)
    return _build_open(name_place(url), urlsplit(url).hostname, purpose, f"nothing: {allowed_by} allows http")


def _build_open(place: str, host: str | None, purpose: str, protection: str) -> Destination:
    """Describe an address that a setting leaves open, unless it is one of this machine."""
    if is_loopback(host):
        return Destination(place, purpose, WITHIN)
    return Destination(place, purpose, protection, is_open=True)


def _build_files(address: str, purpose: str) -> Destination:
    """Describe an address of files, such as `s3://bucket/prefix` or `sftp://user@host/folder`."""
    scheme, _, rest = address.strip().partition("://")
    if scheme.lower() == "sftp":
        server = parse_address(address)
        return Destination(f"{server.host}:{server.port}", purpose, "SSH")
    endpoint = _find_endpoint(scheme.lower(), read_cloud_settings())
    if endpoint:
        return _build(endpoint, purpose, allowed_by="a setting of the storage")
    return Destination(_name_bucket(scheme.lower(), rest.partition("/")[0]), purpose)


def name_place(url: str) -> str:
    """`host:port` of an address, without what else it holds, which may be a secret."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 443)}"


def _name_bucket(scheme: str, bucket: str) -> str:
    """Name the host that a cloud gives to a bucket."""
    cloud = read_cloud_settings()
    region = cloud.aws_region or cloud.aws_default_region
    usual = {
        "s3": f"{bucket}.s3.{region}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com",
        "az": f"{cloud.azure_storage_account_name or 'the storage account'}.blob.core.windows.net",
    }
    return f"{usual.get(scheme, 'storage.googleapis.com')}:443"


def _find_endpoint(scheme: str, cloud: CloudSettings) -> str | None:
    endpoints = {
        "s3": cloud.aws_endpoint_url_s3 or cloud.aws_endpoint_url,
        "az": cloud.azure_storage_endpoint,
        "gs": cloud.google_base_url,
    }
    return endpoints.get(scheme)
