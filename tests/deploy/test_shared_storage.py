"""What is said of nodes that do not see the run's files; the task on a node is called here, on other directories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.deploy import shared_storage
from sparring.deploy.shared_storage import check_shared
from sparring.deploy.topology import Node, Topology, topology

DRIVER = "10.0.0.1"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return tmp_path / "model"


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses of the nodes that were asked; what they see is under the directory named like their id."""
    asked: list[str] = []

    async def probe(node_id: str, node: Node, markers: Mapping[str, Path], model: Path, word: str) -> list[str]:
        asked.append(node.address)
        seen = {name: Path(str(marker).replace("driver", node_id)) for name, marker in markers.items()}
        return [f"node {node.address}: {problem}" for problem in shared_storage._look(seen, model, word)]

    monkeypatch.setattr(shared_storage, "_probe", probe)
    return asked


def a_cluster(**resources: float) -> tuple[Topology, list[tuple[str, Node]]]:
    nodes = [
        ("driver", Node(address=DRIVER, resources={"CPU": 2, "learner": 1, "verifier": 1})),
        ("other", Node(address="10.0.0.2", resources={"CPU": 2, **resources})),
    ]
    return topology(RunConfig(), [node for _, node in nodes]), nodes


async def check(root: Path, model: Path, **resources: float) -> None:
    found, nodes = a_cluster(**resources)
    places = {"the run directory": root / "driver" / "run"}
    await check_shared(places, model=model, topology=found, nodes=nodes, driver=DRIVER)


async def test_a_node_that_sees_everything_is_fine(tmp_path: Path, model: Path, probed: list[str]) -> None:
    (tmp_path / "driver" / "run").mkdir(parents=True)
    (tmp_path / "other").symlink_to(tmp_path / "driver")
    await check(tmp_path, model, rollout=1)
    assert probed == ["10.0.0.2"]
    assert list((tmp_path / "driver" / "run").iterdir()) == []


async def test_a_node_with_a_directory_of_its_own_is_named(tmp_path: Path, model: Path, probed: list[str]) -> None:
    (tmp_path / "other" / "run").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"node 10\.0\.0\.2: the run directory .* put it on storage all nodes mount"):
        await check(tmp_path, model, rollout=1)
    assert list((tmp_path / "driver" / "run").iterdir()) == []


async def test_a_node_without_the_model_is_named(tmp_path: Path, probed: list[str]) -> None:
    (tmp_path / "driver" / "run").mkdir(parents=True)
    (tmp_path / "other").symlink_to(tmp_path / "driver")
    with pytest.raises(UsageError, match=r"policy\.model .* is not there"):
        await check(tmp_path, tmp_path / "nothing", rollout=1)


async def test_a_node_that_gets_no_part_with_files_is_not_asked(tmp_path: Path, model: Path, probed: list[str]) -> None:
    config = RunConfig.model_validate({"cluster": {"names": ["rollout", "learner", "verifier"]}})
    nodes = [
        ("driver", Node(address=DRIVER, resources={"CPU": 2, "learner": 1, "verifier": 1, "rollout": 1})),
        ("other", Node(address="10.0.0.2", resources={"CPU": 2})),
    ]
    found = topology(config, [node for _, node in nodes])
    await check_shared({"run": tmp_path / "driver"}, model=model, topology=found, nodes=nodes, driver=DRIVER)
    assert probed == []
