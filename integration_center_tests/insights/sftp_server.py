"""A real SFTP server on loopback, by asyncssh, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

USER, PASSWORD = "walkme", "correct horse"


class Server(asyncssh.SSHServer):
    """Lets one user in, with a password or one key."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = keys

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.export_public_key().decode().split()[1] in self._keys


@dataclass
class SftpServer:
    """A running server.

    Attributes:
        port: its port.
        key: its host key.
        users: the public keys that may sign in.
        loop: where it runs.
        acceptor: listens.
    """

    port: int
    key: asyncssh.SSHKey
    loop: asyncio.AbstractEventLoop
    acceptor: asyncssh.SSHAcceptor
    users: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def write_known_hosts(self, path: Path, key: asyncssh.SSHKey | None = None) -> Path:
        """Write the file of known hosts in which this server has its key, or another."""
        path.write_text(f"[127.0.0.1]:{self.port} {(key or self.key).export_public_key().decode()}", encoding="utf-8")
        return path

    def cut(self) -> None:
        """Cut all connections, as a restart of the server does."""
        for connection in self.connections:
            self.loop.call_soon_threadsafe(connection.abort)
        self.connections.clear()


@contextmanager
def serve_sftp(root: Path) -> Iterator[SftpServer]:
    """Serve a folder."""
    loop, key, users = asyncio.new_event_loop(), asyncssh.generate_private_key("ssh-ed25519"), list[str]()
    connections: list[asyncssh.SSHServerConnection] = []

    class Noting(Server):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

    def open_folder(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: Noting(users), "127.0.0.1", 0, server_host_keys=[key], sftp_factory=open_folder
        )

    async def end() -> None:
        acceptor.close()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        await acceptor.wait_closed()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    server = SftpServer(acceptor.get_port(), key, loop, acceptor, users, connections)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
