"""A served run of the seed model: the real command in a process of its own, and versions to publish to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai

from sparring.core.manifest import WEIGHTS, read_manifest
from sparring.core.run_file import load_config
from sparring.core.types import PolicyVersion
from sparring.serving.bench_twin import weights

os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "deploy" / "models" / "seed"
READY_S = 400.0
PROMPT = "<sd><p>def f(x):\n    return x + 1<i>3"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A run directory and the process that serves it."""

    def __init__(self, root: Path, *overrides: str, keep_versions: int = 1000) -> None:
        self.root, self.port, self._keep = root, free_port(), keep_versions
        self.store = root / "store"
        self._clients: dict[str, openai.OpenAI] = {}
        settings = [f"endpoint.port={self.port}", f'publish.store="{self.store}"', "endpoint.max_tokens=128"]
        config = load_config(ROOT / "deploy/runs/quickstart.toml", [*settings, *overrides])
        root.mkdir(parents=True, exist_ok=True)
        (root / "config.json").write_text(config.model_dump_json())
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = self.command("keys", "add", str(root), "tests").strip()
        self._log = (root / "serve.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sparring", "serve", str(root)],
            stdout=self._log, stderr=self._log, env=environment(), cwd=ROOT, start_new_session=True,
        )  # fmt: skip

    def wait(self) -> Served:
        """Until it listens."""
        deadline = time.monotonic() + READY_S
        while "serving run=" not in (log := (self.root / "serve.log").read_text()):
            assert self.process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.2)
        return self

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(60) == 0, (self.root / "serve.log").read_text()
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self._log.close()

    def command(self, *arguments: str) -> str:
        """``sparring serve ...``"""
        result = subprocess.run(
            [sys.executable, "-m", "sparring", "serve", *arguments],
            capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=120, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout

    def publish(self, number: int) -> str:
        """Publish a version with weights of its own, newer than any before; returns its hash."""
        from sparring.learner.publish import publish

        tensors = weights((MODEL, number))
        version = PolicyVersion(policy="base", number=number)
        published = publish(tensors, version, self.store, step=number, keep_versions=self._keep)
        return published.announcement.sha256

    def hash_of(self, number: int) -> str:
        """As its manifest says."""
        return read_manifest(self.store / "base" / f"v{number:08d}").sha256

    def damage(self, number: int) -> None:
        """Publish a version of which a byte was flipped after it was hashed."""
        source = self.store / "base" / f"v{number:08d}"
        self.publish(number)
        data = bytearray((source / WEIGHTS).read_bytes())
        data[-1] ^= 1
        (source / WEIGHTS).write_bytes(bytes(data))

    def client(self, *, key: str | None = None) -> openai.OpenAI:
        """OpenAI's client, one for each key; closed with this."""
        key = key or self.key
        if key not in self._clients:
            self._clients[key] = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60.0)
        return self._clients[key]

    def http(self, *, key: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key if key is None else key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


def eventually(condition: Callable[[], Any], *, timeout_s: float = 20.0) -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value
