"""Which addresses an access token may be sent to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import AccessRefused
from integration_center.salesforce.auth.instances import SALESFORCE_DOMAINS, check_instance
from integration_center.settings import Settings

LOGIN = "https://login.salesforce.com"
LOCAL_LOGIN = "http://127.0.0.1:9000"
LISTED = frozenset({"sf.acme.example", "gateway.acme.example:8443", "localhost:7000"})


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("HTTPS://Acme--UAT.Sandbox.My.SalesForce.COM:443/", "https://acme--uat.sandbox.my.salesforce.com"),
        ("https://na139.salesforce.com/", "https://na139.salesforce.com"),
        ("https://acme.my.salesforce.mil", "https://acme.my.salesforce.mil"),
        ("https://acme.cloudforce.com", "https://acme.cloudforce.com"),
        ("https://acme.my.site.force.com", "https://acme.my.site.force.com"),
        ("https://acme.my.sfcrmproducts.cn", "https://acme.my.sfcrmproducts.cn"),
        ("https://sf.acme.example", "https://sf.acme.example"),
        ("https://SF.acme.example:443/gateway/salesforce/", "https://sf.acme.example/gateway/salesforce"),
        ("https://gateway.acme.example:8443", "https://gateway.acme.example:8443"),
        ("http://localhost:7000", "http://localhost:7000"),
    ],
)
def test_salesforces_own_hosts_and_listed_ones_get_the_token(url: str, normal: str) -> None:
    assert check_instance(url, LOGIN, LISTED) == normal


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://evil.example", "evil.example"),
        ("https://evilsalesforce.com", "evilsalesforce.com"),
        ("https://salesforce.com.evil.example", "salesforce.com.evil.example"),
        ("https://login.salesforce.com.evil.example/", "login.salesforce.com.evil.example"),
        ("https://evil.example/acme.my.salesforce.com", "evil.example"),
        ("https://evil.example#.my.salesforce.com", "evil.example"),
        ("https://evil.example?.my.salesforce.com", "evil.example"),
        ("https://evil.example\\.my.salesforce.com", "evil.example"),
        ("https://evil.example\\@acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com@evil.example", "evil.example"),
        ("https://ann@acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://ann:pw@acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com.", "acme.my.salesforce.com."),
        ("https://acme.my.salesforce.com:8443", "acme.my.salesforce.com:8443"),
        ("https://acme.my.salesforce.com:80", "acme.my.salesforce.com:80"),
        ("https://acme.my.salesforce.com/services", "acme.my.salesforce.com"),
        ("http://acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("ftp://acme.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com\n", "acme.my.salesforce.com"),
        ("https://acme.my.salesf\u043erce.com", "acme.my.salesf\\u043erce.com"),
        ("https://acme.my.salesforce\u3002com.evil.example", "acme.my.salesforce\\u3002com.evil.example"),
        ("https://.salesforce.com", ".salesforce.com"),
        ("https://salesforce.com", "salesforce.com"),
        ("https://127.0.0.1", "127.0.0.1"),
        ("https://localhost:7001", "localhost:7001"),
        ("http://localhost", "localhost"),
        ("https://[::1]", "::1"),
        ("https://2130706433", "2130706433"),
        ("https://10.0.0.5", "10.0.0.5"),
        ("https://[2001:db8::1]", "2001:db8::1"),
        ("https://sf.acme.example:8443", "sf.acme.example:8443"),
        ("https://x.sf.acme.example", "x.sf.acme.example"),
        ("http://sf.acme.example", "sf.acme.example"),
        ("https://gateway.acme.example", "gateway.acme.example"),
        ("https://acme.my.salesforce.com:99999", "unreadable"),
        ("https://[::1", "unreadable"),
        ("acme.my.salesforce.com", "unreadable"),
        ("javascript:alert(1)", "unreadable"),
        ("", "unreadable"),
    ],
)
def test_any_other_address_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(AccessRefused) as caught:
        check_instance(url, LOGIN, LISTED)
    assert named in str(caught.value)
    assert "INTEGRATION_CENTER_SALESFORCE_HOSTS" in str(caught.value)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8123", "https://localhost:1", "http://[::1]:8123", "http://org.localhost:8123", LOCAL_LOGIN],
)
def test_a_login_on_this_machine_may_lead_to_an_instance_on_this_machine(url: str) -> None:
    assert check_instance(f"{url}/", LOCAL_LOGIN, ()) == url
    for login in (LOGIN, "https://127.0.0.1.evil.example", "https://sf.acme.example"):
        with pytest.raises(AccessRefused):
            check_instance(url, login, ())


@given(st.from_regex(r"[a-zA-Z0-9.\\@:/?#%_-]{0,30}(\.salesforce\.com)?[a-zA-Z0-9.\\@:/?#%_-]{0,20}", fullmatch=True))
def test_what_passes_leads_to_salesforce_for_every_parser(rest: str) -> None:
    try:
        normal = check_instance(f"https://{rest}", LOGIN, ())
    except AccessRefused:
        return
    host = normal.removeprefix("https://")
    assert host.endswith(SALESFORCE_DOMAINS)
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.")


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("", set()),
        (" SF.acme.example , gateway.acme.example:8443,", {"sf.acme.example", "gateway.acme.example:8443"}),
        ("sf.acme.example:443", {"sf.acme.example"}),
    ],
)
def test_the_setting_lists_whole_hosts(value: str, hosts: set[str]) -> None:
    assert Settings(_env_file=None, salesforce_hosts=value).instance_hosts == hosts


@pytest.mark.parametrize("value", ["https://sf.acme.example", "*.acme.example", ".acme.example", "a/b", "ann@a", "a b"])
def test_the_setting_takes_no_address_and_no_pattern(value: str) -> None:
    with pytest.raises(ValueError, match="must be a host such as"):
        Settings(_env_file=None, salesforce_hosts=value)
