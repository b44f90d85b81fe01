"""Checks of the kernel, the limits, the disk under a Redis and a Redis of one's own: facts in, findings out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sparring.deploy.finding import Check, finding, level
from sparring.deploy.machine import Machine

LANDLOCK_SINCE = (5, 13)  # what tier B of the executor is made of
# Ray's processes, an engine's and a learner's threads, and the programs of the executor.
FEW_PROCESSES, TOO_FEW_PROCESSES = 4096, 512
# Redis syncs once a second and lets writers wait where that takes two; the learner syncs every checkpoint.
SLOW_FSYNC_MS, TOO_SLOW_FSYNC_MS = 50.0, 1000.0
STREAMS_SINCE = (6, 2)
NEVER_OVERCOMMITS = 2


def kernel(machine: Machine) -> Iterator[Check]:
    """Linux, new enough for the executor's second tier."""
    name, _, release = machine.system.kernel.partition(" ")
    found = re.match(r"(\d+)\.(\d+)", release)
    new = found is not None and (int(found[1]), int(found[2])) >= LANDLOCK_SINCE
    yield finding(
        "kernel",
        "fail" if name != "Linux" else "ok" if new else "warn",
        seen=machine.system.kernel,
        wanted="Linux 5.13 or newer",
        fix="use a newer kernel: Landlock, with which the executor isolates where jails are forbidden, is in 5.13; "
        "on macOS or Windows use a Linux container or virtual machine",
    )


def processes(machine: Machine) -> Iterator[Check]:
    """Enough processes and threads: too few of them end in a fork that fails in the middle of a run."""
    of_user, of_group = machine.system.pids
    yield finding(
        "processes",
        level(min(of_user, of_group), few=FEW_PROCESSES, too_few=TOO_FEW_PROCESSES),
        seen=f"{_number(of_user)} of the user, {_number(of_group)} of the control group",
        wanted=f"{FEW_PROCESSES} of each",
        fix="ulimit -u 65536, TasksMax=infinity of the service, docker run --pids-limit -1, or podPidsLimit of the "
        "kubelet",
    )


def loadable(machine: Machine) -> Iterator[Check]:
    """Compiled operators are loaded from where they were written."""
    yield finding(
        "compiled operators",
        "fail" if machine.system.noexec else "ok",
        seen=f"mounted noexec: {', '.join(machine.system.noexec)}" if machine.system.noexec else "can be loaded",
        wanted="a directory without noexec",
        fix="export TORCH_EXTENSIONS_DIR to a directory of a file system without noexec, or mount -o remount,exec",
    )


def python_header(machine: Machine) -> Iterator[Check]:
    """DeepSpeed's operator includes Python.h."""
    yield finding(
        "Python.h",
        "ok" if machine.system.python_header else "fail",
        seen="present" if machine.system.python_header else "missing",
        wanted="the headers of this Python",
        fix="apt-get install python3-dev, or the -dev package of the Python in use (python3.11-dev)",
    )


def disk_speed(machine: Machine) -> Iterator[Check]:
    """What Redis' append-only file and every checkpoint wait for."""
    taken = machine.system.fsync_ms
    yield finding(
        "fsync",
        level(-taken, few=-SLOW_FSYNC_MS, too_few=-TOO_SLOW_FSYNC_MS),
        seen=f"{taken:.1f} ms" if taken != float("inf") else "no file could be written",
        wanted=f"{SLOW_FSYNC_MS:g} ms where runs are written",
        fix="write runs to a local disk (--run), not to a network file system: Redis syncs its append-only file once a "
        "second and makes writers wait when that takes longer, and every checkpoint is synced",
    )


def overcommit(machine: Machine) -> Iterator[Check]:
    """Redis rewrites its append-only file in a fork of itself."""
    strict = machine.system.overcommit == NEVER_OVERCOMMITS
    yield finding(
        "memory overcommit",
        "warn" if strict else "ok",
        seen=f"vm.overcommit_memory = {machine.system.overcommit}" if machine.system.overcommit >= 0 else "unknown",
        wanted="0 or 1",
        fix="sysctl vm.overcommit_memory=1: with 2, Redis' fork and Ray's object store can be refused memory that is "
        "free",
    )


def own_redis(machine: Machine) -> Iterator[Check]:
    """A Redis named with --redis keeps what it acknowledged; the one that a run starts for itself is set up so."""
    settings = machine.system.redis_settings
    if not machine.system.redis_url:
        yield finding("Redis fsync", "ok", seen="a run's own: appendfsync everysec", wanted="everysec or always")
        return
    if "error" in settings:
        yield finding(
            "Redis server",
            "fail",
            seen=settings["error"],
            wanted="an answer to INFO and CONFIG GET",
            fix="start it, or correct --redis (redis://host:port/0, unix:///path); a hosted one that forbids CONFIG "
            "needs appendonly yes, appendfsync everysec and maxmemory-policy noeviction set where it is administered",
        )
        return
    yield from _version(settings)
    yield from _durability(settings)
    policy = settings.get("maxmemory-policy", "unknown")
    yield finding(
        "Redis eviction",
        "ok" if policy == "noeviction" else "fail",
        seen=policy,
        wanted="noeviction",
        fix="redis-cli CONFIG SET maxmemory-policy noeviction: any other one drops episodes and versions when "
        "memory is full",
    )


def _version(settings: Mapping[str, str]) -> Iterator[Check]:
    numbers = tuple(int(part) for part in re.findall(r"\d+", settings.get("redis_version", ""))[:2])
    yield finding(
        "Redis server",
        "ok" if numbers >= STREAMS_SINCE else "fail",
        seen=settings.get("redis_version", "unknown"),
        wanted="6.2 or newer",
        fix="upgrade it: older ones have no XAUTOCLAIM, by which what a dead process took is taken over",
    )


def _durability(settings: Mapping[str, str]) -> Iterator[Check]:
    kept, policy = settings.get("appendonly", "unknown"), settings.get("appendfsync", "unknown")
    yield finding(
        "Redis append-only file",
        "ok" if kept == "yes" else "fail",
        seen=f"appendonly {kept}",
        wanted="appendonly yes",
        fix="redis-cli CONFIG SET appendonly yes (and CONFIG REWRITE): without it a restart loses what was "
        "acknowledged",
    )
    yield finding(
        "Redis fsync",
        "ok" if policy in ("everysec", "always") else "warn",
        seen=f"appendfsync {policy}",
        wanted="everysec or always",
        fix="redis-cli CONFIG SET appendfsync everysec: with no, a power cut loses what the kernel had not written yet",
    )


def _number(value: float) -> str:
    return "unlimited" if value == float("inf") else f"{value:.0f}"
