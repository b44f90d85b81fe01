"""Published versions, announced and followed through Redis."""

from __future__ import annotations

import time
from typing import Any

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Announcement
from sparring.core.wire import decode, encode
from sparring.replay.connection import Connection
from sparring.replay.keys import Keys

KEEP = 64  # announcements kept for people to look at; only the newest matters


class RedisVersions:
    """A capped stream per policy whose entry ids are version numbers, so Redis itself refuses to go back."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys

    async def announce(self, announcement: Announcement) -> None:
        """Make a version known; announcing the newest one once more does nothing.

        Raises:   ComponentFailed: a newer version, or another one of this number, is announced already.
        """
        version = announcement.version
        stream, entry_id = self._keys.versions(version.policy), f"{version.number}-1"
        try:
            await self._connection.call("XADD", stream, "MAXLEN", KEEP, entry_id, "v", encode(announcement))
        except ComponentFailed:
            newest = await self.latest(version.policy)
            refuse_older(newest, announcement)
            if newest != announcement:
                raise

    async def latest(self, policy: str) -> Announcement | None:
        """The newest announcement."""
        entries: Any = await self._connection.call("XREVRANGE", self._keys.versions(policy), "+", "-", "COUNT", 1)
        return decode(entries[0][1][b"v"], Announcement) if entries else None

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        """The newest announcement above ``after``, as soon as there is one; None after ``timeout_s``."""
        cursor = f"{after}-1" if after >= 0 else "0-0"
        deadline = time.monotonic() + timeout_s
        newest = await self.latest(policy)
        if newest is not None and newest.version.number > after:
            return newest
        left_s = deadline - time.monotonic()
        if await self._connection.grown(self._keys.versions(policy), after=cursor, timeout_s=left_s):
            return await self.latest(policy)
        return None


def refuse_older(newest: Announcement | None, announcement: Announcement) -> None:
    """Raise unless ``announcement`` may be made after ``newest``; shared with the twin.

    Raises:   ComponentFailed: a newer version, or another one of this number, is announced already.
    """
    if newest is None or newest == announcement or newest.version.number < announcement.version.number:
        return
    raise ComponentFailed(
        "version feed",
        f"{announcement.version} was to be announced, but {newest.version} (sha256 {newest.sha256[:12]}) is already; "
        "expected a higher number: does another learner publish to this run?",
    )
