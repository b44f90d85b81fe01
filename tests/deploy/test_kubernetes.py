"""The manifests are what Kubernetes and the topology expect."""

from __future__ import annotations

import json
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sparring.core.run_file import load_config
from sparring.deploy.topology import NAMES, Node, topology
from sparring.replay.connection import PASSWORD_VARIABLE

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
VERSION = "1.31"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


ALL = [document for path in MANIFESTS for document in documents(path)]


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    (found,) = [document for document in ALL if document["kind"] == "RayJob"]
    return dict(found["spec"])


def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job["rayClusterSpec"]["workerGroupSpecs"])


def templates(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [group["template"] for group in [job["rayClusterSpec"]["headGroupSpec"], *groups(job)]]


def offered(group: dict[str, Any]) -> dict[str, float]:
    """The operator pastes the value into a shell command, so it is quoted once more than JSON."""
    (text,) = shlex.split(group["rayStartParams"]["resources"])
    return dict(json.loads(text.replace('\\"', '"')))


@pytest.mark.parametrize(
    "document", [each for each in ALL if "ray.io" not in each["apiVersion"]], ids=lambda d: d["kind"]
)
def test_every_manifest_of_kubernetes_own_kinds_fits_its_schema(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_every_pod_of_the_cluster_fits_the_schema_of_pods(job: dict[str, Any]) -> None:
    for template in templates(job):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": template["spec"]}
        kubernetes_validate.validate(pod, VERSION, strict=True)


def test_a_wrong_field_would_be_found() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containres": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, VERSION, strict=True)


def test_there_is_one_group_for_each_name_that_the_topology_knows(job: dict[str, Any]) -> None:
    assert {group["groupName"]: set(offered(group)) for group in groups(job)} == {name: {name} for name in NAMES}


def test_the_run_of_the_manifest_fits_on_its_own_nodes(job: dict[str, Any]) -> None:
    """GPU and CPU of each pod as Ray reads them from the container's resources."""
    words = shlex.split(job["entrypoint"])
    assert words[:4] == ["python", "-m", "sparring", "train"]
    sets = [value for word, value in pairwise(words) if word == "--set"]
    config = load_config(ROOT / "deploy/runs/azr_7b.toml", sets)
    assert set(config.cluster.names) == {"rollout", "learner", "verifier"}
    nodes = []
    for group in groups(job):
        resources = group["template"]["spec"]["containers"][0]["resources"]
        has = {"CPU": float(resources["requests"]["cpu"]), "GPU": float(resources["limits"].get("nvidia.com/gpu", 0))}
        nodes += [Node(address=group["groupName"], resources={**has, **offered(group)})] * group["replicas"]
    found = topology(config, nodes)
    assert found.missing == ()
    assert {name: part.resource for name, part in found.parts.items()} == {
        "rollout": "rollout",
        "learner": "learner",
        "verifier": "verifier",
        "worker": "verifier",
    }


def test_what_pods_refer_to_is_there(job: dict[str, Any]) -> None:
    by_kind = {(document["kind"], document["metadata"]["name"]) for document in ALL}
    for template in templates(job):
        spec = template["spec"]
        claims = [
            each["persistentVolumeClaim"]["claimName"] for each in spec["volumes"] if "persistentVolumeClaim" in each
        ]
        assert all(("PersistentVolumeClaim", claim) in by_kind for claim in claims)
        assert claims
        volumes = {volume["name"] for volume in spec["volumes"]}
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert [each["name"] for each in container["env"]] == [PASSWORD_VARIABLE]
        # The policy lets only these pods reach Redis.
        assert template["metadata"]["labels"] == {"app": "sparring-ray"}
    assert ("Service", "sparring-redis") in by_kind
    assert "--redis redis://sparring-redis:6379" in job["entrypoint"]


def test_the_cluster_answers_to_nobody_without_a_token_and_computes_nothing_on_its_head(job: dict[str, Any]) -> None:
    cluster = job["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_stopping_waits_as_long_on_kubernetes_as_it_does_for_a_submitted_job(job: dict[str, Any]) -> None:
    submitted = yaml.safe_load((ROOT / "deploy" / "runtime_env.yaml").read_text())
    name = "RAY_JOB_STOP_WAIT_TIME_S"
    assert yaml.safe_load(job["runtimeEnvYAML"])["env_vars"][name] == submitted["env_vars"][name]
