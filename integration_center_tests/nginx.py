"""nginx as a proxy, with a configuration exactly as a page of the documentation has it, but for its ports."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import stamina

from integration_center_tests.browser.test_sign_in import make_certificate

NGINX = shutil.which("nginx")
DOCS = Path(__file__).parents[1] / "docs" / "how-to"
ACCESS = "access.log"
"""In the folder of a proxy: who answered each request."""
PLAIN_HTTP = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
  log_format answered '$upstream_addr'; access_log {folder}/{access} answered;
  ssl_certificate {chain}; ssl_certificate_key {key};
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {documented}
}}
"""

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed; on Debian: apt-get install nginx-light")


def read_documented(page: str, changes: Mapping[str, str]) -> str:
    """The configuration that a page of the documentation has, with some texts replaced."""
    block = re.search(r"```nginx\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert block
    documented = block[1]
    for said, here in changes.items():
        assert said in documented, said
        documented = documented.replace(said, here)
    return documented


@contextmanager
def proxying(folder: Path, port: int, documented: str) -> Iterator[None]:
    """Let nginx listen on a port, with a configuration."""
    chain, key = make_certificate(folder)
    path = folder / "nginx.conf"
    path.write_text(PLAIN_HTTP.format(folder=folder, access=ACCESS, chain=chain, key=key, documented=documented))
    process = subprocess.Popen([str(NGINX), "-c", str(path), "-p", str(folder)])
    try:
        for attempt in stamina.retry_context(on=OSError, attempts=None, timeout=20, wait_max=0.1):
            with attempt, socket.create_connection(("127.0.0.1", port)):
                pass
        yield
    finally:
        process.terminate()
        process.wait()
