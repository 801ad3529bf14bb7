"""What the org says of its user, in the key set of a recorded user info answer."""

from typing import Any

from salesforce_emulator.clock import stamp
from salesforce_emulator.org.org import Org

FIRST_NAME, LAST_NAME = "Integration", "User"


def build_user_info(org: Org) -> dict[str, Any]:
    """Return the user info body. Its `urls` carry the 15-character org id and a literal `{version}`."""
    profile, url = org.profile, org.url
    data = f"{url}/services/data/v{{version}}"
    soap = f"{url}/services/Soap"
    org_id15 = profile.org_id[:15]
    return {
        "sub": f"{profile.login_host}/id/{profile.org_id}/{profile.user_id}",
        "user_id": profile.user_id,
        "organization_id": profile.org_id,
        "preferred_username": profile.username,
        "nickname": "integration",
        "name": f"{FIRST_NAME} {LAST_NAME}",
        "email": profile.email,
        "email_verified": True,
        "given_name": FIRST_NAME,
        "family_name": LAST_NAME,
        "zoneinfo": "Europe/Berlin",
        "photos": {"picture": f"{url}/profilephoto/005/F", "thumbnail": f"{url}/profilephoto/005/T"},
        "profile": f"{url}/{profile.user_id}",
        "picture": f"{url}/profilephoto/005/F",
        "address": {},
        "is_salesforce_integration_user": False,
        "urls": {
            "enterprise": f"{soap}/c/{{version}}/{org_id15}",
            "metadata": f"{soap}/m/{{version}}/{org_id15}",
            "partner": f"{soap}/u/{{version}}/{org_id15}",
            "rest": f"{data}/",
            "sobjects": f"{data}/sobjects/",
            "search": f"{data}/search/",
            "query": f"{data}/query/",
            "recent": f"{data}/recent/",
            "tooling_soap": f"{soap}/T/{{version}}/{org_id15}",
            "tooling_rest": f"{data}/tooling/",
            "profile": f"{url}/{profile.user_id}",
            "feeds": f"{data}/chatter/feeds",
            "groups": f"{data}/chatter/groups",
            "users": f"{data}/chatter/users",
            "feed_items": f"{data}/chatter/feed-items",
            "feed_elements": f"{data}/chatter/feed-elements",
            "custom_domain": url,
        },
        "active": True,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 3_600_000,
        "updated_at": f"{stamp(org.clock.now())}Z",
    }
