from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.core.config import LearnerConfig
from sparring.learner.minibatches import merged, minibatches


def cut(count, **settings):
    return minibatches(list(range(count)), LearnerConfig(**settings), seed="s")


def test_without_a_size_a_step_is_one_update_in_the_given_order():
    assert cut(5) == [[0, 1, 2, 3, 4]]
    assert cut(0, minibatch_trajectories=4, min_updates=3) == [[]]


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 3))
def test_every_epoch_deals_every_item_once(count, size, epochs):
    found = cut(count, minibatch_trajectories=size, epochs=epochs)
    assert Counter(item for part in found for item in part) == dict.fromkeys(range(count), epochs)
    assert all(0 < len(part) <= size for part in found)
    lengths = {len(part) for part in found}
    assert max(lengths) - min(lengths) <= 1


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 9))
def test_there_are_as_many_updates_as_asked_for(count, size, least):
    found = cut(count, minibatch_trajectories=size, min_updates=least)
    assert len(found) == max(least, -(-count // size))


def test_minibatches_depend_on_the_seed_alone():
    assert cut(50, minibatch_trajectories=8) == cut(50, minibatch_trajectories=8)
    other = minibatches(list(range(50)), LearnerConfig(minibatch_trajectories=8), seed="other")
    assert other != cut(50, minibatch_trajectories=8)


def test_metrics_of_updates_add_up_or_average_by_tokens():
    rows = [
        {"tokens/trained": 10.0, "trajectories": 2.0, "loss": 1.0, "staleness/max": 3.0},
        {"tokens/trained": 30.0, "trajectories": 1.0, "loss": 2.0},
    ]
    assert merged(rows) == {
        "tokens/trained": 40.0,
        "trajectories": 3.0,
        "loss": pytest.approx(1.75),
        "staleness/max": 3.0,
    }
