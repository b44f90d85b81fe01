"""The policy endpoint of a run: beside its training, or by itself for a run that goes on elsewhere or has ended.

sparring train --set endpoint.enabled=true    follows the run's announcements in Redis
sparring serve RUN                            follows its published versions on this machine's disk, then policy/
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from starlette.types import ASGIApp

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, UsageError
from sparring.core.ports import VersionFeed
from sparring.core.run_config import read_run_config
from sparring.core.run_file import override_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.export import POLICY
from sparring.deploy.role_prompts import role_prompts
from sparring.learner.publish import default_store
from sparring.serving.endpoint_files import EndpointFiles, write_private
from sparring.serving.endpoint_gate import proxy_environment
from sparring.serving.endpoint_host import EndpointHost
from sparring.serving.endpoint_ingress import ingress_environment
from sparring.serving.endpoint_keys import load_keys
from sparring.serving.line import Backend, Line
from sparring.serving.retained import DirectoryFeed

ENDPOINT = "endpoint"  # in a run directory
READY_S = 400.0  # on a loaded machine
OBJECT_STORE_BYTES = 100 << 20
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "TORCHDYNAMO_DISABLE": "1"}

FeedFactory = Callable[[], Awaitable[VersionFeed]]


def endpoint_files(directory: RunDirectory) -> EndpointFiles:
    """What steers the endpoint of a run."""
    return EndpointFiles(directory.root.resolve() / ENDPOINT)


def run_config(directory: RunDirectory, overrides: Iterable[str] = ()) -> RunConfig:
    """The configuration of a run that exists.

    Raises:   UsageError: no such run, or a value that is wrong.
    """
    return override_config(read_run_config(directory), overrides)


async def directory_feed(store: Path, export: Path) -> VersionFeed:
    """The versions of a run as its files have them."""
    return DirectoryFeed(stores=[store], exports=[export])


def page_of(root: Path) -> ASGIApp:
    """The page of the run in ``root``, behind the endpoint's keys."""
    from sparring.deploy.dashboard import dashboard

    return dashboard(RunDirectory(root))


def run_feed(config: RunConfig, directory: RunDirectory) -> FeedFactory:
    """Follows a run without its Redis."""
    store = (config.publish.store or default_store(directory.root)) / config.policy.name
    return partial(directory_feed, store, directory.root.resolve() / POLICY)


@asynccontextmanager
async def endpoint_beside(
    config: RunConfig,
    directory: RunDirectory,
    *,
    feed: FeedFactory,
    replicas: list[Any],
    resources: Mapping[str, float] | None = None,
) -> AsyncIterator[str]:
    """The endpoint on the running Ray cluster, until the end of the context; its address.

    Args:     resources: named ones of the node for engines of its own.

    Raises:   ComponentFailed: the engines were not ready in time, or Serve did not start.
    """
    from sparring.serving.endpoint import close_endpoint, host_endpoint

    files = endpoint_files(directory)
    files.versions.mkdir(parents=True, exist_ok=True, mode=0o700)
    if config.endpoint.hosting == "shared":
        from sparring.serving.shared_line import SharedLine

        backend: Callable[[], Backend] = partial(SharedLine, replicas, config=config, feed=feed)
        hosts = []
    else:
        hosts = [_host(config, feed=feed, files=files, resources=resources or {})]
        backend = partial(Line, hosts[0])
    try:
        hosting = asyncio.to_thread(
            host_endpoint,
            config,
            files=files.root,
            roles=role_prompts(config.recipe),
            backend=backend,
            page=partial(page_of, directory.root.resolve()) if config.endpoint.page else None,
        )
        try:
            address, _ = await asyncio.gather(hosting, _all_ready(hosts))
        except (RuntimeError, OSError) as error:
            raise ComponentFailed("endpoint", f"Serve did not start on port {config.endpoint.port}: {error}") from error
        write_private(files.address, address.encode())
        yield address
    finally:
        files.address.unlink(missing_ok=True)
        await asyncio.to_thread(close_endpoint)
        for host in hosts:
            ray.kill(host)


def serve_run(directory: RunDirectory, overrides: Iterable[str], *, note: Callable[[str], None]) -> int:
    """Serve a run's policy from this process until SIGINT or SIGTERM; returns the exit code."""
    config = run_config(directory, ["endpoint.hosting=own", *overrides])
    if config.endpoint.hosting != "own":
        raise UsageError("endpoint.hosting = 'shared' needs the replicas of a training run: set endpoint.enabled there")
    check_endpoint_port(config)
    first_key(directory, config, note=note)
    start_ray(config)
    try:
        return asyncio.run(_serve(config, directory, note=note))
    finally:
        ray.shutdown()


def check_endpoint_port(config: RunConfig) -> None:
    """Look whether the endpoint can listen, before what takes a minute to start.

    Raises:   UsageError: the port is taken, or the address is none of this machine's.
    """
    if "RAY_ADDRESS" in os.environ:
        return  # the endpoint may come to be on another machine
    host, port = config.endpoint.host, config.endpoint.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise UsageError(
            f"port {port} of {host}: {error.strerror}; stop what listens there, or choose another with "
            f"--set endpoint.port={port + 1 if port < 65_535 else port - 1}"
        ) from error


def first_key(directory: RunDirectory, config: RunConfig, *, note: Callable[[str], None]) -> None:
    """An endpoint without keys answers nobody: make one, and show it this once."""
    files = endpoint_files(directory)
    keys = load_keys(files.keys)
    if not keys.names:
        keys, secret = keys.with_key("default", limits=default_limits(config))
        keys.save(files.keys)
        note(f"made key name=default secret={secret} (shown this once; more: sparring serve keys --help)")


def default_limits(config: RunConfig) -> dict[str, int]:
    """Of a key that names no others."""
    endpoint = config.endpoint
    return {
        "requests_per_minute": endpoint.requests_per_minute,
        "tokens_per_minute": endpoint.tokens_per_minute,
    }


def gate_environment(config: RunConfig) -> dict[str, str]:
    """What every process of a cluster with an endpoint needs in its environment, from before Ray starts."""
    endpoint = config.endpoint
    gates = proxy_environment(max_body_bytes=endpoint.max_body_bytes, body_timeout_s=endpoint.body_timeout_s)
    return gates | ingress_environment(port=endpoint.port)


def start_ray(config: RunConfig) -> None:
    """A Ray of the endpoint's own on this machine, or the cluster that a job was submitted to."""
    environment = {**ENVIRONMENT, **gate_environment(config)}
    os.environ.update(environment)
    if "RAY_ADDRESS" in os.environ:
        ray.init(runtime_env={"env_vars": environment}, log_to_driver=False)
        return
    ray.init(
        # Always an address: without one Ray joins whatever cluster it finds on this machine.
        address="local",
        num_cpus=max(1, round(config.endpoint.cpus)),
        num_gpus=round(config.endpoint.gpus),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="warning",
        runtime_env={"env_vars": environment},
    )


async def _serve(config: RunConfig, directory: RunDirectory, *, note: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    feed = run_feed(config, directory)
    async with endpoint_beside(config, directory, feed=feed, replicas=[]) as address:
        note(f"serving run={directory.root} address={address}")
        await stop.wait()
    return 0


def _host(config: RunConfig, *, feed: FeedFactory, files: EndpointFiles, resources: Mapping[str, float]) -> Any:
    options = {"num_cpus": config.endpoint.cpus, "num_gpus": config.endpoint.gpus, "resources": dict(resources)}
    actor = ray.remote(max_restarts=-1, max_concurrency=1000, **options)(EndpointHost)
    return actor.remote(config, feed=feed, kept=files.versions)


async def _all_ready(hosts: list[Any]) -> None:
    try:
        async with asyncio.timeout(READY_S):
            for host in hosts:
                await host.ready.remote()
    except TimeoutError as error:
        raise ComponentFailed("endpoint", "its engines did not start", deadline_s=READY_S) from error
