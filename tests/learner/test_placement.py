"""Where ranks stand: DeepSpeed's shared memory and devices depend on it."""

from __future__ import annotations

from sparring.learner.group import place


def test_ranks_are_counted_on_each_node() -> None:
    placements = place(["a", "b", "a"], address="a:1", devices=False)

    assert [(p.rank, p.local_rank, p.local_size) for p in placements] == [(0, 0, 2), (1, 0, 1), (2, 1, 2)]
    assert {(p.world_size, p.address) for p in placements} == {(3, "a:1")}


def test_a_rank_with_a_device_of_its_own_calls_it_the_first() -> None:
    assert [p.local_rank for p in place(["a", "a"], address="a:1", devices=True)] == [0, 0]
