"""The addresses that this installation sends requests to, for firewalls and security reviews."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import make_url

from integration_center.alerts.places import open_alerts, read_alert_settings
from integration_center.alerts.settings import Email
from integration_center.errors import ConfigurationError
from integration_center.insights.drop_folders.cloud_settings import CloudSettings, read_cloud_settings
from integration_center.installation import Installation
from integration_center.settings import Settings

PORTS = {"https": 443, "http": 80}
DATABASE_PORT = 5432


@dataclass(frozen=True)
class Destination:
    """An address that requests are sent to.

    Attributes:
        host: with its port.
        purpose: what is sent there, for people.
    """

    host: str
    purpose: str


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
        yield Destination(
            name_place(login), f"Salesforce {environment.title}: sign-in, and renewing and revoking tokens"
        )
        if account is not None:
            purpose = f"Salesforce {environment.title}: reading and writing records of {account.org_name}"
            yield Destination(name_place(account.instance_url), purpose)


def _list_reports(settings: Settings) -> Iterator[Destination]:
    if settings.walkme_source == "api":
        yield Destination(name_place(settings.walkme_api_url), "Reports, by the Insights API")
    elif "://" in settings.walkme_files_root:
        yield Destination(_name_bucket(settings.walkme_files_root), "Reports, dropped as files")


def _list_storage(settings: Settings) -> Iterator[Destination]:
    if settings.bucket:
        yield Destination(_name_bucket(settings.bucket), "Reports, plans and ledgers of this installation")
    if settings.has_database_server:
        url = make_url(settings.database)
        yield Destination(f"{url.host}:{url.port or DATABASE_PORT}", "The database of this installation")


def _list_sign_in(settings: Settings) -> Iterator[Destination]:
    if settings.has_provider:
        yield Destination(name_place(settings.oidc_issuer), "Sign-in of people, by OpenID Connect")
    if settings.has_signing_proxy and settings.proxy_keys:
        yield Destination(name_place(settings.proxy_keys), "The public keys of the proxy that says who people are")


def _list_alerts(installation: Installation) -> Iterator[Destination]:
    try:
        alerts = read_alert_settings(open_alerts(installation))
    except ConfigurationError:
        return  # the alert settings cannot be used, so nothing is sent
    for name, channel in alerts.channels.items() if alerts else ():
        if isinstance(channel, Email):
            yield Destination(f"{channel.host}:{channel.port}", f"Alerts by e-mail ({name})")
        else:
            yield Destination(name_place(channel.url.get_secret_value()), f"Alerts by {channel.type} ({name})")


def name_place(url: str) -> str:
    """`host:port` of an address, without what else it holds, which may be a secret."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 443)}"


def _name_bucket(address: str) -> str:
    """Name the host of an address such as `s3://bucket/prefix`."""
    scheme, _, rest = address.strip().partition("://")
    cloud, bucket = read_cloud_settings(), rest.partition("/")[0]
    endpoint = _find_endpoint(scheme.lower(), cloud)
    if endpoint:
        return name_place(endpoint)
    region = cloud.aws_region or cloud.aws_default_region
    usual = {
        "s3": f"{bucket}.s3.{region}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com",
        "az": f"{cloud.azure_storage_account_name or 'the storage account'}.blob.core.windows.net",
    }
    return f"{usual.get(scheme.lower(), 'storage.googleapis.com')}:443"


def _find_endpoint(scheme: str, cloud: CloudSettings) -> str | None:
    endpoints = {
        "s3": cloud.aws_endpoint_url_s3 or cloud.aws_endpoint_url,
        "az": cloud.azure_storage_endpoint,
        "gs": cloud.google_base_url,
    }
    return endpoints.get(scheme)
