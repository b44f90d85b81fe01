"""Ray nodes on one machine that share nothing but the disk: each has a network, processes and /dev/shm of its own.

    node 1 (head) ── veth ──┐
    node 2        ── veth ──┼── bridge, in a namespace of its own
    node 3        ── veth ──┘

Only root can make them; where that is not so, the tests that need them are skipped and say why.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode
from sparring.core.wire import decode
from sparring.deploy.run_state import RunState, read_state
from sparring.replay.connection import connect
from sparring.replay.keys import Keys
from sparring.replay.server import RedisServer

REPOSITORY = Path(__file__).parents[2]
SUBNET = "10.77.7"
GCS_PORT, DASHBOARD_PORT = 6399, 8265
# A pod, a unit or a container starts `ray start` again when it ends, with none of its old processes left. The tmpfs
# keeps one node's shared memory from the others, the bind mount its sockets. The head is not started with --block: that
# ends it with Ray's client server, which gives up where starting takes half a minute, and is not used. The shell stays
# as process 1 and reaps orphans: Ray takes those of a stopped job for alive as long as they are there.
NODE = r"""
set -e
directory=$1; hold=$2; shift 2
mkdir -p "$directory" /tmp/ray
mount -t tmpfs -o size=256m shm /dev/shm
mount --bind "$directory" /tmp/ray
export hold
once='python -c "$PATIENT" start $hold "$@" && [ -z "$hold" ] && while true; do sleep 60; done'
while true; do
  unshare -pf --mount-proc --kill-child bash -c "$once" node "$@" || true
  echo "node ended, starts again"
  sleep 3
done
"""
# The command `ray`. It gives a node 30 s to register, which no setting changes and a machine with other work exceeds.
PATIENT = """
import time
from ray._private import services
from ray.scripts.scripts import main
look = services.get_node
def look_for_long(*words, deadline=time.monotonic() + 300):
    while True:
        try:
            return look(*words)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
services.get_node = look_for_long
main()
"""
SLOW_MACHINE = {
    "RAY_worker_niceness": "0",
    "RAY_worker_register_timeout_seconds": "400",
    "RAY_agent_register_timeout_ms": "300000",
}


class Nodes:
    """A cluster of nodes numbered from 1; 1 is the head."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._name = directory, f"sp{secrets.token_hex(2)}"
        self._switch = f"{self._name}-s"
        self._nodes: dict[int, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "RAY_ADDRESS")},
            **SLOW_MACHINE,
            "PATIENT": PATIENT,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_memory_monitor_refresh_ms": "0",  # other programs' memory is none of this cluster's business
        }

    def open(self) -> None:
        """Make the bridge.

        Raises:   OSError, CalledProcessError: not permitted here.
        """
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "bridge", "up")

    def add(self, *, cpus: int, resources: dict[str, float]) -> int:
        """Start the next node; the first one is the head."""
        number = len(self._nodes) + 1
        space, port, address = self.space(number), f"port{number}", f"{SUBNET}.{number}"
        _ip("netns", "add", space)
        _ip("-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self._switch, "link", "set", port, "master", "bridge", "up")
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", space, "link", "set", device, "up")
        head = ["--head", f"--port={GCS_PORT}", "--dashboard-host=0.0.0.0", f"--dashboard-port={DASHBOARD_PORT}"]
        options = [
            *(head if number == 1 else [f"--address={SUBNET}.1:{GCS_PORT}"]),
            f"--node-ip-address={address}",
            f"--num-cpus={cpus}",
            f"--resources={json.dumps(resources)}",
            "--object-store-memory=100000000",
            "--disable-usage-stats",
        ]
        alone = ["ip", "netns", "exec", space, "unshare", "-pfm", "--mount-proc", "--kill-child"]
        shell = ["bash", "-c", NODE, "node", str(self._directory / f"node{number}"), "" if number == 1 else "--block"]
        with (self._directory / f"node{number}.log").open("wb") as log:
            self._nodes[number] = subprocess.Popen(
                [*alone, *shell, *options], env=self._environment, stdout=log, stderr=subprocess.STDOUT, cwd="/"
            )
        return number

    def space(self, number: int) -> str:
        return f"{self._name}-{number}"

    def cut(self, number: int) -> None:
        """Pull the node's cable."""
        _ip("-n", self._switch, "link", "set", f"port{number}", "down")

    def mend(self, number: int) -> None:
        _ip("-n", self._switch, "link", "set", f"port{number}", "up")

    def has(self, number: int, title: str) -> bool:
        """Whether a process of the node is called ``title...``, as Ray calls actors."""
        pids = subprocess.run(["ip", "netns", "pids", self.space(number)], capture_output=True, text=True, check=True)
        return any(_title(pid).startswith(title) for pid in pids.stdout.split())

    def on_head(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command that needs nothing of the head node but its network."""
        return subprocess.run(
            ["ip", "netns", "exec", self.space(1), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def job(self, verb: str, *words: str, timeout_s: float = 300) -> str:
        """``ray job <verb>``; returns what it printed."""
        done = self.on_head(
            "ray", "job", verb, f"--address=http://{SUBNET}.1:{DASHBOARD_PORT}", *words, timeout_s=timeout_s
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def submit(self, name: str, *words: str) -> None:
        """Submit ``python -m sparring train`` with ``words``, as the documentation says."""
        uploaded = ["--working-dir", str(REPOSITORY), "--runtime-env", str(REPOSITORY / "deploy/runtime_env.yaml")]
        train = ["python", "-m", "sparring", "train", *words]
        self.job("submit", "--submission-id", name, "--no-wait", *uploaded, "--", *train)

    def wait_for_head(self) -> None:
        """Until jobs can be submitted."""
        deadline = time.monotonic() + 400
        while self.on_head("ray", "job", "list", f"--address=http://{SUBNET}.1:{DASHBOARD_PORT}").returncode:
            assert time.monotonic() < deadline, (self._directory / "node1.log").read_text()
            time.sleep(2)

    def close(self) -> None:
        """End every process and namespace, whatever state they are in."""
        for node in self._nodes.values():
            node.kill()
            node.wait()
        for number in self._nodes:
            subprocess.run(["ip", "netns", "del", self.space(number)], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self._switch], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _title(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    if not all(shutil.which(tool) for tool in ("ip", "unshare")):
        pytest.skip("needs ip and unshare")
    cluster = Nodes(tmp_path)
    try:
        try:
            cluster.open()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces can not be made here: {error.stderr.strip()}")
        yield cluster
    finally:
        cluster.close()


class Run:
    """A run directory that all nodes see, looked at from outside."""

    def __init__(self, root: Path) -> None:
        self.directory = RunDirectory(root)

    @property
    def state(self) -> RunState | None:
        return read_state(self.directory)

    @property
    def journal(self) -> list[dict[str, object]]:
        path = self.directory.journal
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def check_nothing_lost_and_nothing_twice(self) -> None:
        """Every accepted episode was trained on once, or still waits, whole; what was trained on waits no more."""
        names = [name for line in self.journal for name in line["trajectory_ids"]]  # type: ignore[attr-defined]
        entries = [name for line in self.journal for name in line["entries"]]  # type: ignore[attr-defined]
        assert len(names) == len(set(names))
        assert len(entries) == len(set(entries))
        with RedisServer.start(self.directory.redis) as server:
            client = await connect(server.url)
            run_id = (await client.keys("sparring:*"))[0].decode().split("{")[1].split("}")[0]
            keys = Keys(run_id)
            accepted = sum(int(count) for count in (await client.hgetall(keys.accepted)).values())
            episodes = {decode(fields[b"v"], Episode).episode_id for _, fields in await client.xrange(keys.episodes)}
            cohorts = await client.xrange(keys.trajectories("base"))
            await client.aclose()
        # Kept for the case that the newest checkpoint can not be read: what it alone has learned from.
        learned = {entry_id.decode() for entry_id, _ in cohorts} & set(entries)
        assert learned <= set(self.journal[-1]["entries"])  # type: ignore[attr-defined]
        waiting = [
            trajectory.trajectory_id
            for entry_id, fields in cohorts
            if entry_id.decode() not in learned
            for trajectory in decode(fields[b"v"], Cohort).trajectories
        ]
        parts = [{_episode_of(name) for name in names}, {_episode_of(name) for name in waiting}, episodes]
        assert sum(map(len, parts)) == len(set.union(*parts)) == accepted


def _episode_of(trajectory_id: str) -> str:
    found = re.match(r"\w+/\w+(~\d+)?#\d+", trajectory_id)
    assert found is not None
    return found[0]


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until


def wait_until(condition: Callable[[], bool], *, what: str, timeout_s: float, look: Callable[[], str] = str) -> None:
    """Look every half second.

    Args:     look: what to show if it never comes.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}\n{look()}"
        time.sleep(0.5)


TINY = f"""
steps = 100000

[recipe]
name = "absolute_zero"

[recipe.options]
dialect = "compact"
batch_size = 2
num_references = 2
num_inputs = 4
num_solves = 2
seed_factor = 2
max_content_bytes = 240
max_output_chars = 80
train_without_advantage = true

[policy]
model = "{REPOSITORY}/deploy/models/seed"
dtype = "float32"

[sampling]
max_prompt_tokens = 256
max_response_tokens = 48

[rollout]
max_num_seqs = 16
kv_cache_mib = 32
enforce_eager = true

[actors]
concurrency = 8

[replay]
max_staleness = 2

[executor]
processes = 1
cpu_s = 1.0
wall_s = 5.0
memory_mib = 256
output_chars = 200

[learner]
precision = "float32"
learning_rate = 1e-5
row_tokens = 128
rows_per_micro_batch = 4

[publish]
timeout_s = 300.0

[cluster]
start_s = 900.0
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """The smallest run that does everything."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path
