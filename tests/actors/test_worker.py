import asyncio

from sparring.actors.openings import Openings
from sparring.actors.worker import Worker
from sparring.core.errors import VerificationFailed
from sparring.core.ports import Lease
from sparring.core.types import Episode, Task

ARCHIVE = object()  # only handed on


class Admissions:
    """Admits ``kinds`` one by one; a released lease is admitted again under the next number."""

    def __init__(self, kinds):
        self.waiting, self.numbers, self.released = list(kinds), 0, []
        self.woken = asyncio.Event()

    async def start(self, *, owner):
        if not self.waiting:
            return None
        self.numbers += 1
        return Lease(lease_id=f"{self.waiting[0]}#{self.numbers}", kind=self.waiting.pop(0), owner=owner)

    async def wait(self, *, timeout_s):
        await asyncio.sleep(0)

    async def release(self, lease):
        self.released.append(lease.lease_id)
        self.waiting.append(lease.kind)


class Episodes:
    def __init__(self, openings=None, count=0):
        self.put_ids, self.openings, self.count = [], openings, count

    async def put(self, episode, *, lease):
        assert lease.lease_id == episode.task.task_id
        self.put_ids.append(episode.episode_id)
        if len(self.put_ids) == self.count:
            self.openings.close()
        return True


class Game:
    """A recipe whose plays fail for the task ids in ``failing``."""

    def __init__(self, failing=()):
        self.failing, self.running, self.most_running = set(failing), 0, 0
        self.draws = {}

    async def open(self, kind, *, task_id, archive, rng):
        self.draws[task_id] = rng.random()
        return Task(task_id=task_id, kind=kind, payload={})

    async def play(self, task, *, sample, verify, archive):
        assert archive is ARCHIVE
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if task.task_id in self.failing:
            raise VerificationFailed("the verifier is away")
        return Episode(episode_id=task.task_id, task=task, rollouts=())


def a_worker(game, admissions, *, count, concurrency=2, seed=0):
    openings = Openings(game, admission=admissions, archive=ARCHIVE, owner="w0", seed=seed)
    episodes = Episodes(openings, count)
    worker = Worker(
        game,
        openings=openings,
        sample=None,
        verify=None,
        archive=ARCHIVE,
        episodes=episodes,
        concurrency=concurrency,
    )
    return worker, episodes


async def test_every_admitted_opening_is_played_and_put():
    worker, episodes = a_worker(Game(), Admissions("aabb"), count=4)
    await worker.act()
    assert sorted(episodes.put_ids) == ["a#1", "a#2", "b#3", "b#4"]
    assert worker.counts["finished"] == 4


async def test_no_more_plays_run_at_once_than_the_worker_has_slots():
    game = Game()
    worker, _ = a_worker(game, Admissions("a" * 20), count=20, concurrency=3)
    await worker.act()
    assert game.most_running == 3


async def test_a_failed_play_gives_its_lease_back_and_another_takes_its_place():
    admissions = Admissions("aa")
    worker, episodes = a_worker(Game(failing=["a#1"]), admissions, count=2)
    await worker.act()
    assert admissions.released == ["a#1"]
    assert sorted(episodes.put_ids) == ["a#2", "a#3"]
    assert worker.counts["failed"] == 1


async def test_an_opening_depends_on_its_lease_and_the_seed_alone():
    draws = []
    for seed, concurrency in ((0, 1), (0, 4), (1, 1)):
        game = Game()
        worker, _ = a_worker(game, Admissions("aaa"), count=3, concurrency=concurrency, seed=seed)
        await worker.act()
        draws.append(game.draws)
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]
