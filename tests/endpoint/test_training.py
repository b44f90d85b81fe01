"""The endpoint beside a real training run, on engines of its own and on the rollout replicas' spare capacity."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import PROMPT, ROOT, environment, eventually, free_port

pytestmark = [pytest.mark.service, pytest.mark.timeout(1500)]

SMALL = {
    "recipe.options.batch_size": 4, "recipe.options.num_solves": 4, "recipe.options.seed_factor": 2,
    "actors.concurrency": 24, "evaluation.num_tasks": 1, "evaluation.every": 0, "steps": 1000,
}  # fmt: skip


@pytest.mark.parametrize("hosting", ["own", "shared"])
def test_the_policy_answers_while_it_trains_and_its_versions_move_on(tmp_path: Path, hosting: str) -> None:
    run, port = tmp_path / "run", free_port()
    settings = {**SMALL, "endpoint.enabled": "true", "endpoint.port": port, "endpoint.hosting": f'"{hosting}"'}
    command = [sys.executable, "-m", "sparring", "train", "--run", str(run)]
    command += ["--config", str(ROOT / "deploy/runs/quickstart.toml")]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(), cwd=ROOT)
    try:
        address = run / "endpoint" / "address"
        eventually(lambda: address.exists() or process.poll() is not None, timeout_s=900)
        assert process.poll() is None, (tmp_path / "log.txt").read_text()
        key = secret_of((tmp_path / "log.txt").read_text())
        with httpx.Client(base_url=address.read_text(), headers={"authorization": f"Bearer {key}"}, timeout=60) as http:
            first = seen(http)
            later = eventually(lambda: (now := seen(http))[0] >= first[0] + 2 and now, timeout_s=400)
            assert first[1] != later[1]  # other weights, another hash
            assert streamed(http) == 200
            by_name = http.post("/v1/completions", json={"model": f"policy@{later[0]}", "prompt": PROMPT})
            assert by_name.status_code == (404 if hosting == "shared" else 200), by_name.text
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    assert not address.exists()


def secret_of(log: str) -> str:
    return log.split("secret=")[1].split()[0]


def seen(http: httpx.Client) -> tuple[int, str]:
    time.sleep(0.2)
    answer = http.post("/v1/completions", json={"model": "policy", "prompt": PROMPT, "max_tokens": 8, "n": 2})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["x-policy-version"]), answer.headers["x-policy-sha256"]


def streamed(http: httpx.Client) -> int:
    body: dict[str, Any] = {"model": "policy", "prompt": "<pd>", "max_tokens": 40, "stream": True}
    with http.stream("POST", "/v1/completions", json=body) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert not any('"error"' in line for line in lines), lines
    return answer.status_code
