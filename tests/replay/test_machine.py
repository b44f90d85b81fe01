"""Random crashes of every process, in any order: nothing is lost, nothing is trained twice, the bound holds.

The learner here saves a checkpoint (``self.saved``) before it commits, and may die in between.
"""

import asyncio
import itertools
import os
from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sparring.core.types import Cohort, Episode, Objective, Task, Trajectory
from sparring.replay.memory import MemoryStore
from sparring.replay.store import RedisStore

OPENINGS = {"a": 2, "b": 1}
OWNERS = st.sampled_from(["w0", "w1"])
RUNS = itertools.count()


def a_trajectory(episode_id):
    return Trajectory(
        trajectory_id=episode_id,
        episode_id=episode_id,
        role="solver",
        kind="k",
        policy="base",
        objective=Objective.NLL,
        token_ids=(),
        loss_mask=(),
        behaviour_logprobs=(),
        advantages=(),
        versions=(),
        reward=0.0,
    )


def number_of(lease):
    return int(lease.lease_id.rpartition("#")[2])


class Crashes(RuleBasedStateMachine):
    """The whole loop with one collector, one learner and two workers; each may be replaced at any time."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.held, self.orphans = [], []  # leases of living and of replaced workers
        self.put_ids, self.trained = [], []
        self.lease_ids = set()
        self.accepted = defaultdict(list)  # kind -> numbers of the episodes put
        self.saved_step, self.saved_entries = 0, []  # the learner's newest checkpoint

    def do(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def connect(self, consumer):
        raise NotImplementedError

    @initialize(max_staleness=st.integers(0, 2), concurrency=st.integers(1, 6))
    def begin(self, max_staleness, concurrency):
        self.limits = {
            "openings": OPENINGS,
            "max_staleness": max_staleness,
            "concurrency": concurrency,
            "archive_capacity": 3,
        }
        self.stores = []
        self.workers = self.connect("workers")
        self.new_collector()
        self.new_learner()

    # --- workers

    @rule(owner=OWNERS)
    def start(self, owner):
        if lease := self.do(self.workers.admission.start(owner=owner)):
            assert lease.lease_id not in self.lease_ids
            self.lease_ids.add(lease.lease_id)
            self.held.append(lease)

    @rule(index=st.integers(0, 9))
    def finish(self, index):
        if self.held:
            assert self.put(self.held.pop(index % len(self.held)))

    @rule(index=st.integers(0, 9))
    def fail(self, index):
        if self.held:
            self.do(self.workers.admission.release(self.held.pop(index % len(self.held))))

    @rule(owner=OWNERS)
    def worker_is_thought_dead(self, owner):
        gone = [lease for lease in self.held if lease.owner == owner]
        assert self.do(self.workers.admission.release_owner(owner)) == len(gone)
        self.held = [lease for lease in self.held if lease.owner != owner]
        self.orphans += gone

    @rule()
    def worker_thought_dead_puts_all_the_same(self):
        while self.orphans:
            assert not self.put(self.orphans.pop())

    def put(self, lease):
        task = Task(task_id=lease.lease_id, kind=lease.kind, payload={})
        minted = (Task(task_id=f"minted by {lease.lease_id}", kind="program", payload={"n": lease.lease_id}),)
        episode = Episode(episode_id=lease.lease_id, task=task, rollouts=(), minted=minted)
        stored = self.do(self.workers.episodes.put(episode, lease=lease))
        self.put_ids += [lease.lease_id] * stored
        self.accepted[lease.kind] += [number_of(lease)] * stored
        return stored

    # --- collector

    @rule(count=st.integers(1, 4), dies=st.booleans())
    def collect(self, count, dies):
        for delivery in self.do(self.collector.episodes.get(count=count, timeout_s=0)):
            kind = delivery.value.task.kind
            self.gathered[kind].append(delivery)
            if len(self.gathered[kind]) == OPENINGS[kind]:
                full = self.gathered.pop(kind)
                ids = [delivery.value.episode_id for delivery in full]
                cohort = Cohort(cohort_id=ids[0], key=kind, trajectories=tuple(map(a_trajectory, ids)))
                self.do(self.collector.replay.insert(cohort, episodes=[delivery.entry_id for delivery in full]))
        if dies:
            self.new_collector()

    def new_collector(self):
        self.collector, self.gathered = self.connect("collector"), defaultdict(list)

    # --- learner

    @rule(dies=st.sampled_from(["", "", "before the checkpoint", "before the commit"]))
    def train(self, dies):
        taken = self.do(self.learner.replay.take(count=len(OPENINGS), timeout_s=0))
        if taken and dies != "before the checkpoint":
            self.saved_step += 1
            self.saved_entries = [delivery.entry_id for delivery in taken]
            self.trained += [t.episode_id for delivery in taken for t in delivery.value.trajectories]
            if dies != "before the commit":
                self.do(self.learner.replay.commit(self.saved_entries, step=self.saved_step))
        if dies:
            self.new_learner()

    def new_learner(self):
        """A whole run ends with its learner; the next one takes up the checkpoint."""
        self.learner = self.connect("learner")
        resumed = self.do(self.learner.prepare_resume(self.saved_entries, step=self.saved_step))
        assert resumed.leases == len(self.held)
        self.orphans += self.held
        self.held = []

    # --- what must hold

    @invariant()
    def the_bound_is_never_exceeded(self):
        if not hasattr(self, "workers"):
            return
        running = self.do(self.workers.admission.running())
        accepted = self.do(self.workers.admission.accepted())
        assert running == {kind: Counter(lease.kind for lease in self.held)[kind] for kind in OPENINGS}
        assert sum(running.values()) <= self.limits["concurrency"]
        for kind, batch in OPENINGS.items():
            most = (self.limits["max_staleness"] + self.saved_step + 1) * batch
            assert accepted[kind] + running[kind] <= most

    @invariant()
    def no_number_is_held_or_accepted_twice(self):
        for kind in OPENINGS:
            numbers = self.accepted[kind] + [number_of(lease) for lease in self.held if lease.kind == kind]
            assert len(set(numbers)) == len(numbers)

    @invariant()
    def nothing_is_trained_twice(self):
        assert len(set(self.trained)) == len(self.trained)

    def teardown(self):
        """Train on all that is left, cohort by cohort: every episode put is trained on once or waits for its cohort."""
        if hasattr(self, "workers"):
            self.new_collector()
            self.new_learner()
            self.collect(1000, False)
            while left := self.do(self.learner.replay.take(count=1, timeout_s=0)):
                self.trained += [t.episode_id for t in left[0].value.trajectories]
            gathered = [delivery.value.episode_id for line in self.gathered.values() for delivery in line]
            assert sorted(self.trained + gathered) == sorted(self.put_ids)
            self.play_what_may_start()
            for store in self.stores:
                self.do(store.close())
        self.loop.close()

    def play_what_may_start(self):
        """Once nothing runs and nothing may start, the episodes accepted of a kind are the numbers 1 to n."""
        while lease := self.do(self.workers.admission.start(owner="w0")):
            assert self.put(lease)
        most = self.limits["max_staleness"] + self.saved_step + 1
        for kind, batch in OPENINGS.items():
            assert sorted(self.accepted[kind]) == list(range(1, most * batch + 1))


class MemoryCrashes(Crashes):
    def connect(self, consumer):
        self.stores.append(
            self.stores[0].connect(consumer=consumer) if self.stores else MemoryStore(**self.limits, consumer=consumer)
        )
        return self.stores[-1]


class RedisCrashes(Crashes):
    url = ""

    def connect(self, consumer):
        if not self.stores:
            self.run_name = f"machine{os.getpid()}-{next(RUNS)}"
        connecting = RedisStore.connect(self.url, run=self.run_name, policy="base", consumer=consumer, **self.limits)
        self.stores.append(self.do(connecting))
        return self.stores[-1]


TestMemoryCrashes = MemoryCrashes.TestCase
TestMemoryCrashes.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)


@pytest.mark.service
def test_the_same_on_redis(redis_server):
    RedisCrashes.url = redis_server.url
    light = settings(
        max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(RedisCrashes, settings=light)
