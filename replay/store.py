"""A run's state in Redis, as one value to pass around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sparring.replay import scripts
from sparring.replay.admission import RedisAdmission
from sparring.replay.archive import RedisArchive
from sparring.replay.budget import Limits
from sparring.replay.connection import Connection, connect
from sparring.replay.keys import Keys
from sparring.replay.streams import Fence, RedisEpisodes, RedisReplay
from sparring.replay.versions import RedisVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What taking up a run again cleaned away."""

    leases: int  # episodes that were running when the run ended; others take their places
    entries: int  # cohorts the checkpoint had consumed and the crashed learner had not acknowledged


class RedisStore:
    """The Redis side of every port, for one process.

    Durability: with ``appendfsync everysec`` every answered command survives the death (kill -9) of any process, Redis
    included; only a machine that loses power may lose the last second. ``always`` closes that gap too.
    """

    def __init__(self, connection: Connection, *, run: str, policy: str, limits: Limits, consumer: str) -> None:
        keys = Keys(run)
        collector = Fence(connection, keys, role="collector", holder=consumer)
        learner = Fence(connection, keys, role="learner", holder=consumer)
        self._connection, self._keys, self._policy = connection, keys, policy
        self._fences = collector, learner
        self.archive = RedisArchive(connection, keys, limits=limits)
        self.admission = RedisAdmission(connection, keys, limits=limits)
        self.episodes = RedisEpisodes(connection, keys, limits=limits, fence=collector)
        self.replay = RedisReplay(connection, keys, policy=policy, collector=collector, learner=learner)
        self.versions = RedisVersions(connection, keys)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        run: str,
        policy: str,
        openings: Mapping[str, int],
        max_staleness: int,
        concurrency: int,
        archive_capacity: int,
        consumer: str,
        fresh_limits: Mapping[str, int] | None = None,
    ) -> Self:
        """The state of ``run`` at ``url``; ``consumer`` names this process in errors.

        Raises:   UsageError: no usable Redis there.
        """
        limits = Limits(
            openings=openings,
            max_staleness=max_staleness,
            concurrency=concurrency,
            archive_capacity=archive_capacity,
            fresh_limits=fresh_limits or {},
        )
        store = cls(Connection(await connect(url)), run=run, policy=policy, limits=limits, consumer=consumer)
        await store._make_groups()
        return store

    async def _make_groups(self) -> None:
        keys = self._keys
        for stream, group in ((keys.episodes, "collector"), (keys.trajectories(self._policy), "learner")):
            await self._connection.run(scripts.MAKE_GROUP, [stream], [group])

    async def known(self) -> bool:
        """Whether a learner of this run ever used this Redis."""
        return bool(await self._connection.call("EXISTS", self._keys.steps, self._keys.fence("learner")))

    async def take_over(self) -> None:
        """Be the run's collector and learner: those of any process before are refused from now on."""
        for fence in self._fences:
            await fence.number()

    async def clear(self) -> int:
        """Forget everything this Redis holds of the run: for a new run where an older one had the name.

        All but the fences, so that a process of the older run that still lives is refused.

        Returns:  How many keys that were. Call it before any other process of the run connects.
        """
        await self.take_over()
        fences = {fence.key.encode() for fence in self._fences}
        count, cursor = 0, b"0"
        while True:
            cursor, names = await self._connection.call("SCAN", cursor, "MATCH", self._keys.pattern, "COUNT", 1000)
            gone = set(names) - fences
            count += int(await self._connection.call("UNLINK", *gone)) if gone else 0
            if int(cursor) == 0:
                break
        await self._make_groups()
        return count

    async def prepare_resume(self, consumed_entries: Sequence[str], *, step: int) -> Resumed:
        """Before any worker starts: put the state behind the checkpoint of ``step``, whose entries were consumed.

        Nobody runs, so every lease is cleared; consumed cohorts that a crash left unacknowledged are; all others
        are delivered again.

        Raises:   ComponentFailed: a newer learner has taken over.
        """
        leases, entries = await self.replay.resume(consumed_entries, step=step)
        return Resumed(leases=leases, entries=entries)

    async def close(self) -> None:
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
