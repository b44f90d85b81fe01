"""Leave to start episodes, counted in Redis for all workers together."""

from __future__ import annotations

from sparring.core.ports import Lease
from sparring.replay import lease_scripts
from sparring.replay.budget import Limits
from sparring.replay.connection import Connection
from sparring.replay.keys import Keys


class RedisAdmission:
    """Bounds staleness at the source; see ``budget``."""

    def __init__(self, connection: Connection, keys: Keys, *, limits: Limits) -> None:
        self._connection, self._keys, self._limits = connection, keys, limits
        self._woken = "0-0"  # newest entry of ``wake`` that was there when a start was last refused

    async def start(self, *, owner: str) -> Lease | None:
        """Leave to start one episode of the kind furthest behind; None when none may start now."""
        keys, limits = self._keys, self._limits
        quotas = [part for kind_and_batch in limits.openings.items() for part in kind_and_batch]
        lease_id, answer = await self._connection.run(
            lease_scripts.START,
            [keys.leases, keys.running, keys.accepted, keys.started, keys.steps, keys.wake, keys.freed],
            [owner, limits.concurrency, limits.max_staleness, *quotas],
        )
        if not lease_id:
            self._woken = answer.decode()
            return None
        return Lease(lease_id=lease_id.decode(), kind=answer.decode(), owner=owner)

    async def wait(self, *, timeout_s: float) -> None:
        """Return as soon as something may start that the last ``start`` refused, or after ``timeout_s``."""
        await self._connection.grown(self._keys.wake, after=self._woken, timeout_s=timeout_s)

    async def release(self, lease: Lease) -> None:
        """Give back the leave of an episode that failed; nothing happens if it is not held any more."""
        keys = [self._keys.leases, self._keys.running, self._keys.wake, self._keys.freed]
        await self._connection.run(lease_scripts.RELEASE, keys, [lease.lease_id])

    async def release_owner(self, owner: str) -> int:
        """Give back everything a dead worker held; an episode it still puts is refused."""
        keys = [self._keys.leases, self._keys.running, self._keys.wake, self._keys.freed]
        return int(await self._connection.run(lease_scripts.RELEASE_OWNER, keys, [owner]))

    async def running(self) -> dict[str, int]:
        """Episodes running now, by kind."""
        return await self._counts(self._keys.running)

    async def accepted(self) -> dict[str, int]:
        """Episodes ever put, by kind."""
        return await self._counts(self._keys.accepted)

    async def _counts(self, key: str) -> dict[str, int]:
        flat = await self._connection.call("HMGET", key, *self._limits.openings)
        return {kind: int(count or 0) for kind, count in zip(self._limits.openings, flat, strict=True)}
