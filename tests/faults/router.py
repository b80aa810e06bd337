"""A cluster that is played before one real server: members, a leader, routing tables, faults.

Each member listens on a port of its own and passes messages on to the server. ``ROUTE`` is answered
here. A member that does not lead refuses writes; one that lags behind refuses reads that carry no
bookmark of the last acknowledged write, and lets those that do wait, as a real one does.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from tests.faults.bolt import OFFER, Tag, failure, message, read_message, success

__all__ = ["Member", "Router"]

_BOOKMARK = re.compile(rb"bookmark.{1,5}?(FB:[A-Za-z0-9+/=:]+)", re.DOTALL)
_READS = b"\x84mode\x81r"
NOT_A_LEADER = "Neo.ClientError.Cluster.NotALeader"
UNAVAILABLE = "Neo.TransientError.General.DatabaseUnavailable"
BEHIND = "Neo.TransientError.Transaction.BookmarkTimeout"


@dataclass(eq=False)
class Member:
    """One member of the cluster.

    Attributes:
        number: Which one.
        port: Where it listens.
        dead: Whether it refuses connections.
        dies: When it dies: ``"before"`` the next write goes to the server, ``"after"`` its commit
            (the answer is lost), or None.
        behind: Number of reads that it still refuses because it has not caught up.
        unavailable: Number of statements that it still refuses because it is starting.
    """

    number: int
    port: int = 0
    dead: bool = False
    dies: str | None = None
    behind: int = 0
    unavailable: int = 0
    pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=set)


class Router:
    """Plays a cluster; attributes may be set from any thread.

    Attributes:
        members: All members.
        leader: The number of the one that takes writes.
        told_leader: The leader that routing tables name; not ``leader`` while they are stale.
        routes: Number of routing tables that were given out.
        refused: Number of writes that members refused which do not lead.
        died: Number of members that died in a commit.
        stale: Texts of reads that came without the bookmark of the last acknowledged write.
        waited: Number of reads that a member refused since it was behind.
    """

    def __init__(self, url: str, members: int = 3, *, ttl: int = 300) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._ttl = ttl
        self.members = [Member(number) for number in range(members)]
        self.leader = self.told_leader = 0
        self.routes = self.refused = self.died = self.waited = 0
        self.stale: list[str] = []
        self._newest: set[bytes] = set()  # the last write's bookmark, and those that follow it
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def elect(self, leader: int, *, told: bool = True) -> None:
        """Make another member the leader; tables name it at once, or later."""
        self.leader = leader
        if told:
            self.told_leader = leader

    def kill(self, number: int) -> None:
        """End a member with all its connections; if it led, the next one leads."""
        self._loop.call_soon_threadsafe(self._kill, self.members[number])

    def revive(self) -> None:
        """Bring all members back, and let tables say who leads."""
        for member in self.members:
            member.dead, member.dies, member.behind, member.unavailable = False, None, 0, 0
        self.told_leader = self.leader

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve; yields a URL that leads to a living member, as a name in the DNS would."""
        self._thread.start()
        door = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        try:
            yield f"neo4j://127.0.0.1:{door}"
        finally:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    # -- work ----------------------------------------------------------------------------------

    async def _serve(self) -> int:
        for member in self.members:
            member.port = await self._listen(partial(_same, member))
        return await self._listen(lambda: next(m for m in self.members if not m.dead))

    async def _listen(self, who: Callable[[], Member]) -> int:
        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connect(who(), reader, writer)

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _shut(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _kill(self, member: Member) -> None:
        member.dead = True
        alive = [m.number for m in self.members if not m.dead]
        if member.number == self.leader and alive:
            self.elect(alive[0])
        for pair in list(member.pairs):
            for writer in pair:
                writer.transport.abort()

    def _table(self) -> bytes:
        self.routes += 1
        alive = [m for m in self.members if not m.dead]
        address = {m.number: f"127.0.0.1:{m.port}" for m in self.members}
        readers = [address[m.number] for m in alive if m.number != self.told_leader]
        servers = [
            {"addresses": [address[m.number] for m in alive], "role": "ROUTE"},
            {"addresses": readers or [address[self.told_leader]], "role": "READ"},
            {"addresses": [address[self.told_leader]], "role": "WRITE"},
        ]
        return success({"rt": {"ttl": self._ttl, "db": "neo4j", "servers": servers}})

    async def _connect(
        self, member: Member, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if member.dead:
            writer.transport.abort()
            return
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        pair = (writer, up_writer)
        member.pairs.add(pair)
        try:
            await reader.readexactly(20)
            up_writer.write(OFFER)
            writer.write(await up_reader.readexactly(4))
            await _Session(self, member, reader, writer, up_reader, up_writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            member.pairs.discard(pair)
            for side in pair:
                side.transport.abort()


def _same(member: Member) -> Member:
    return member


class _Session:
    """One client's connection to one member."""

    def __init__(
        self,
        router: Router,
        member: Member,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        self._router, self._member = router, member
        self._reader, self._writer = reader, writer
        self._up_reader, self._up_writer = up_reader, up_writer
        self._ignoring = False
        self._pending = 0  # requests whose answers are still to come from the server
        self._idle = asyncio.Event()
        self._idle.set()
        self._wrote = self._lose = self._fresh = False

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self) -> None:
        while True:
            body = await read_message(self._reader)
            tag = Tag.of(body)
            answer = self._answer(tag, body)
            if answer is not None:
                # Answers come in order: first those that the server still owes.
                await self._idle.wait()
                self._writer.write(answer)
                await self._writer.drain()
                continue
            if tag is Tag.RUN and _READS not in body and self._member.dies is not None:
                how, self._member.dies = self._member.dies, None
                self._router.died += 1
                if how == "before":
                    self._router._kill(self._member)
                    return
                self._lose = True
            self._wrote = self._wrote or (tag is Tag.RUN and _READS not in body)
            if tag is not Tag.GOODBYE:
                self._pending += 1
                self._idle.clear()
            self._up_writer.write(message(body))
            await self._up_writer.drain()

    def _answer(self, tag: Tag, body: bytes) -> bytes | None:
        """What the member says by itself; None if the server is to answer."""
        router, member = self._router, self._member
        if tag is Tag.ROUTE:
            return router._table()
        if self._ignoring:
            if tag is Tag.RESET:
                self._ignoring = False
                return None
            return None if tag is Tag.GOODBYE else message(b"\xb0\x7e")
        if tag is not Tag.RUN:
            return None
        reads = _READS in body
        if member.unavailable > 0:
            member.unavailable -= 1
            return self._refuse(UNAVAILABLE, "the database is starting")
        if not reads and member.number != router.leader:
            router.refused += 1
            return self._refuse(NOT_A_LEADER, "No write operations are allowed on this member")
        self._fresh = not router._newest or any(mark in body for mark in router._newest)
        if reads and member.number != router.leader:
            if not self._fresh:
                router.stale.append(body[2:200].decode(errors="replace"))
            elif member.behind > 0:
                member.behind -= 1
                router.waited += 1
                return self._refuse(BEHIND, "the member has not caught up with the bookmark")
        return None

    def _refuse(self, code: str, text: str) -> bytes:
        self._ignoring = True
        return failure(code, text)

    async def _down(self) -> None:
        while True:
            body = await read_message(self._up_reader)
            tag = Tag.of(body)
            if tag is not Tag.RECORD:
                self._pending -= 1
            if self._lose:
                if tag is Tag.SUCCESS and b"bookmark" not in body and self._pending > 0:
                    continue
                if tag is Tag.RECORD:
                    continue
                self._router._kill(self._member)  # committed, and nobody hears of it
                return
            if tag is Tag.SUCCESS and (found := _BOOKMARK.search(body)):
                if self._wrote:
                    self._router._newest = {found[1]}
                elif self._fresh:
                    self._router._newest.add(found[1])
                self._wrote = False
            self._writer.write(message(body))
            await self._writer.drain()
            if self._pending <= 0:
                self._idle.set()
