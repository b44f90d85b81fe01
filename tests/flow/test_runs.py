"""Whole runs with everything real: Redis, Ray, vLLM, DeepSpeed and the executor, started by the command people type."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sparring.core.metrics import read_metrics
from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode
from sparring.core.wire import decode
from sparring.deploy.run_state import Phase, read_state
from sparring.replay.connection import connect
from sparring.replay.keys import Keys
from sparring.replay.server import RedisServer

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

QUICKSTART = Path(__file__).parents[2] / "deploy" / "runs" / "quickstart.toml"
# The quickstart with rounds small enough for a test.
SMALL = {
    "recipe.options.batch_size": 4,
    "recipe.options.num_solves": 4,
    "recipe.options.seed_factor": 2,
    "actors.concurrency": 24,
    "evaluation.num_tasks": 5,
    "evaluation.every": 0,
}


def command(run, *, steps, resume=False, **settings):
    words = [sys.executable, "-m", "sparring", "train", "--run", str(run.root)]
    words += ["--resume"] if resume else ["--config", str(QUICKSTART)]
    for name, value in {**({} if resume else SMALL), "steps": steps, **settings}.items():
        words += ["--set", f"{name}={value}"]
    return words


def train(run, *, steps, **options):
    return subprocess.run(command(run, steps=steps, **options), capture_output=True, text=True, timeout=300)


def start(run, *, steps, **options):
    with (run.root.parent / "log.txt").open("w") as log:
        return subprocess.Popen(command(run, steps=steps, **options), stdout=log, stderr=subprocess.STDOUT)


def journal(run):
    return [json.loads(line) for line in run.journal.read_text().splitlines()] if run.journal.exists() else []


def wait_for_step(run, step, process):
    deadline = time.monotonic() + 180
    while len(journal(run)) < step:
        assert process.poll() is None, (run.root.parent / "log.txt").read_text()
        assert time.monotonic() < deadline, f"no step {step} in 180 s"
        time.sleep(0.05)


def children(process):
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


def name_of(pid):
    """Of a process; empty for one that has just ended, as executors' children do all the time."""
    try:
        return psutil.Process(pid).name()
    except psutil.NoSuchProcess:
        return ""


def trained(run):
    return [name for line in journal(run) for name in line["trajectory_ids"]]


def episode_of(trajectory_id):
    return re.match(r"\w+/\w+(~\d+)?#\d+", trajectory_id)[0]


async def left_in_redis(run):
    """Episodes ever accepted, and the ids of those that still wait in a stream.

    What the newest checkpoint alone has learned from is there too, for the case that it can not be read; it does not
    wait.
    """
    with RedisServer.start(run.redis) as server:
        client = await connect(server.url)
        run_id = (await client.keys("sparring:*"))[0].decode().split("{")[1].split("}")[0]
        keys = Keys(run_id)
        accepted = sum(int(count) for count in (await client.hgetall(keys.accepted)).values())
        episodes = [decode(fields[b"v"], Episode).episode_id for _, fields in await client.xrange(keys.episodes)]
        cohorts = {
            entry.decode(): decode(fields[b"v"], Cohort)
            for entry, fields in await client.xrange(keys.trajectories("base"))
        }
        await client.aclose()
    learned = set(cohorts) & {entry for line in journal(run) for entry in line["entries"]}
    assert learned <= set(journal(run)[-1]["entries"])
    waiting = [
        trajectory.trajectory_id
        for entry, cohort in cohorts.items()
        if entry not in learned
        for trajectory in cohort.trajectories
    ]
    return accepted, episodes, waiting


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_a_run_trains_reports_and_leaves_a_policy_behind(run):
    done = train(run, steps=3)
    assert done.returncode == 0, done.stderr
    assert re.search(r"solve rate: deduction \S+->\S+, abduction \S+->\S+, induction \S+->\S+", done.stdout)
    assert re.search(r"peak memory of all processes: \d+\.\d+ GiB", done.stdout)
    assert run.report.stat().st_size > 1000
    rows = [row for row in read_metrics(run.metrics) if "time/step" in row]
    assert [row["step"] for row in rows] == [1, 2, 3]
    # Tokens of the learner's own version were sampled from bit-equal weights by another implementation of the model.
    assert all(row["parity/abs_mean"] < 1e-4 for row in rows if "parity/abs_mean" in row)
    assert {path.name for path in (run.root / "policy").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_the_synchronous_loop_trains_on_its_own_version_only(run):
    done = train(run, steps=3, **{"replay.max_staleness": 0})
    assert done.returncode == 0, done.stderr
    rows = [row for row in read_metrics(run.metrics) if "time/step" in row]
    assert [row["staleness/max"] for row in rows] == [0.0, 0.0, 0.0]


def test_two_learner_ranks_train_one_policy(run):
    done = train(run, steps=2, **{"learner.world_size": 2})
    assert done.returncode == 0, done.stderr
    assert len(journal(run)) == 2


async def test_a_learner_killed_mid_run_repeats_nothing_and_loses_nothing(run):
    process = start(run, steps=40, **{"recipe.options.train_without_advantage": "true"})
    wait_for_step(run, 3, process)
    ranks = [p for p in psutil.Process(process.pid).children(recursive=True) if p.name().startswith("ray::Rank")]
    assert len(ranks) == 1
    os.kill(ranks[0].pid, signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    assert "learner rank 0: its process died" in (run.root.parent / "log.txt").read_text()
    steps_before = len(journal(run))

    done = train(run, steps=steps_before + 3, resume=True)

    assert done.returncode == 0, done.stderr
    assert [line["step"] for line in journal(run)] == list(range(1, steps_before + 4))
    names = trained(run)
    assert len(names) == len(set(names))
    accepted, episodes, waiting = await left_in_redis(run)
    assert not set(waiting) & set(names)
    # Every episode has at least the proposal's trajectory: each accepted one was trained or still waits, whole.
    parts = [{episode_of(name) for name in names}, {episode_of(name) for name in waiting}, set(episodes)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == accepted


def test_a_worker_and_a_replica_killed_mid_run_are_replaced_and_the_run_goes_on(run):
    process = start(run, steps=12)
    for step, name in ((2, "ray::WorkerHost"), (5, "ray::Replica")):
        wait_for_step(run, step, process)
        (victim,) = [p for p in psutil.Process(process.pid).children(recursive=True) if p.name().startswith(name)]
        os.kill(victim.pid, signal.SIGKILL)
    assert process.wait(timeout=400) == 0, (run.root.parent / "log.txt").read_text()
    names = trained(run)
    assert len(journal(run)) == 12
    assert len(names) == len(set(names))
    assert "worker restarted name=worker-0" in (run.root.parent / "log.txt").read_text()


def test_a_run_whose_last_replica_died_past_its_restarts_ends_and_says_so(run):
    process = start(run, steps=100, **{"rollout.max_restarts": 0})
    wait_for_step(run, 2, process)
    (victim,) = [pid for pid in children(process) if name_of(pid).startswith("ray::Replica")]
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    assert "replicas: all are dead, the last ones of rank 0" in (run.root.parent / "log.txt").read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_interrupting_a_run_ends_it_cleanly_and_says_how_to_resume(run, number, code):
    process = start(run, steps=500)
    wait_for_step(run, 2, process)
    assert read_state(run).phase == Phase.RUNNING
    config = run.config.read_bytes()
    second = train(run, steps=7, resume=True)
    assert second.returncode == 2
    assert f"in use by the run with pid {process.pid}" in second.stderr
    assert run.config.read_bytes() == config
    process.send_signal(number)
    assert process.wait(timeout=120) == code
    assert f"sparring train --resume --run {run.root}" in (run.root.parent / "log.txt").read_text()
    assert run.report.exists()
    steps = len(journal(run))
    state = read_state(run)
    assert (state.phase, state.step) == (Phase.STOPPED, steps)
    assert train(run, steps=steps + 1, resume=True).returncode == 0
    assert len(journal(run)) == steps + 1
    assert read_state(run).phase == Phase.FINISHED


@pytest.mark.parametrize("after_s", [0.0, 4.0])
def test_a_sigterm_while_parts_start_ends_them_all(run, after_s):
    process = start(run, steps=500)
    deadline = time.monotonic() + 120
    while read_state(run) is None:  # Redis answers; replicas, ranks and workers are still to come
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(after_s)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0, (run.root.parent / "log.txt").read_text()
    assert read_state(run).phase == Phase.STOPPED
    _, alive = psutil.wait_procs(below, timeout=30)
    assert alive == []


def test_a_resumed_single_process_run_has_bit_equal_weights(tmp_path):
    straight, broken = RunDirectory(tmp_path / "a" / "run"), RunDirectory(tmp_path / "b" / "run")
    # So many rounds ahead that they do not fit into one delivery: what is half collected must survive as well.
    single = {"mode": "single_process", "replay.max_staleness": 8}
    for run in (straight, broken):
        run.root.parent.mkdir()
    assert train(straight, steps=6, **single).returncode == 0
    process = start(broken, steps=6, **single)
    wait_for_step(broken, 3, process)
    process.kill()
    process.wait()
    done = train(broken, steps=6, resume=True)
    assert done.returncode == 0, done.stderr
    assert trained(straight) == trained(broken)
    weights = [(run.root / "policy" / "model.safetensors").read_bytes() for run in (straight, broken)]
    assert weights[0] == weights[1]
