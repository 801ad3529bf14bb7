"""`accounts`: the connected orgs."""

from integration_center.cli.output import AsJson, Column, print_rows
from integration_center.installation import open_installation

COLUMNS = (
    Column("environment", "Account"),
    Column("org_name", "Org"),
    Column("org_id", "Org id"),
    Column("kind", "Kind"),
    Column("username", "User"),
    Column("instance_url", "Instance"),
    Column("flow", "Flow"),
    Column("connected_at", "Connected (UTC)"),
    Column("connected_by", "By"),
)

FACTS = ("org_name", "org_id", "username", "instance_url", "flow", "connected_at", "connected_by")
"""What is known of a connected account alone."""


def list_accounts(as_json: AsJson = False) -> None:
    """The connected accounts, and those that were added and are not connected."""
    with open_installation() as installation:
        rows: list[dict[str, object]] = [
            {
                "environment": account.environment.value,
                "org_name": account.org_name,
                "org_id": account.org_id,
                "kind": "Developer Edition"
                if account.developer_edition
                else ("sandbox" if account.is_sandbox else "production"),
                "username": account.username,
                "instance_url": account.instance_url,
                "flow": account.flow,
                "connected_at": account.connected_at,
                "connected_by": account.connected_by,
            }
            for account in installation.accounts.list()
        ]
        connected = {row["environment"] for row in rows}
        rows += [
            dict.fromkeys(FACTS) | {"environment": name.value, "kind": kind.value}
            for name, kind in installation.accounts.names.kinds().items()
            if not name.is_first and name.value not in connected
        ]
    print_rows(rows, COLUMNS, as_json=as_json, empty="No account is connected. Run: integration-center connect sandbox")
