"""What the Lua scripts alone decide, against the pure functions that say what they should."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.replay.admission import RedisAdmission
from sparring.replay.budget import Limits, next_kind
from sparring.replay.connection import Connection, connect
from sparring.replay.keys import Keys

pytestmark = pytest.mark.service

KINDS = ("propose", "solve", "judge")
NUMBERS = itertools.count()
counts = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 12))


async def chosen_by_redis(url, limits, *, steps, accepted, running):
    """The kind that the script starts in a run brought to this state by hand."""
    connection, keys = Connection(await connect(url)), Keys(f"script{next(NUMBERS)}")
    await connection.call("SET", keys.steps, steps)
    for key, table in ((keys.accepted, accepted), (keys.running, running)):
        for kind, count in table.items():
            await connection.call("HSET", key, kind, count)
    for number in range(sum(running.values())):
        await connection.call("HSET", keys.leases, f"lease{number}", "{}")
    lease = await RedisAdmission(connection, keys, limits=limits).start(owner="w")
    await connection.close()
    return lease and lease.kind


@settings(max_examples=60, deadline=None)
@given(
    openings=st.dictionaries(st.sampled_from(KINDS), st.integers(0, 5), min_size=1),
    max_staleness=st.integers(0, 2),
    concurrency=st.integers(1, 20),
    steps=st.integers(0, 3),
    accepted=counts,
    running=counts,
)
def test_redis_starts_the_kind_that_the_budget_names(
    redis_server, openings, max_staleness, concurrency, steps, accepted, running
):
    limits = Limits(openings=openings, max_staleness=max_staleness, concurrency=concurrency, archive_capacity=1)
    expected = next_kind(limits, steps=steps, accepted=accepted, running=running)
    state = {"steps": steps, "accepted": accepted, "running": running}
    assert asyncio.run(chosen_by_redis(redis_server.url, limits, **state)) == expected
