"""One process's connection to a run's Redis: commands, scripts and waits, with errors in our words."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from sparring.core.errors import ComponentFailed, UsageError
from sparring.replay.address import public, redis_address

log = logging.getLogger(__name__)

Argument = str | bytes | int

# Where the password of a server of the user's is, so that it is in no command line, run file or run directory.
PASSWORD_VARIABLE = "SPARRING_REDIS_PASSWORD"
OLDEST = (6, 2)  # the oldest server the tests run against
CONNECT_S = 5.0
ANSWER_S = 30.0  # no command takes a second; a longer silence is a lost server
# One blocking read waits no longer than this, well within ANSWER_S; the caller's deadline may span several.
BLOCK_S = 5.0


async def connect(url: str) -> Redis:
    """A client of the server at ``url``: ``redis://host:port``, ``rediss://...``, ``unix:///path`` or a socket's path.

    Raises:   UsageError: no such server, one that is too old, or one that may evict keys.
    """
    expected = f"expected a Redis {OLDEST[0]}.{OLDEST[1]} or newer at redis://host:port or unix:///path"
    try:
        client = _client(redis_address(url))
    except ValueError as error:
        raise UsageError(f"Redis address {public(url)!r}: {error}; {expected}") from error
    try:
        info = await asyncio.wait_for(client.info(), CONNECT_S)
        _check(info, url)
    except (RedisError, OSError, TimeoutError) as error:
        await client.aclose()
        raise UsageError(
            f"no answer from Redis at {public(url)}: {str(error) or f'silent for {CONNECT_S:g} s'}; {expected}: start "
            "one, correct replay.redis, or leave replay.redis out and the run starts its own"
        ) from error
    except UsageError:
        await client.aclose()
        raise
    return client


def _client(address: str) -> Redis:
    # A password in the address goes first.
    password = None if address.startswith("unix:") else os.environ.get(PASSWORD_VARIABLE)
    return Redis.from_url(  # type: ignore[no-any-return, unused-ignore]
        address,
        password=password,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=ANSWER_S,
        # A command whose answer was lost may have been done: repeating it is the caller's choice, never the client's.
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # one shape of answers for every server we accept
    )


def _check(info: dict[str, Any], url: str) -> None:
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UsageError(f"Redis {version} at {public(url)}: expected {OLDEST[0]}.{OLDEST[1]} or newer; upgrade it")
    if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
        raise UsageError(
            f"Redis at {public(url)} has maxmemory-policy {info.get('maxmemory_policy')}: it would silently drop "
            "episodes when full; set maxmemory-policy noeviction"
        )
    if not info.get("aof_enabled"):
        log.warning("redis without append-only file url=%s: episodes are lost if it dies", public(url))


class Connection:
    """Commands and scripts of one client, and waits that end."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts: dict[str, Any] = {}

    async def call(self, *command: Argument) -> Any:
        """The raw answer to one command."""
        try:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _translated(error) from error

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """The raw answer to one script of ``scripts``."""
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(script)
        try:
            return await self._scripts[script](keys, arguments)
        except (RedisError, OSError) as error:
            raise _translated(error) from error

    async def grown(self, stream: str, *, after: str, timeout_s: float) -> bool:
        """Wait until ``stream`` has an entry newer than ``after``; False after ``timeout_s``. Takes nothing."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            block_ms = max(1, round(min(left_s, BLOCK_S) * 1000))  # 0 would wait for ever
            if await self.call("XREAD", "COUNT", 1, "BLOCK", block_ms, "STREAMS", stream, after):
                return True
        return False

    async def close(self) -> None:
        await self._client.aclose()


def _translated(error: Exception) -> ComponentFailed:
    word, _, rest = str(error).partition(" ")
    if isinstance(error, ResponseError) and word == "FENCED":
        number, _, holder = rest.partition(" ")
        return ComponentFailed("redis", f"replaced by {holder} (incarnation {number}), which owns the entries now")
    if isinstance(error, ResponseError) and word == "PARTIAL":
        return ComponentFailed("collector", f"only {rest} episodes of a cohort are still pending: credited before?")
    return ComponentFailed("redis", f"{type(error).__name__}: {error}")
