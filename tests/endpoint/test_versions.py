"""Which version answers: newest, rollback, canary, named; damaged and forgotten ones. Loading is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from sparring.core.errors import DamagedVersion
from sparring.core.manifest import MANIFEST, Manifest
from sparring.serving import endpoint_versions
from sparring.serving.endpoint_versions import Refusal, Versions
from sparring.serving.port import StagedWeights
from sparring.serving.queries import Steering
from sparring.serving.retained import DirectoryFeed, peek_manifest


class Bench:
    """Versions with a store on the disk, and loads that wait while ``held``."""

    def __init__(self, root: Path, *, num_slots: int) -> None:
        self.store, self.damaged, self.loaded = root / "store", set[int](), list[int]()
        self.open = asyncio.Event()
        self.open.set()
        self.feed = DirectoryFeed(stores=[self.store])
        self.versions = Versions(
            policy="base", num_slots=num_slots, kept=root / "kept", stage=self._stage, load=self._load
        )

    async def _stage(self, directory: Path, sha256: str | None) -> StagedWeights:
        manifest = peek_manifest(directory)
        assert manifest is not None
        if manifest.number in self.damaged:
            raise DamagedVersion("a bit was flipped")
        return StagedWeights(number=manifest.number, directory=directory, tensors={}, num_bytes=0)

    async def _load(self, slot: int, staged: StagedWeights) -> None:
        await self.open.wait()
        self.loaded.append(staged.number)

    def publish(self, number: int, *, damaged: bool = False) -> None:
        if damaged:
            self.damaged.add(number)
        directory = self.store / f"v{number:08d}"
        directory.mkdir(parents=True)
        manifest = Manifest(policy="base", number=number, sha256=f"hash {number}", num_bytes=0, tensors={})
        (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))

    async def answering(self) -> tuple[int | None, str, str]:
        slot, route = await self.versions.slot_for(None)
        return slot.number, slot.sha256, route

    async def until(self, number: int) -> None:
        async with asyncio.timeout(5):
            while (await self.answering())[0] != number:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def started(root: Path, *, num_slots: int = 4, numbers: tuple[int, ...] = (1,)) -> AsyncIterator[Bench]:
    bench = Bench(root, num_slots=num_slots)
    for number in numbers:
        bench.publish(number)
    await bench.versions.begin(bench.feed)
    tasks = [asyncio.create_task(work) for work in (bench.versions.follow(bench.feed), bench.versions.reconcile())]
    try:
        yield bench
    finally:
        for task in tasks:
            task.cancel()
        bench.versions.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_version_before_answers_until_the_next_one_is_loaded(tmp_path: Path) -> None:
    async with started(tmp_path) as bench:
        assert await bench.answering() == (1, "hash 1", "newest")
        bench.open.clear()
        bench.publish(2)
        await asyncio.sleep(0.2)
        assert await bench.answering() == (1, "hash 1", "newest")
        bench.open.set()
        await bench.until(2)
        assert await bench.answering() == (2, "hash 2", "newest")


async def test_a_damaged_version_is_refused_once_and_the_last_good_one_answers(tmp_path: Path) -> None:
    async with started(tmp_path) as bench:
        bench.publish(2, damaged=True)
        await asyncio.sleep(0.2)
        assert (await bench.answering())[0] == 1
        state = await bench.versions.state(incarnation="", running=0)
        assert (state.refused, state.serving, state.newest) == (1, 1, 2)
        assert "damaged" in state.problem
        with pytest.raises(Refusal, match="damaged"):
            await bench.versions.slot_for(2)
        bench.publish(3)
        await bench.until(3)


async def test_before_the_first_version_queries_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with started(tmp_path, numbers=()) as bench:
        with pytest.raises(Refusal, match="no version of the policy has been published yet") as caught:
            await bench.versions.slot_for(None)
        assert caught.value.answer.status == 503


async def test_long_queries_hold_their_version_and_what_comes_meanwhile_is_skipped(tmp_path: Path) -> None:
    async with started(tmp_path, num_slots=2) as bench:
        first, _ = await bench.versions.slot_for(None)
        bench.versions.use(first)
        bench.publish(2)
        await bench.until(2)
        for number in (3, 4, 5):
            bench.publish(number)
        await asyncio.sleep(0.2)
        assert (await bench.answering())[0] == 2  # both slots are taken: 1 by a query, 2 by default
        assert first.number == 1
        bench.versions.release(first)
        await bench.until(5)
        assert bench.loaded == [1, 2, 5]


async def test_a_rollback_and_its_end(tmp_path: Path) -> None:
    async with started(tmp_path, numbers=(1, 2)) as bench:
        bench.versions.steer(Steering(rollback=1))
        await bench.until(1)
        assert await bench.answering() == (1, "hash 1", "rollback")
        bench.publish(3)
        await asyncio.sleep(0.2)
        assert (await bench.answering())[0] == 1
        bench.versions.steer(Steering())
        await bench.until(3)
        assert await bench.answering() == (3, "hash 3", "newest")


async def test_a_rollback_to_what_is_gone_leaves_the_version_that_answers(tmp_path: Path) -> None:
    async with started(tmp_path, numbers=(2,)) as bench:
        bench.versions.steer(Steering(rollback=1))
        await asyncio.sleep(0.1)
        assert await bench.answering() == (2, "hash 2", "newest")
        assert "not retained" in (await bench.versions.state(incarnation="", running=0)).problem


async def test_named_versions_are_loaded_once_and_wait_for_a_slot_no_longer_than_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_versions, "NAMED_S", 0.2)
    async with started(tmp_path, num_slots=3, numbers=(1, 2, 3)) as bench:
        found = await asyncio.gather(*(bench.versions.slot_for(1) for _ in range(5)))
        assert {(slot.number, route) for slot, route in found} == {(1, "named")}
        assert bench.loaded == [3, 1]
        bench.versions.use(found[0][0])
        with pytest.raises(Refusal, match="no slot came free for version 2") as caught:
            await bench.versions.slot_for(2)
        assert caught.value.answer.status == 503
        bench.versions.release(found[0][0])
        slot, _ = await bench.versions.slot_for(2)
        assert slot.number == 2
        with pytest.raises(Refusal, match="not retained"):
            await bench.versions.slot_for(9)


async def test_a_canary_waits_for_nobody_and_holds_nobody_up(tmp_path: Path) -> None:
    async with started(tmp_path, num_slots=3, numbers=(1, 2, 3)) as bench:
        named, _ = await bench.versions.slot_for(1)
        bench.versions.use(named)  # the one slot for names is in use: the canary has to wait
        bench.versions.steer(Steering(canary=2, share=0.5))
        bench.publish(4)
        await bench.until(4)
        bench.versions.release(named)
        slot, route = await bench.versions.slot_for(2)
        assert (slot.number, route) == (2, "canary")
