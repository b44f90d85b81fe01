"""What the kernel, the file systems, the limits and a Redis are like, looked up without changing anything."""

from __future__ import annotations

import os
import platform
import resource
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sparring.core.errors import UsageError
from sparring.replay.address import redis_address

# What the record of a run's Redis waits for once a second.
FSYNC_BYTES, NUM_FSYNCS = 4096, 5
REDIS_S = 3.0
REDIS_SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Facts only."""

    kernel: str  # such as "Linux 6.1.0-18-amd64"
    overcommit: int  # vm.overcommit_memory; -1: the kernel does not say
    pids: tuple[float, float]  # processes that may run at once: of this user, of the control group
    noexec: Sequence[str]  # directories whose files may not be executed or loaded
    fsync_ms: float  # of a small write where runs are written
    python_header: bool  # Python.h, which compiled operators include
    redis_url: str  # of a Redis to use instead of an own one; empty: none was named
    redis_settings: Mapping[str, str]  # what it says of itself; "error": why it says nothing


def look_at_system(run: Path, *, loaded_from: Sequence[Path], redis_url: str) -> System:
    """This system, for runs in the existing directory ``run`` and compiled operators in ``loaded_from``."""
    return System(
        kernel=f"{platform.system()} {platform.release()}",
        overcommit=int(number_in(Path("/proc/sys/vm/overcommit_memory"), default=-1)),
        pids=(process_limit(), number_in(CGROUP / "pids.max", default=float("inf"))),
        noexec=tuple(str(path) for path in loaded_from if os.statvfs(path).f_flag & os.ST_NOEXEC),
        fsync_ms=fsync_ms(run),
        python_header=(Path(sysconfig.get_path("include")) / "Python.h").is_file(),
        redis_url=redis_url,
        redis_settings=redis_settings(redis_url) if redis_url else {},
    )


def process_limit() -> float:
    """Processes this user may have; root has no such limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return float("inf") if soft == resource.RLIM_INFINITY or os.geteuid() == 0 else float(soft)


def number_in(path: Path, *, default: float) -> float:
    """The number that a file of the kernel holds; infinite where it says max."""
    try:
        text = path.read_text().strip()
    except OSError:
        return default
    return float("inf") if text == "max" else float(text)


def fsync_ms(directory: Path) -> float:
    """Median time until a small write is on the disk of ``directory``; infinite where it can not be written."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            return 1000 * median(_fsync_s(file.fileno()) for _ in range(NUM_FSYNCS))
    except OSError:
        return float("inf")


def _fsync_s(descriptor: int) -> float:
    os.write(descriptor, b"\0" * FSYNC_BYTES)
    began = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - began


def redis_settings(url: str) -> Mapping[str, str]:
    """How the Redis at ``url`` keeps what it is given."""
    try:
        options = {"socket_timeout": REDIS_S, "socket_connect_timeout": REDIS_S, "decode_responses": True}
        with redis.Redis.from_url(redis_address(url), retry=Retry(NoBackoff(), 0), **options) as client:
            found = {"redis_version": str(client.info("server")["redis_version"])}
            for name in REDIS_SETTINGS:
                found |= {str(key): str(value) for key, value in client.config_get(name).items()}
            return found
    except (redis.RedisError, ValueError, OSError, UsageError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
