"""`python relay.py LISTEN=TARGET …`: passes on connections, as a network does between two hosts.

Each is `HOST:PORT`, or the path of a socket. It says `ready` once it listens to all. It imports nothing of ours: one is
started for each host.
"""

import asyncio
import sys
from functools import partial

CHUNK = 65536
UNDER_WAY: set["asyncio.Task[None] | None"] = set()
"""The connections: the event loop alone does not keep a task from being collected."""


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until it ends."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:  # either side is gone, and so is the connection
        writer.close()


async def pass_on(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on one connection; it is closed where nothing listens at the other end."""
    task = asyncio.current_task()
    UNDER_WAY.add(task)
    try:
        far_reader, far_writer = await connect(target)
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()
    except OSError:  # nothing listens there now
        return
    finally:
        writer.close()
        UNDER_WAY.discard(task)


async def connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an address, or a socket."""
    if target.startswith("/"):
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def relay(pairs: list[str]) -> None:
    """Listen to all addresses, for ever."""
    servers = []
    for pair in pairs:
        listen, _, target = pair.partition("=")
        host, _, port = listen.rpartition(":")
        servers.append(await asyncio.start_server(partial(pass_on, target), host, int(port)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1:]))
