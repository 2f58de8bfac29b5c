"""clock.py FILE DELAY: an SMTP server that takes everything and writes down when.

A line of FILE is a recipient and the time, in seconds since the epoch, at which its message had
been received whole. DELAY seconds pass before each message is accepted: a provider that lets itself
be sent to at a certain pace.
"""

import asyncio
import re
import sys
import time
from typing import TextIO


async def talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, noted: TextIO, delay: float
) -> None:
    """One connection, until QUIT or its end."""
    recipient = ""
    writer.write(b"220 clock ESMTP\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        answer = b"250 ok\r\n"
        if verb == b"RCPT":
            found = re.search(r"<([^>]*)>", line.decode(errors="replace"))
            recipient = found[1] if found else ""
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            noted.write(f"{recipient} {time.time()}\n")
            await asyncio.sleep(delay)
        if verb == b"QUIT":
            answer = b"221 bye\r\n"
        writer.write(answer)
        await writer.drain()
        if verb == b"QUIT":
            break
    writer.close()


async def main(place: str, delay: float) -> None:
    """Listen on every IPv4 address for ever."""
    with open(place, "w", buffering=1) as noted:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer, noted, delay)
            except (OSError, asyncio.IncompleteReadError):
                writer.close()

        server = await asyncio.start_server(serve, "0.0.0.0", 25, limit=1 << 22)  # noqa: S104
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
