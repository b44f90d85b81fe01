from __future__ import annotations

import itertools

import pytest

from sparring.replay.memory import MemoryStore
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore

RUNS = itertools.count()
LIMITS = {"openings": {"a": 2, "b": 1}, "max_staleness": 0, "concurrency": 8, "archive_capacity": 4}


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with RedisServer.start(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def run():
    """A run name that no other test uses."""
    return f"test{next(RUNS)}"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service)])
async def connect(request, run):
    """``await connect("name", **limits)``: a process's store; later calls see the state of the first, in its limits."""
    stores, settings = [], {}

    async def connect_memory(consumer="first", **limits):
        settings.update({} if stores else {**LIMITS, **limits})
        stores.append(stores[0].connect(consumer=consumer) if stores else MemoryStore(**settings, consumer=consumer))
        return stores[-1]

    async def connect_redis(consumer="first", **limits):
        settings.update({} if stores else {**LIMITS, **limits})
        url = request.getfixturevalue("redis_server").url
        stores.append(await RedisStore.connect(url, run=run, policy="base", consumer=consumer, **settings))
        return stores[-1]

    yield connect_memory if request.param == "memory" else connect_redis
    for store in stores:
        await store.close()
