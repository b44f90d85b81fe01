import asyncio

import pytest

from sparring.core.errors import ComponentFailed
from sparring.core.ports import Announcement
from sparring.core.types import PolicyVersion


def version(number, policy="base", sha256="00"):
    return Announcement(
        version=PolicyVersion(policy=policy, number=number), path=f"/v/{number}", sha256=sha256, step=number
    )


async def test_the_newest_announcement_is_the_latest(connect):
    feed = (await connect()).versions
    assert await feed.latest("base") is None
    for number in (0, 1, 5):
        await feed.announce(version(number))
    assert await feed.latest("base") == version(5)


async def test_policies_are_announced_apart(connect):
    feed = (await connect()).versions
    await feed.announce(version(7, "base"))
    await feed.announce(version(0, "critic"))
    assert await feed.latest("critic") == version(0, "critic")


@pytest.mark.parametrize("announced", [version(3), version(4, sha256="ff")])
async def test_an_older_or_another_version_of_one_number_is_refused(connect, announced):
    feed = (await connect()).versions
    await feed.announce(version(4))
    with pytest.raises(ComponentFailed, match=r"base@4 .* is already"):
        await feed.announce(announced)
    assert await feed.latest("base") == version(4)


async def test_the_newest_version_may_be_announced_again(connect):
    feed = (await connect()).versions
    for _ in range(2):
        await feed.announce(version(4))
    assert await feed.latest("base") == version(4)


async def test_a_follower_gets_a_version_as_it_is_announced(connect):
    follower, learner = (await connect("replica")).versions, (await connect("learner")).versions
    await learner.announce(version(0))
    waiting = asyncio.create_task(follower.wait("base", after=0, timeout_s=5))
    await asyncio.sleep(0.05)
    await learner.announce(version(1))
    assert await waiting == version(1)


async def test_a_follower_that_fell_behind_gets_the_newest_at_once(connect):
    feed = (await connect()).versions
    for number in range(100):
        await feed.announce(version(number))
    assert await feed.wait("base", after=2, timeout_s=0) == version(99)


@pytest.mark.parametrize("after", [-1, 0])
async def test_the_first_version_is_waited_for_with_minus_one(connect, after):
    feed = (await connect()).versions
    await feed.announce(version(0))
    assert await feed.wait("base", after=after, timeout_s=0.01) == (version(0) if after == -1 else None)
