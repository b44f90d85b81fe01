"""A run as a submitted job, on a cluster of one node with token authentication."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.deploy.run_state import Phase

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(1800)]


async def test_a_stopped_job_ends_cleanly_and_another_job_takes_it_up(
    nodes: Any, run: Any, run_file: Path, wait_until: Callable[..., None]
) -> None:
    nodes.add(cpus=2, resources={})
    nodes.wait_for_head()
    where = ["--run", str(run.directory.root)]
    nodes.submit("first", "--config", str(run_file), *where)
    wait_until(lambda: len(run.journal) >= 3, what="3 steps", timeout_s=500, look=lambda: nodes.job("logs", "first"))
    assert run.state.phase is Phase.RUNNING

    stopped = nodes.job("stop", "first")

    assert "stopped" in stopped
    assert run.state.phase is Phase.STOPPED
    made = len(run.journal)
    assert run.state.step == made
    logs = nodes.job("logs", "first")
    assert f"stopped after step {made}; take it up again with" in logs
    # The password of the run's Redis is nobody's to read.
    assert "redis://" not in logs

    nodes.submit("second", "--resume", *where, "--set", f"steps={made + 3}")
    wait_until(
        lambda: run.state.phase is not Phase.STOPPED and run.state.phase is not Phase.RUNNING,
        what="the end of the second job",
        timeout_s=500,
        look=lambda: nodes.job("logs", "second"),
    )
    wait_until(lambda: "succeeded" in nodes.job("status", "second"), what="the job's success", timeout_s=120)
    assert run.state.phase is Phase.FINISHED
    assert [line["step"] for line in run.journal] == list(range(1, made + 4))
    await run.check_nothing_lost_and_nothing_twice()


def test_without_the_token_nobody_submits(nodes: Any) -> None:
    nodes.add(cpus=1, resources={})
    nodes.wait_for_head()
    done = nodes.on_head("env", "-u", "RAY_AUTH_TOKEN", "RAY_AUTH_MODE=disabled", "ray", "job", "list",
                         "--address=http://10.77.7.1:8265")  # fmt: skip
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr or "token" in (done.stdout + done.stderr).lower()
