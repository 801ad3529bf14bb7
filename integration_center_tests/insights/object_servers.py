"""Object storage on loopback: a real S3 server, and the few calls of Azure Blob Storage that are used here."""

import itertools
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import boto3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from moto.moto_api._internal.models import moto_api_backend  # not public; its public way is a request to a server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

BUCKET = "drops"
KEY, SECRET = "AKIDEXAMPLE", "s3cret-of-aws"

Server = TypeVar("Server", bound="ObjectServer")
Answer = Response | Callable[[], None]
"""Given instead of the server's own; or something to happen before that."""


@dataclass
class ObjectServer:
    """A server over real HTTP that tests make misbehave.

    Attributes:
        requests: what came, as method and path with its query.
        first: used up before the server answers by itself, one a request.
    """

    url: str = ""
    requests: list[str] = field(default_factory=list)
    first: list[Answer] = field(default_factory=list)

    def serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.requests.append(f"{request.method} {unquote(request.full_path.rstrip('?'))}")
        if self.first:
            given = self.first.pop(0)
            if isinstance(given, Response):
                return given(environ, start_response)
            given()
        return self.answer(environ, start_response)

    def answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise NotImplementedError

    def downloads(self) -> list[str]:
        """The requests for one drop each."""
        return [request for request in self.requests if ".csv" in request.partition("?")[0]]


class S3Server(ObjectServer):
    """moto, without a bucket at first. Its XML API is also that of GCS."""

    def __init__(self) -> None:
        super().__init__()
        moto_api_backend.reset()  # it keeps what an earlier server of this process held
        self.app = DomainDispatcherApplication(create_backend_app)

    def answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answered: Iterable[bytes] = self.app(environ, start_response)
        return answered

    def client(self, service: str = "s3") -> Any:
        """The vendor's own client, to put objects and make users."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def variables(self) -> dict[str, str]:
        """What opens it, as the environment holds it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def put(self, key: str, content: str | bytes) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.client().put_object(Bucket=BUCKET, Key=key, Body=body, ACL="public-read")


class AzureServer(ObjectServer):
    """List Blobs and Get Blob of one container (REST version 2023-11-03), opened by one SAS token.

    https://learn.microsoft.com/rest/api/storageservices/list-blobs and .../get-blob; the answers have the shape that
    Azurite 3 gives.
    """

    account, signature = "acme", "s3cret-of-azure"

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, tuple[bytes, datetime]] = {}

    def put(self, key: str, content: str | bytes) -> None:
        self.blobs[key] = (content.encode() if isinstance(content, str) else content, datetime.now(UTC))

    def answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        query = {name: values[0] for name, values in parse_qs(request.query_string.decode()).items()}
        _, account, container, *rest = request.path.split("/", 3)
        if account != self.account or query.get("sig") != self.signature:
            answer = refuse(403, "AuthenticationFailed")
        elif container != BUCKET:
            answer = refuse(404, "ContainerNotFound")
        elif query.get("comp") == "list":
            answer = Response(self._list(query.get("prefix", ""), query["delimiter"]), mimetype="application/xml")
        elif rest and rest[0] in self.blobs:
            data, modified = self.blobs[rest[0]]
            answer = Response(data, headers={"ETag": f'"{_etag(data)}"', "x-ms-version": "2023-11-03"})
            answer.last_modified = modified
        else:
            answer = refuse(404, "BlobNotFound")
        return answer(environ, start_response)

    def _list(self, prefix: str, delimiter: str) -> str:
        beneath = [name for name in sorted(self.blobs) if name.startswith(prefix)]
        folders = [
            prefix + name[len(prefix) :].split(delimiter)[0] for name in beneath if delimiter in name[len(prefix) :]
        ]
        entries = [f"<BlobPrefix><Name>{escape(name)}/</Name></BlobPrefix>" for name, _ in itertools.groupby(folders)]
        for name in beneath:
            if delimiter not in name[len(prefix) :]:
                data, modified = self.blobs[name]
                entries.append(
                    f"<Blob><Name>{escape(name)}</Name><Properties>"
                    f"<Last-Modified>{modified:%a, %d %b %Y %H:%M:%S} GMT</Last-Modified><Etag>{_etag(data)}</Etag>"
                    f"<Content-Length>{len(data)}</Content-Length><Content-Type>text/csv</Content-Type>"
                    "<BlobType>BlockBlob</BlobType></Properties></Blob>"
                )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{BUCKET}">'
            f"<Prefix>{escape(prefix)}</Prefix><Blobs>{''.join(entries)}</Blobs><NextMarker/></EnumerationResults>"
        )


def _etag(data: bytes) -> str:
    return f"0x{md5(data, usedforsecurity=False).hexdigest()[:15].upper()}"


def refuse(status: int, code: str) -> Response:
    """An error as all three services give it."""
    return Response(f"<Error><Code>{code}</Code><Message>quotes {KEY}</Message></Error>", status, mimetype="text/xml")


def build_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on 127.0.0.1 needs for TLS, and the file of the private authority that vouches for it."""
    now, whole = datetime.now(UTC), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of our own")])
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(name: x509.Name, public: rsa.RSAPublicKey, extension: x509.ExtensionType, *, ca: bool) -> bytes:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        constraints = x509.BasicConstraints(ca=ca, path_length=None)
        return builder.add_extension(constraints, critical=True).sign(whole, SHA256()).public_bytes(Encoding.PEM)

    bundle, chain = folder / "authority.pem", folder / "server.pem"
    whose = x509.SubjectKeyIdentifier.from_public_key(whole.public_key())
    bundle.write_bytes(sign(authority, whole.public_key(), whose, ca=True))
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    chain.write_bytes(sign(name, key.public_key(), host, ca=False) + pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    return tls, bundle


@contextmanager
def running(server: Server, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Server]:
    """The server on a port of loopback, a free one by default."""
    listener = make_server("127.0.0.1", port, server.serve, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.server_port}"
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
