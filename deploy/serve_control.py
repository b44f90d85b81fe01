"""What people change about a running endpoint: its keys, and which version answers. It takes effect in a second."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec

from sparring.core.errors import UsageError
from sparring.core.ports import Announcement
from sparring.core.rundir import RunDirectory
from sparring.deploy.serve import default_limits, endpoint_files, run_config, run_feed
from sparring.serving.endpoint_files import read_steering, write_private
from sparring.serving.endpoint_keys import load_keys
from sparring.serving.retained import Retained, check_kept


def roll_back(directory: RunDirectory, *, to: int | None) -> dict[str, Any]:
    """Let version ``to`` answer instead of the newest, or the newest again.

    Raises:   UsageError: no such run, or a version that is gone or damaged.
    """
    if to is not None:
        _refuse_shared(directory)
        _keep(directory, to)
    path = endpoint_files(directory).steering
    steering = replace(read_steering(path), rollback=to)
    write_private(path, msgspec.json.encode(steering))
    return msgspec.to_builtins(steering)


def set_canary(directory: RunDirectory, *, number: int | None, share: float) -> dict[str, Any]:
    """Let version ``number`` answer a share of the queries that name none, or nobody's any more.

    Raises:   UsageError: no such run, a version that is gone or damaged, or a share that is not between 0 and 1.
    """
    if number is not None:
        if not 0 < share <= 1:
            raise UsageError(f"--share {share}: expected more than 0 and at most 1, such as 0.1 for a tenth")
        _refuse_shared(directory)
        _keep(directory, number)
    path = endpoint_files(directory).steering
    steering = replace(read_steering(path), canary=number, share=share if number is not None else 0.0)
    write_private(path, msgspec.json.encode(steering))
    return msgspec.to_builtins(steering)


def add_key(
    directory: RunDirectory, name: str, *, requests_per_minute: int | None, tokens_per_minute: int | None
) -> str:
    """Make a key and return its secret, which is kept nowhere.

    Raises:   UsageError: no such run, or a name that is taken.
    """
    given = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
    limits = default_limits(run_config(directory)) | {what: value for what, value in given.items() if value}
    path = endpoint_files(directory).keys
    keys, secret = load_keys(path).with_key(name, limits=limits)
    keys.save(path)
    return secret


def rotate_key(directory: RunDirectory, name: str, *, grace_s: int) -> str:
    """Give a key a new secret, and return it; the old one works for ``grace_s`` more.

    Raises:   UsageError: no such key.
    """
    path = endpoint_files(directory).keys
    keys, secret = load_keys(path).rotated(name, grace_s=grace_s)
    keys.save(path)
    return secret


def remove_key(directory: RunDirectory, name: str) -> None:
    """Raises:   UsageError: no such key."""
    path = endpoint_files(directory).keys
    load_keys(path).without(name).save(path)


def list_keys(directory: RunDirectory) -> list[dict[str, Any]]:
    """The keys without what would help to guess them."""
    keys = load_keys(endpoint_files(directory).keys)
    return [{name: value for name, value in msgspec.to_builtins(key).items() if name != "sha256"} for key in keys]


def _refuse_shared(directory: RunDirectory) -> None:
    if run_config(directory).endpoint.hosting == "shared":
        raise UsageError(
            "this run's endpoint shares the rollout replicas, which hold the newest version alone; "
            "train with endpoint.hosting = 'own' to choose versions"
        )


def _keep(directory: RunDirectory, number: int) -> None:
    files = endpoint_files(directory)
    files.versions.mkdir(parents=True, exist_ok=True, mode=0o700)
    newest = asyncio.run(_newest(directory))
    check_kept(Retained(files.versions), number, newest=newest)


async def _newest(directory: RunDirectory) -> Announcement | None:
    config = run_config(directory)
    feed = await run_feed(config, directory)()
    return await feed.latest(config.policy.name)
