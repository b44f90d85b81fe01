"""Where parts go, from a configuration and made-up clusters."""

from __future__ import annotations

from typing import Any

from sparring.core.config import RunConfig
from sparring.deploy.topology import SLIVER, Node, topology


def a_config(**sections: Any) -> RunConfig:
    return RunConfig.model_validate(sections)


def a_node(number: int = 1, **resources: float) -> Node:
    return Node(address=f"10.0.0.{number}", resources=resources)


def test_on_one_plain_node_nothing_claims_a_name() -> None:
    found = topology(a_config(), [a_node(CPU=2)])
    assert found.missing == ()
    assert {part.resource for part in found.parts.values()} == {None}
    assert found["rollout"].options == {"num_cpus": 1.0, "num_gpus": 0.0, "resources": {}}


def test_parts_claim_a_sliver_of_the_names_that_some_node_offers() -> None:
    nodes = [a_node(1, CPU=1, learner=1), a_node(2, CPU=1, rollout=1), a_node(3, CPU=0, verifier=1)]
    found = topology(a_config(), nodes)
    assert found.missing == ()
    assert found["learner"].claim == {"CPU": 1.0, "learner": SLIVER}
    assert found["rollout"].claim == {"CPU": 1.0, "rollout": SLIVER}
    assert found["verifier"].claim == {"verifier": SLIVER}
    assert found["worker"].claim == {"verifier": SLIVER}


def test_counts_are_those_of_the_configuration_and_one_verifier_for_each_node_of_theirs() -> None:
    config = a_config(rollout={"replicas": 3}, learner={"world_size": 2}, actors={"workers": 4})
    found = topology(config, [a_node(number, CPU=2, verifier=1) for number in (1, 2, 3)])
    counts = {name: part.count for name, part in found.parts.items()}
    assert counts == {"learner": 2, "rollout": 3, "verifier": 3, "worker": 4}


def test_what_does_not_fit_is_named_with_what_each_wants() -> None:
    config = a_config(rollout={"replicas": 3, "gpus": 1.0}, learner={"cpus": 2.0})
    nodes = [a_node(1, CPU=2), a_node(2, CPU=4, GPU=2, rollout=1)]
    assert topology(config, nodes).missing == (
        'rollout: 2 of 3 fit; each wants 1 CPU and 1 GPU on a node that offers "rollout"',
    )


def test_cpus_of_a_node_without_the_name_are_no_use() -> None:
    nodes = [a_node(1, CPU=64), a_node(2, CPU=1, rollout=1)]
    config = a_config(rollout={"replicas": 2})
    assert topology(config, nodes).missing == ('rollout: 1 of 2 fit; each wants 1 CPU on a node that offers "rollout"',)


def test_several_small_nodes_are_not_one_large_node() -> None:
    config = a_config(learner={"cpus": 4.0})
    assert topology(config, [a_node(number, CPU=2) for number in (1, 2, 3)]).missing == (
        "learner: 0 of 1 fit; each wants 4 CPU on any node",
    )


def test_large_parts_are_put_first_so_that_small_ones_do_not_take_their_place() -> None:
    config = a_config(rollout={"replicas": 2, "cpus": 1.0}, learner={"cpus": 4.0})
    assert topology(config, [a_node(1, CPU=4), a_node(2, CPU=2)]).missing == ()


def test_a_name_that_is_insisted_on_is_missing_until_a_node_offers_it() -> None:
    config = a_config(cluster={"names": ["rollout"]})
    assert topology(config, [a_node(CPU=8)]).missing == (
        'rollout: 0 of 1 fit; each wants 1 CPU on a node that offers "rollout"',
    )
    assert topology(config, [a_node(CPU=8, rollout=1)]).missing == ()


def test_an_empty_cluster_lacks_everything() -> None:
    assert [sentence.split(":")[0] for sentence in topology(a_config(), []).missing] == [
        "learner",
        "rollout",
        "verifier",
        "worker",
    ]


def test_engines_of_an_endpoint_are_placed_like_the_rest() -> None:
    config = a_config(endpoint={"enabled": True, "gpus": 1.0}, cluster={"names": ["endpoint"]})
    found = topology(config, [a_node(CPU=2)])
    assert found.missing == ('endpoint: 0 of 1 fit; each wants 1 GPU on a node that offers "endpoint"',)
