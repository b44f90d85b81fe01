"""What this machine is like: everything the doctor judges, looked up once and without changing anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from sparring.core.errors import UsageError
from sparring.core.manifest import WEIGHTS
from sparring.replay.ground import find_binary
from sparring.verifiers.proofs import prison
from sparring.verifiers.proofs.backends import missing_provers
from sparring.verifiers.tiers import AUTOMATIC, missing

SEED_MODEL = Path(__file__).resolve().parent / "models" / "seed"
SEED_FILES = ("config.json", "tokenizer.json", WEIGHTS)
DASHBOARD_PORT = 8265
COMMAND_S = 10.0
MIB = 1 << 20

# What the executor does to every program, in a child of its own: fork, limits, the child's end seen by the parent.
_PROBE = """
import os, resource, sys
child = os.fork()
if child == 0:
    for limit, value in ((resource.RLIMIT_CPU, 1), (resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (value, value))
        if resource.getrlimit(limit) != (value, value): os._exit(3)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Facts only; sizes in MiB."""

    python: tuple[int, int, int]
    requirements: Sequence[str]  # of the installed package sparring; empty: it is not installed
    packages: Mapping[str, str]  # version of each installed distribution, names in lower case with dashes
    architecture: str
    cpu_flags: frozenset[str]
    cpus: float  # that this process may use, control groups counted
    gpus: Sequence[str]
    memory: float  # control groups counted
    available: float
    shared_memory: float | None  # free in /dev/shm
    free_disk: Mapping[str, float]
    unwritable: Mapping[str, str]  # directory: why not
    open_files: tuple[int, int]  # soft and hard limit
    redis: str  # what redis-server says of its version; empty: there is none
    compiler: str
    ninja: str
    ninja_on_path: bool
    seed_files_missing: Sequence[str]
    dashboard_port_free: bool
    clock_s: float
    newest_file_s: float  # of the package's own files: no clock that is right is before it
    executor: str  # empty: programs can be run; else why not
    executor_tiers: Mapping[str, str]  # why a tier of isolation does not work here; empty: it does
    provers: Mapping[str, str]  # why a prover can not run here; empty: it can
    prover_jail: str  # why provers can not be jailed here; empty: they can


def look(run: Path) -> Machine:
    """This machine as seen from here, for runs under ``run``."""
    directories = [Path.cwd(), _existing(run), Path(tempfile.gettempdir()), _extensions()]
    memory, available = _memory()
    return Machine(
        python=sys.version_info[:3],
        requirements=_requirements(),
        packages={
            _normal(one.metadata["Name"]): one.version
            for one in importlib.metadata.distributions()
            if one.metadata["Name"]
        },
        architecture=platform.machine(),
        cpu_flags=_cpu_flags(Path("/proc/cpuinfo")),
        cpus=min(len(os.sched_getaffinity(0)), _cpu_quota(Path("/sys/fs/cgroup/cpu.max"))),
        gpus=tuple(_said("nvidia-smi", "-L").splitlines()),
        memory=memory,
        available=available,
        shared_memory=shutil.disk_usage("/dev/shm").free / MIB if os.path.isdir("/dev/shm") else None,
        free_disk={str(path): shutil.disk_usage(_existing(path)).free / MIB for path in directories},
        unwritable={str(path): problem for path in directories if (problem := _write_problem(path))},
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        redis=_redis(),
        compiler=_first_line(_said("g++", "--version")),
        ninja=_said("ninja", "--version").strip(),
        ninja_on_path=shutil.which("ninja") is not None,
        seed_files_missing=tuple(name for name in SEED_FILES if not (SEED_MODEL / name).is_file()),
        dashboard_port_free=_port_free(DASHBOARD_PORT),
        clock_s=time.time(),
        newest_file_s=max(path.stat().st_mtime for path in Path(__file__).parent.glob("*.py")),
        executor=_executor_problem(),
        executor_tiers={tier: missing(tier) for tier in AUTOMATIC},
        provers=missing_provers(),
        prover_jail=prison.missing(),
    )


def _requirements() -> Sequence[str]:
    try:
        return tuple(importlib.metadata.requires("sparring") or ())
    except importlib.metadata.PackageNotFoundError:
        return ()


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _cpu_flags(path: Path) -> frozenset[str]:
    """Instruction sets of the first processor; none where the kernel does not say."""
    if not path.exists():
        return frozenset()
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _cpu_quota(path: Path) -> float:
    """CPUs that the control group allows; infinite without a limit."""
    if not path.exists():
        return float("inf")
    quota, _, period = path.read_text().strip().partition(" ")
    return float("inf") if quota == "max" else float(quota) / float(period or 100_000)


def _memory() -> tuple[float, float]:
    """Total and available MiB, a control group's limit counted."""
    system = psutil.virtual_memory()
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        total = min(system.total, int(text))
        return total / MIB, min(system.available, total - int(used.read_text())) / MIB
    return system.total / MIB, system.available / MIB


def _extensions() -> Path:
    """Where PyTorch puts what it compiles."""
    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions")


def _existing(path: Path) -> Path:
    """``path`` or the nearest directory above it that exists."""
    return next(one for one in (path.resolve(), *path.resolve().parents) if one.is_dir())


def _write_problem(path: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=_existing(path)):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _said(command: str, *arguments: str) -> str:
    """What a program printed; empty where it is missing or fails. Programs of our own environment count."""
    path = shutil.which(command) or shutil.which(command, path=sysconfig.get_path("scripts"))
    if path is None:
        return ""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=COMMAND_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


def _redis() -> str:
    try:
        return _said(str(find_binary()), "--version").strip()
    except UsageError:
        return ""


def _port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _executor_problem() -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr.strip()[-200:]}"
