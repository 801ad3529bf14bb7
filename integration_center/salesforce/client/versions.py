"""Which API versions an org offers."""

from integration_center.errors import ConfigurationError, IntegrationCenterError, OrgError
from integration_center.salesforce.client.session import Session


def check_version(session: Session, error: OrgError) -> None:
    """Check after a refused request that the org offers the API version of the session: one more call.

    Without that version every address is unknown to the org, and it says of each object that there is none.

    Args:
        session: whose request was refused.
        error: the refusal; only one that says that the address is unknown is looked into.

    Raises:
        ConfigurationError: the org does not offer it; names those that it offers.
    """
    if error.status not in {404, 410} and error.code != "UNSUPPORTED_API_VERSION":
        return
    try:
        rows = session.get_json("/services/data")
        offered = [str(row["version"]) for row in rows]
    except (IntegrationCenterError, LookupError, TypeError, ValueError):
        return  # the first refusal says what is known
    wanted = session.base_path.rpartition("/v")[2]
    if offered and wanted not in offered:
        raise ConfigurationError(
            f"the org does not offer API version {wanted}; it offers {offered[0]} to {offered[-1]}. Change"
            " INTEGRATION_CENTER_API_VERSION"
        ) from None
