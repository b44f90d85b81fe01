from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.replay.budget import Limits, next_kind, slots


def limits(openings, *, max_staleness=0, concurrency=8):
    return Limits(openings=openings, max_staleness=max_staleness, concurrency=concurrency, archive_capacity=1)


some_limits = st.builds(
    limits,
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 4), min_size=1),
    max_staleness=st.integers(0, 3),
    concurrency=st.integers(1, 12),
)


class Loop:
    """Workers and a learner that consumes each kind's episodes in the order in which they started."""

    def __init__(self, limits):
        self.limits, self.steps = limits, 0
        self.running, self.accepted = Counter(), Counter()
        self.lines = {kind: [] for kind in limits.openings}  # [step at start, finished?], not consumed, by start
        self.staleness = []

    def start(self):
        kind = next_kind(self.limits, steps=self.steps, accepted=self.accepted, running=self.running)
        if kind is None:
            return False
        self.running[kind] += 1
        self.lines[kind].append([self.steps, False])
        return True

    def fill(self):
        while self.start():
            pass

    def drain(self):
        while sum(self.running.values()):
            self.end(0, failed=False)

    def end(self, index, *, failed):
        """The ``index``-th of the episodes running ends."""
        unfinished = [(kind, episode) for kind, line in self.lines.items() for episode in line if not episode[1]]
        if not unfinished:
            return
        kind, episode = unfinished[index % len(unfinished)]
        self.running[kind] -= 1
        if failed:
            self.lines[kind] = [other for other in self.lines[kind] if other is not episode]
        else:
            self.accepted[kind] += 1
            episode[1] = True

    def step(self):
        """One learner step, if the oldest episodes of every kind are finished."""
        rounds = {kind: self.lines[kind][:batch] for kind, batch in self.limits.openings.items()}
        for kind, batch in self.limits.openings.items():
            if len(rounds[kind]) < batch or not all(finished for _, finished in rounds[kind]):
                return False
        for kind, batch in self.limits.openings.items():
            self.staleness += [self.steps - at_start for at_start, _ in rounds[kind]]
            del self.lines[kind][:batch]
        self.steps += 1
        return True


moves = st.lists(
    st.one_of(
        st.sampled_from([("start",), ("fill",), ("drain",)]),
        st.just(("step",)),
        st.tuples(st.just("end"), st.integers(0, 20), st.sampled_from([False, False, True])),
    ),
    max_size=120,
)


def played(limits, moves):
    loop = Loop(limits)
    for name, *details in moves:
        if name == "end":
            loop.end(details[0], failed=details[1])
        else:
            getattr(loop, name)()
    return loop


@given(some_limits, moves)
def test_no_episode_used_in_order_of_starting_is_staler_than_the_bound(limits, moves):
    loop = played(limits, moves)
    assert max(loop.staleness, default=0) <= limits.max_staleness
    assert sum(loop.running.values()) <= limits.concurrency


@given(some_limits, moves)
def test_whatever_happened_the_loop_can_go_on(limits, moves):
    loop = played(limits, moves)
    for _ in range(4):
        before = loop.steps
        for _ in range(200):
            loop.fill()
            loop.end(0, failed=False)
            if loop.step():
                break
        assert loop.steps == before + 1


def test_the_bound_is_reached_when_the_learner_is_the_slower_side():
    loop = Loop(limits({"a": 2}, max_staleness=2, concurrency=100))
    for _ in range(6):
        loop.fill()
        loop.drain()
        loop.step()
    assert max(loop.staleness) == 2


@pytest.mark.parametrize(
    ("steps", "accepted", "running", "expected"),
    [
        (0, 0, 0, 4),  # synchronous: one batch
        (0, 3, 1, 0),  # the batch is under way
        (1, 4, 0, 4),  # a step later the next one
        (5, 4, 0, 8),  # 20 behind, but only 8 at a time
        (0, 9, 0, -5),  # a resume from an older step: negative until the learner has caught up
    ],
)
def test_slots_by_hand(steps, accepted, running, expected):
    found = slots(concurrency=8, max_staleness=0, steps=steps, batch=4, accepted=accepted, running=running)
    assert found == expected


def test_the_kind_furthest_behind_its_quota_is_next():
    openings = limits({"a": 4, "b": 2}, concurrency=100)
    # a has 2 of 4, b 1 of 2: a tie, so the declared order decides; one more of a, and b is behind.
    assert next_kind(openings, steps=0, accepted={"a": 2, "b": 1}, running={}) == "a"
    assert next_kind(openings, steps=0, accepted={"a": 2, "b": 1}, running={"a": 1}) == "b"


def test_limits_that_admit_nothing_are_refused():
    with pytest.raises(ValueError, match="concurrency 0"):
        limits({"a": 1}, concurrency=0)
