"""Check that an org offers the API version."""

from integration_center.errors import ConfigurationError, IntegrationCenterError, OrgError
from integration_center.salesforce.client.session import Session


def check_version(session: Session, error: OrgError) -> None:
    """Check, after a refused request, that the org offers the session's API version. Takes one more call.

    Without that version the org knows no address, and says of every object that it does not exist.

    Args:
        session: the session whose request was refused.
        error: the refusal. The check is made only if it says that the address is unknown.

    Raises:
        ConfigurationError: the org does not offer the version. The message names the versions that it offers.
    """
    if error.status not in {404, 410} and error.code != "UNSUPPORTED_API_VERSION":
        return
    try:
        rows = session.get_json("/services/data")
        offered = [str(row["version"]) for row in rows]
    except (IntegrationCenterError, LookupError, TypeError, ValueError):
        return  # the caller reports the first refusal
    wanted = session.base_path.rpartition("/v")[2]
    if offered and wanted not in offered:
        raise ConfigurationError(
            f"the org does not offer API version {wanted}; it offers {offered[0]} to {offered[-1]}",
            setting="Change INTEGRATION_CENTER_API_VERSION",
        ) from None
