"""Tasks minted so far, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sparring.core.errors import ComponentFailed
from sparring.core.types import Task
from sparring.core.wire import decode, encode, fingerprint
from sparring.replay import scripts
from sparring.replay.budget import Limits
from sparring.replay.connection import Argument, Connection
from sparring.replay.keys import Keys

FINGERPRINT = 32  # characters in front of every stored task
# A draw is repeated if the archive forgot a drawn task meanwhile; each repeat has seen a whole round trip of news.
DRAWS = 20


class RedisArchive:
    """One buffer per kind; forgets the oldest past its capacity, never the newest."""

    def __init__(self, connection: Connection, keys: Keys, *, limits: Limits) -> None:
        self._connection, self._keys, self._limits = connection, keys, limits

    async def add(self, tasks: Sequence[Task]) -> int:
        """Store the tasks not seen before; they are not fresh, since no episode minted them."""
        if not tasks:
            return 0
        keys = [self._keys.minted]
        arguments: list[Argument] = [self._limits.archive_capacity]
        for task in tasks:
            keys += [self._keys.tasks(task.kind), self._keys.seen(task.kind), self._keys.families(task.kind)]
            arguments += [task.kind, fingerprint(task), task.family, encode(task)]
        return int(await self._connection.run(scripts.ADD, keys, arguments))

    async def size(self, kind: str) -> int:
        return int(await self._connection.call("HLEN", self._keys.tasks(kind)))

    async def sizes(self) -> dict[str, int]:
        """Tasks held of every kind that ever held one."""
        kinds = await self._connection.call("HKEYS", self._keys.minted)
        return {kind.decode(): await self.size(kind.decode()) for kind in sorted(kinds)}

    async def sample(self, kind: str, count: int, rng: Random) -> list[Task]:
        """``min(count, size)`` tasks, uniformly without replacement; the same for equal ``rng`` and archive."""
        for _ in range(DRAWS):
            newest = int(await self._connection.call("HGET", self._keys.minted, kind) or 0)
            size = await self.size(kind)
            chosen = rng.sample(range(newest - size + 1, newest + 1), min(count, size))
            if not chosen:
                return []
            found = await self._connection.call("HMGET", self._keys.tasks(kind), *chosen)
            if all(found):
                return [decode(data[FINGERPRINT:], Task) for data in found]
        raise ComponentFailed("archive", f"{DRAWS} draws of {kind} tasks were forgotten before they were read")

    async def knows(self, kind: str, family: str) -> bool:
        """Whether a task of ``kind`` and ``family`` is held; never of the empty family."""
        return await self._connection.call("ZSCORE", self._keys.families(kind), family) is not None

    async def take_fresh(self, kind: str) -> Task | None:
        """The oldest freshly minted task of ``kind`` that nobody took yet."""
        data = await self._connection.call("LPOP", self._keys.fresh(kind))
        return None if data is None else decode(data, Task)
