"""What the endpoint costs: over the bare engine, and the training beside it.

    rounds:   bare engine, endpoint, bare engine, endpoint, ...    the same prompts and seeds, so the same tokens
    training: queries off, on, off, on, ...                        at a share of the capacity measured before

Ratios of neighbours in time: what else the machine does weighs on both. In the rounds the engines, bare and behind
the endpoint, have one core and everything else the others: whoever wakes up elsewhere does not take the engine's turn.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import ray

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed
from sparring.core.metrics import read_metrics
from sparring.core.run_file import load_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.bench_load import Load
from sparring.deploy.serve import default_limits, endpoint_beside, endpoint_files, run_feed, start_ray
from sparring.serving.bench_bare import BareEngine
from sparring.serving.bench_twin import write_version
from sparring.serving.endpoint_keys import load_keys
from sparring.serving.queries import Query
from sparring.serving.requests import SampleRequest
from sparring.serving.tokenizer import end_token_ids, load_tokenizer

RUN_FILE = Path(__file__).parent / "runs" / "quickstart.toml"
PROMPT = "<pd>"  # has the seed model write a program: tens of tokens
MAX_TOKENS = 64
CONCURRENCY = 8
ROUND = 64  # queries of one round
SHARE = 0.2  # of the capacity, while training
WINDOW_S = 15.0
START_S = 900.0  # a loaded machine takes its time


def bench_serve(*, rounds: int, windows: int, hosting: str) -> dict[str, Any]:
    """Overhead and throughput; latencies in ms, ratios without a unit."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = RunDirectory(Path(scratch) / "served")
        with _cores_apart() as engines:
            config, key = _prepared(directory, affinity=engines)
            start_ray(config)
            try:
                overhead = asyncio.run(_overhead(config, directory, key=key, rounds=rounds))
            finally:
                ray.shutdown()
        # Minutes of training follow: what is known by now is said, beside the result.
        print(f"measured over the bare engine: {json.dumps(overhead)}", file=sys.stderr, flush=True)
        training = RunDirectory(Path(scratch) / "trained")
        under = asyncio.run(
            _under_queries(training, rate=SHARE * overhead["requests_per_s"], windows=windows, hosting=hosting)
        )
    return overhead | under


@contextmanager
def _cores_apart() -> Iterator[list[int]]:
    """Keeps this process and those it starts off one core, which is for the engines; [] where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        yield cores[: len(cores) > 1]
    finally:
        os.sched_setaffinity(0, cores)


def _prepared(directory: RunDirectory, *, affinity: list[int]) -> tuple[RunConfig, str]:
    """A run directory with one published version, and a key."""
    store = directory.root / "store"
    sets = [f'publish.store="{store}"', f"endpoint.port={_free_port()}", f"endpoint.affinity={affinity}"]
    config = load_config(RUN_FILE, sets)
    directory.root.mkdir(parents=True)
    directory.config.write_text(config.model_dump_json())
    write_version((config.policy.model, 0), store, policy=config.policy.name, number=0)
    return config, _key(directory, config)


def _key(directory: RunDirectory, config: RunConfig) -> str:
    files = endpoint_files(directory)
    keys, secret = load_keys(files.keys).with_key(
        "bench", limits=default_limits(config) | {"requests_per_minute": 10**9}
    )
    keys.save(files.keys)
    return secret


async def _overhead(config: RunConfig, directory: RunDirectory, *, key: str, rounds: int) -> dict[str, float]:
    """The endpoint over the bare engine, round by round."""
    bare = ray.remote(num_cpus=0, max_concurrency=10)(BareEngine).remote(config)
    await bare.ready.remote()
    ids = tuple(load_tokenizer(config.policy.model)(PROMPT, add_special_tokens=False).input_ids)
    ends = end_token_ids(config.policy.model, load_tokenizer(config.policy.model))
    bares: list[list[float]] = []
    loads: list[Load] = []
    spent = {"bare": 0.0, "endpoint": 0.0}
    async with endpoint_beside(config, directory, feed=run_feed(config, directory), replicas=[]) as url:
        for number in range(-1, rounds):  # the first warms up
            seeds = range(max(number, 0) * ROUND, (max(number, 0) + 1) * ROUND)
            seconds, whole = await bare.measure.remote([_query(seed, ids, ends) for seed in seeds], CONCURRENCY)
            load = Load(url, key)
            took = await load.at_a_time((_body(seed) for seed in seeds), CONCURRENCY)
            if load.num_failed:
                raise ComponentFailed("endpoint", f"{load.num_failed} of {ROUND} queries were not answered with 200")
            if number >= 0:
                bares.append(seconds)
                loads.append(load)
                spent["bare"] += whole
                spent["endpoint"] += took
    ratios = [median(load.seconds) / median(seconds) for load, seconds in zip(loads, bares, strict=True)]
    flat, flat_bare = sorted(itertools.chain(*(load.seconds for load in loads))), sorted(itertools.chain(*bares))
    return {
        "p50_over_bare": median(ratios),
        "p50_ms": 1000 * median(flat),
        "bare_p50_ms": 1000 * median(flat_bare),
        "p99_ms": 1000 * flat[len(flat) * 99 // 100],
        "bare_p99_ms": 1000 * flat_bare[len(flat_bare) * 99 // 100],
        "requests_per_s": rounds * ROUND / spent["endpoint"],
        "bare_requests_per_s": rounds * ROUND / spent["bare"],
        "concurrency": float(CONCURRENCY),
        "queries": float(rounds * ROUND),
    }


async def _under_queries(directory: RunDirectory, *, rate: float, windows: int, hosting: str) -> dict[str, float]:
    """Trained tokens per second of one run, in windows with queries over windows without."""
    port = _free_port()
    sets = ["evaluation.num_tasks=1", "evaluation.every=0", "steps=100000", "max_minutes=600"]
    sets += ["endpoint.enabled=true", f"endpoint.port={port}", f'endpoint.hosting="{hosting}"']
    key = _key(directory, load_config(RUN_FILE, sets))
    command = [sys.executable, "-m", "sparring", "train", "--config", str(RUN_FILE), "--run", str(directory.root)]
    command += list(itertools.chain(*(("--set", each) for each in sets)))
    log = (directory.root / "bench.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ.copy())
    try:
        await _steps(directory, 3, process=process)
        load = Load(f"http://127.0.0.1:{port}", key)
        spans: list[tuple[bool, float, float]] = []
        for window in range(2 * windows):
            spans.append(await _window(load, rate, is_on=window % 2 == 1, directory=directory, process=process))
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 120)
        log.close()
    rates = {is_on: _throughput(directory, [span for span in spans if span[0] == is_on]) for is_on in (True, False)}
    return {
        "training_throughput_under_queries": rates[True] / rates[False],
        "trained_tokens_per_s": rates[False],
        "trained_tokens_per_s_under_queries": rates[True],
        "query_rate": rate,
        "queries_while_training": float(len(load.seconds)),
        "queries_failed_while_training": float(load.num_failed),
        "p50_ms_while_training": 1000 * median(load.seconds),
    }


async def _window(
    load: Load, rate: float, *, is_on: bool, directory: RunDirectory, process: subprocess.Popen[bytes]
) -> tuple[bool, float, float]:
    """A while with or without queries, of at least two steps."""
    began, before = time.time(), len(read_metrics(directory.metrics))
    stop = asyncio.Event()
    asking = asyncio.create_task(load.a_second(_bodies(), rate, stop=stop)) if is_on else None
    await asyncio.sleep(WINDOW_S)
    await _steps(directory, before + 2, process=process)
    ended = time.time()
    stop.set()
    if asking is not None:
        await asking
    return is_on, began, ended


async def _steps(directory: RunDirectory, count: int, *, process: subprocess.Popen[bytes]) -> None:
    """Until the run has made so many steps.

    Raises:   ComponentFailed: it ended, or makes no steps.
    """
    deadline = time.monotonic() + START_S
    while not directory.metrics.exists() or len(read_metrics(directory.metrics)) < count:
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (directory.root / "bench.log").read_text()[-2000:]
            raise ComponentFailed(
                "training", f"made no {count} steps; the end of its output:\n{tail}", deadline_s=START_S
            )
        await asyncio.sleep(0.2)


def _throughput(directory: RunDirectory, spans: list[tuple[bool, float, float]]) -> float:
    """Trained tokens per second over the steps that lie wholly within one of the windows."""
    rows = read_metrics(directory.metrics)
    tokens = seconds = 0.0
    for before, row in itertools.pairwise(rows):
        if any(began <= before["time"] and row["time"] <= ended for _, began, ended in spans):
            tokens += row["tokens/trained"]
            seconds += row["time"] - before["time"]
    if not seconds:
        raise ComponentFailed("training", f"no whole step within windows of {WINDOW_S:g} s; run it on a freer machine")
    return tokens / seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bodies() -> Iterator[dict[str, Any]]:
    return (_body(seed) for seed in itertools.count())


def _body(seed: int) -> dict[str, Any]:
    return {"model": "policy", "prompt": PROMPT, "max_tokens": MAX_TOKENS, "temperature": 1.0, "seed": seed}


def _query(seed: int, ids: tuple[int, ...], ends: tuple[int, ...]) -> Query:
    """What ``_body`` comes down to."""
    request = SampleRequest(
        request_id=f"{seed}/0", prompt_ids=ids, num_samples=1, temperature=1.0, top_p=1.0,
        max_tokens=MAX_TOKENS, stop=(), stop_token_ids=ends, seed=seed,
    )  # fmt: skip
    return Query(query_id=str(seed), requests=(request,), version=None, num_top=0, stream=False)
