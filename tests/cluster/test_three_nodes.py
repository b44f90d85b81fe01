"""Three nodes with networks of their own: a job that is scaled while it runs and loses one node for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.core.metrics import read_metrics
from sparring.deploy.run_state import Phase
from sparring.deploy.scaling import scale_rollouts

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(2400)]

CUT_S = 60.0
MINUTES = 6.0  # of the whole training; the scenario below takes half of it on two idle cores


def replicas_of(run: Any) -> list[float]:
    return [row["rollout/replicas"] for row in read_metrics(run.directory.metrics) if "rollout/replicas" in row]


async def test_a_job_outlives_scaling_and_a_cut_cable(
    nodes: Any, run: Any, run_file: Path, wait_until: Callable[..., None]
) -> None:
    nodes.add(cpus=1, resources={"learner": 1, "verifier": 1})
    nodes.wait_for_head()
    where = ["--run", str(run.directory.root)]
    names = 'cluster.names=["rollout", "learner", "verifier"]'
    nodes.submit("job", "--config", str(run_file), *where, "--set", names, "--set", f"max_minutes={MINUTES}")

    def logs() -> str:
        return str(nodes.job("logs", "job"))

    # The job is there first: it waits for what is missing, and says what that is.
    wait_until(
        lambda: "waiting for resources: rollout: 0 of 1 fit" in logs(), what="the wait", timeout_s=400, look=logs
    )
    rollouts = [nodes.add(cpus=1, resources={"rollout": 1}) for _ in range(2)]
    wait_until(lambda: len(run.journal) >= 3, what="3 steps", timeout_s=500, look=logs)
    (first,) = [number for number in rollouts if nodes.has(number, "ray::Replica")]
    (second,) = set(rollouts) - {first}
    assert not nodes.has(1, "ray::Replica")

    answer = scale_rollouts(run.directory, 2, timeout_s=400)
    assert (answer.done, answer.rollouts) == (True, 2), answer.message
    assert nodes.has(second, "ray::Replica")
    steps = len(run.journal)
    wait_until(lambda: len(run.journal) >= steps + 2, what="steps with two replicas", timeout_s=200, look=logs)

    nodes.cut(second)
    time.sleep(CUT_S)
    nodes.mend(second)

    # Ray takes the node for dead after about a minute; what a real cluster starts again is a new node to Ray.
    steps = len(run.journal)
    wait_until(lambda: len(run.journal) >= steps + 3, what="steps after the cut", timeout_s=300, look=logs)
    wait_until(lambda: nodes.has(second, "ray::Replica"), what="the replica's return", timeout_s=300, look=logs)
    steps = len(run.journal)
    wait_until(lambda: len(run.journal) >= steps + 2, what="steps with both again", timeout_s=300, look=logs)
    assert run.state.phase is Phase.RUNNING

    answer = scale_rollouts(run.directory, 1, timeout_s=200)

    assert (answer.done, answer.rollouts) == (True, 1), answer.message
    wait_until(lambda: not nodes.has(second, "ray::Replica"), what="the replica's end", timeout_s=60)
    steps = len(run.journal)
    wait_until(lambda: len(run.journal) >= steps + 2, what="steps with one replica", timeout_s=300, look=logs)
    wait_until(lambda: run.state.phase is not Phase.RUNNING, what="the end", timeout_s=60 * MINUTES, look=logs)
    wait_until(lambda: "succeeded" in nodes.job("status", "job"), what="the job's success", timeout_s=120, look=logs)
    assert run.state.phase is Phase.FINISHED
    seen = replicas_of(run)
    assert (seen[0], max(seen), seen[-1]) == (1.0, 2.0, 1.0)
    assert [line["step"] for line in run.journal] == list(range(1, len(run.journal) + 1))
    await run.check_nothing_lost_and_nothing_twice()
