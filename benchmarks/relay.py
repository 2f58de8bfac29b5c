"""A slow link on one machine: a TCP relay that holds every chunk back, each way.

For kernels without netem (tc-netem(8)). The TCP handshake itself is not delayed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"
CHUNK = 65536

Address = tuple[str, int]
Held = asyncio.Queue[tuple[float, bytes]]


async def _take(reader: asyncio.StreamReader, held: Held, hold: float) -> None:
    clock = asyncio.get_running_loop().time
    while chunk := await reader.read(CHUNK):
        held.put_nowait((clock() + hold, chunk))
    held.put_nowait((clock() + hold, b""))


async def _give(held: Held, writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, chunk = await held.get()
        await asyncio.sleep(due - clock())
        if not chunk:
            writer.write_eof()
            return
        writer.write(chunk)
        await writer.drain()


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hold: float) -> None:
    # Taken and given side by side: a slow link is late, it is not narrow.
    held: Held = asyncio.Queue()
    await asyncio.gather(_take(reader, held, hold), _give(held, writer))


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Address, hold: float
) -> None:
    far_reader, far_writer = await asyncio.open_connection(*to)
    try:
        await asyncio.gather(_one_way(reader, far_writer, hold), _one_way(far_reader, writer, hold))
    finally:
        far_writer.close()


async def _listen(to: Address, hold: float) -> asyncio.Server:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _carry(reader, writer, to, hold)
        except (OSError, asyncio.CancelledError):
            pass  # An end hung up, or the link is taken away; nobody waits for what was on its way.
        finally:
            writer.close()

    return await asyncio.start_server(carry, LOOPBACK, 0)


@contextmanager
def relays(to: Mapping[str, Address], round_trip: float) -> Iterator[dict[str, int]]:
    """A relay on loopback in front of each address, while the block lasts: its port by name.

    ``round_trip`` is in seconds; half of it is added each way. Raises OSError where no port is
    free. An address that refuses makes its relay hang up.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relays", daemon=True)
    thread.start()
    servers = {
        name: asyncio.run_coroutine_threadsafe(_listen(address, round_trip / 2), loop).result()
        for name, address in to.items()
    }
    try:
        yield {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    finally:
        asyncio.run_coroutine_threadsafe(_stop(list(servers.values())), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    carrying = asyncio.all_tasks() - {asyncio.current_task()}
    for task in carrying:
        task.cancel()
    await asyncio.gather(*carrying, return_exceptions=True)
