"""A mailbox provider that takes its time: every message is held at its end until GO exists.

    slow.py GO COUNTER

It greets, takes commands at once, and answers the end of a message only when the file GO is
there. How many messages it has taken stands in the file COUNTER.
"""

import asyncio
import os
import sys

GREETING = b"220 slow ESMTP\r\n"


class Slow:
    """The server's state: how many messages it has taken."""

    def __init__(self, go: str, counter: str) -> None:
        self.go = go
        self.counter = counter
        self.taken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self.talk(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Commands until QUIT or the end."""
        writer.write(GREETING)
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                while await reader.readline() not in (b".\r\n", b""):
                    pass
                await self.go_is_there()
                self.count()
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            await writer.drain()
            if verb == b"QUIT":
                return

    async def go_is_there(self) -> None:
        """Wait until the file is there."""
        while not os.path.exists(self.go):
            await asyncio.sleep(0.05)

    def count(self) -> None:
        """Write down one message more."""
        self.taken += 1
        new = f"{self.counter}.new"
        with open(new, "w") as file:
            file.write(str(self.taken))
        os.rename(new, self.counter)


async def main(go: str, counter: str) -> None:
    """Listen in both families for ever."""
    slow = Slow(go, counter)
    server = await asyncio.start_server(slow.serve, None, 25)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
