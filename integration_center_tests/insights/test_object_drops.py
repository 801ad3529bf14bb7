"""Drops in object storage: what is requested, what an error says, and how each cloud is opened."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from werkzeug.wrappers import Response

from integration_center.errors import (
    AccessRefused,
    ConfigurationError,
    IntegrationCenterError,
    NoDataForDay,
    RateLimited,
    ServiceUnavailable,
    UnreadableReport,
)
from integration_center.insights.build import build_source
from integration_center.insights.drop_folders.cloud_settings import read_cloud_settings, read_connection_string
from integration_center.insights.source import ReportSource
from integration_center.settings import Settings
from integration_center.store.reports import ReportFolder, fetch_day
from integration_center_tests.frame_stores import open_store
from integration_center_tests.insights.object_servers import (
    BUCKET,
    KEY,
    SECRET,
    AzureServer,
    S3Server,
    build_certificate,
    refuse,
    running,
)
from integration_center_tests.insights.test_files import DAY

ROOT = f"s3://{BUCKET}/walkme/out"
CSV = "User ID,Count\na,1\n"
FILE = "walkme/out/logins/2026-11-22.csv"


def build(root: str = ROOT) -> ReportSource:
    return build_source(Settings(_env_file=None, WALKME_SOURCE="files", WALKME_FILES_ROOT=root))


def read(source: ReportSource) -> list[tuple[object, ...]]:
    return source.read(source.find("logins"), DAY).frame.rows()


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    with running(AzureServer()) as server:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", server.account)
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{server.url}/{server.account}")
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2023-11-03&sr=c&sp=rl&sig={server.signature}")
        yield server


def test_an_object_that_did_not_change_is_not_downloaded_again(s3: S3Server, tmp_path: Path) -> None:
    s3.put(FILE, CSV)
    source, folder = build(), ReportFolder(open_store(tmp_path))
    info = source.find("logins")
    assert [fetch_day(source, folder, info, DAY)[1] for _ in range(3)] == [True, False, False]
    assert s3.downloads().count(f"GET /{BUCKET}/{FILE}") == 1
    s3.put(FILE, "User ID,Count\na,2\n")
    assert fetch_day(source, folder, info, DAY)[1]


def test_only_the_folder_of_the_report_is_listed_for_it(s3: S3Server) -> None:
    for slug in ("logins", "nps", "teachme"):
        s3.put(f"walkme/out/{slug}/2026-11-22.csv", CSV)
    source = build()
    info = source.find("logins")
    s3.requests.clear()
    source.identity(info, DAY)
    assert [request.partition("prefix=")[2] for request in s3.requests] == ["walkme/out/", "walkme/out/logins/"]


def test_folder_markers_and_neighbours_of_the_prefix_are_no_reports(s3: S3Server) -> None:
    for key in ("walkme/out/", "walkme/out/logins/", "walkme/other/nps/2026-11-22.csv", "walkme/outside/x"):
        s3.put(key, "")
    s3.put(FILE, CSV)
    s3.put("walkme/out/logins/archive/2026-11-23.csv", CSV)
    source = build(f"{ROOT}/")
    assert read(source) == [("a", "1")]
    assert source.newest_day(source.find("logins")) == DAY
    assert source.newest_day(source.find("nps")) is None


def test_names_with_every_kind_of_character(s3: S3Server) -> None:
    s3.put("Ausgänge + mehr/logins/2026-11-22 für #%41?.csv", CSV)
    assert read(build(f"s3://{BUCKET}/Ausgänge + mehr")) == [("a", "1")]


def test_large_objects_come_in_pieces(s3: S3Server) -> None:
    rows = 700_000
    s3.put(FILE, "User ID,Count\n" + "".join(f"person{i},{i % 7}\n" for i in range(rows)))
    source = build()
    assert source.read(source.find("logins"), DAY).frame.height == rows


def test_an_object_that_changes_while_it_is_read_is_read_again(s3: S3Server) -> None:
    s3.put(FILE, CSV)
    source = build()
    info = source.find("logins")
    listings = 2
    # The listing is answered; before the download the object is another one.
    s3.first = [*[lambda: None] * listings, lambda: s3.put(FILE, "User ID,Count\nb,2\n")]
    assert source.read(info, DAY).frame.rows() == [("b", "2")]
    s3.first = [*[lambda: None] * listings, lambda: s3.client().delete_object(Bucket=BUCKET, Key=FILE)]
    with pytest.raises(NoDataForDay):
        source.read(info, DAY)


def test_an_object_that_never_stops_changing_is_transient(s3: S3Server) -> None:
    s3.put(FILE, CSV)
    source = build()
    info = source.find("logins")
    numbers = iter(range(10))

    def change() -> None:
        s3.put(FILE, f"User ID,Count\nb,{next(numbers)}\n")

    put = [lambda: None]  # the change is itself a request
    s3.first = [*[lambda: None] * 2, change, *put] * 3
    with pytest.raises(ServiceUnavailable, match="report 'Logins': the files changed during each of 3 readings"):
        source.read(info, DAY)


@pytest.mark.parametrize(
    "answer", [refuse(503, "SlowDown"), refuse(429, "TooManyRequests"), refuse(500, "InternalError")]
)
def test_what_passes_is_tried_again(s3: S3Server, answer: Response) -> None:
    s3.put(FILE, CSV)
    source = build()
    s3.first = [answer, answer]
    assert read(source) == [("a", "1")]


def test_a_download_that_is_cut_off_is_tried_again(s3: S3Server) -> None:
    s3.put(FILE, CSV)
    source = build()
    info = source.find("logins")
    meta = s3.client().head_object(Bucket=BUCKET, Key=FILE)
    cut = Response(CSV[:9], headers={"ETag": meta["ETag"], "Content-Length": str(len(CSV))})
    cut.last_modified = meta["LastModified"]
    s3.first = [lambda: None, lambda: None, cut]
    assert source.read(info, DAY).frame.rows() == [("a", "1")]


@pytest.mark.parametrize(
    ("answer", "error", "expected"),
    [
        (refuse(503, "SlowDown"), RateLimited, "503 SlowDown: too many requests"),
        (refuse(500, "InternalError"), ServiceUnavailable, "S3 answered 500 InternalError"),
        (refuse(403, "AccessDenied"), AccessRefused, "access is denied; grant the credentials s3:ListBucket"),
        (refuse(400, "ExpiredToken"), AccessRefused, "wrong or have expired; set AWS_ACCESS_KEY_ID"),
        (refuse(403, "SignatureDoesNotMatch"), AccessRefused, "wrong or have expired"),
        (refuse(301, "PermanentRedirect"), ConfigurationError, "another region; set AWS_REGION"),
        (refuse(400, "AuthorizationHeaderMalformed"), ConfigurationError, "another region; set AWS_REGION"),
        (Response("<html>", 200), ServiceUnavailable, "answered nothing readable"),
        (refuse(405, "MethodNotAllowed"), UnreadableReport, "405 MethodNotAllowed"),
    ],
)
def test_each_refusal_has_its_sentence(
    s3: S3Server, answer: Response, error: type[IntegrationCenterError], expected: str
) -> None:
    source = build()
    s3.first = [answer] * 4
    with pytest.raises(error) as raised:
        source.list_reports()
    text = str(raised.value)
    assert text.startswith(f"{ROOT}: ")
    assert expected in text
    assert KEY not in text
    assert SECRET not in text


def test_a_bucket_that_is_not_there_says_so(s3: S3Server) -> None:
    with pytest.raises(
        ConfigurationError, match="s3://nowhere/x: S3 answered 404 NoSuchBucket: there is no such bucket"
    ):
        build("s3://nowhere/x").list_reports()


def test_keys_that_the_server_does_not_know_are_refused(s3: S3Server) -> None:
    httpx.post(f"{s3.url}/moto-api/reset-auth", content="0").raise_for_status()
    try:
        with pytest.raises(AccessRefused, match="403 InvalidAccessKeyId: the credentials are wrong or have expired"):
            build().list_reports()
    finally:
        httpx.post(f"{s3.url}/moto-api/reset-auth", content="inf").raise_for_status()


def test_without_credentials_it_says_what_to_set(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(
        AccessRefused, match=r"no usable credentials for S3 were found; set AWS_ACCESS_KEY_ID"
    ) as raised:
        build().list_reports()
    assert "169.254" not in str(raised.value)


def test_a_server_that_is_not_there_is_transient(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceUnavailable, match="answered nothing readable; check the network and the endpoint"):
        build().list_reports()


def test_a_private_authority_is_trusted_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tls, authority = build_certificate(tmp_path)
    with running(AzureServer(), tls) as server:
        server.put("logins/2026-11-22.csv", CSV)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", server.account)
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{server.url}/{server.account}")
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2023-11-03&sr=c&sp=rl&sig={server.signature}")
        with pytest.raises(ConfigurationError, match="certificate is not trusted; name its authority's file"):
            build(f"az://{BUCKET}").list_reports()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert read(build(f"az://{BUCKET}")) == [("a", "1")]


def test_names_with_empty_parts_are_reported(s3: S3Server) -> None:
    s3.put("walkme/out/logins//2026-11-22.csv", CSV)
    with pytest.raises(UnreadableReport, match=r"s3://drops/walkme/out/logins holds an object with an empty part"):
        read(build())


@pytest.mark.parametrize("endpoint", ["http://s3.example.com", "ftp://localhost", "localhost:9000"])
def test_plain_http_leads_to_this_machine_only(s3: S3Server, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ConfigurationError, match=r"aws_endpoint_url: .*must be an https:// address"):
        build()


def test_plain_http_to_another_machine_has_to_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://objects:9000/")
    cloud = read_cloud_settings()
    assert (cloud.configure("aws")["aws_endpoint_url"], cloud.allows_http("aws")) == ("http://objects:9000", True)
    build()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "ftp://objects")
    with pytest.raises(ConfigurationError, match=r"aws_endpoint_url: .*must be an https:// address"):
        build()


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("ftp://host/x", "ftp:// is not supported"),
        ("s3://", "not followed by the name of a bucket"),
        ("s3://key:s3cret@bucket/x", "expected is s3://bucket/prefix"),
        ("az://Box?sig=s3cret", "expected is az://container/prefix"),
    ],
)
def test_a_root_that_is_no_address_is_refused_before_any_request(root: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build(root)
    assert expected in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_variables_may_be_in_the_env_file(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    s3.put(FILE, CSV)
    lines = [f"AWS_ACCESS_KEY_ID={KEY}", f"AWS_SECRET_ACCESS_KEY={SECRET}", f"AWS_ENDPOINT_URL_S3={s3.url}"]
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    assert read(build()) == [("a", "1")]


def test_azure(azure: AzureServer) -> None:
    azure.put("walkme/out/logins/2026-11-22.csv", CSV)
    azure.put("walkme/out/health/report.yaml", "name: Account Health\ntags: [integrations_salesforce]\n")
    azure.put("walkme/out/health/2026-11-22.csv", CSV)
    source = build(f"az://{BUCKET}/walkme/out")
    assert source.find("account health").slug == "health"
    report = source.read(source.find("logins"), DAY)
    assert report.frame.rows() == [("a", "1")]
    assert report.identity == source.identity(report.info, DAY)
    assert report.refreshed_at == azure.blobs["walkme/out/logins/2026-11-22.csv"][1].replace(microsecond=0)


def test_what_azure_refuses(azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="404 ContainerNotFound: there is no such container"):
        build("az://elsewhere/x").list_reports()
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2023-11-03&sig=wrong-s3cret")
    with pytest.raises(AccessRefused, match="403 AuthenticationFailed: the credentials are wrong or have") as raised:
        build(f"az://{BUCKET}").list_reports()
    assert "s3cret" not in str(raised.value)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT")
    with pytest.raises(ConfigurationError, match=r"az://drops cannot be opened.*set AZURE_STORAGE_CONNECTION_STRING"):
        build(f"az://{BUCKET}")


def test_an_azure_connection_string_is_enough(azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.put("logins/2026-11-22.csv", CSV)
    for name in ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_SAS_TOKEN"):
        monkeypatch.delenv(name)
    sas = f"sv=2023-11-03&sr=c&sp=rl&sig={azure.signature}"
    parts = f"AccountName={azure.account};SharedAccessSignature={sas}"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"BlobEndpoint={azure.url}/{azure.account};{parts}")
    assert read(build(f"az://{BUCKET}")) == [("a", "1")]
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"BlobEndpoint=http://blob.example;{parts}")
    with pytest.raises(ConfigurationError, match=r"azure_storage_connection_string: .*https://") as raised:
        build(f"az://{BUCKET}")
    assert azure.signature not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("AccountName=acme;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net", "https://acme.blob.core.windows.net"),
        ("AccountName=acme;AccountKey=a2V5PT0=", None),
    ],
)
def test_what_a_connection_string_says(text: str, endpoint: str | None) -> None:
    said = read_connection_string(f"DefaultEndpointsProtocol=https;{text}")
    assert (said["azure_storage_account_name"], said["azure_storage_account_key"]) == ("acme", "a2V5PT0=")
    assert said.get("azure_storage_endpoint") == endpoint


def test_google_speaks_the_same_xml(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put(FILE, CSV)
    monkeypatch.setenv("GOOGLE_BASE_URL", s3.url)
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    source = build(f"gs://{BUCKET}/walkme/out")
    assert read(source) == [("a", "1")]
    with pytest.raises(ConfigurationError, match="gs://nowhere: Google Cloud Storage answered 404 NoSuchBucket"):
        build("gs://nowhere").list_reports()
