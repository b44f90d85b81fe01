"""Checks of what the machine gives: pure functions from what was seen of it to findings."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sparring.deploy.finding import Check, finding, level
from sparring.deploy.machine import PORTS, Machine

# In MiB, for Ray, an engine, a learner and the driver of a small run; memory/peak_mib says what one needed.
LITTLE_MEMORY, TOO_LITTLE_MEMORY = 6144, 3072
LITTLE_GPU_MEMORY = 16_384  # an engine of a small model and its cache
PORT_FIXES = {
    8265: "another Ray may be running here; training still works, ray job submit would reach the other one",
}
# Ray's object store of the quickstart (200 MiB) and the published versions live there.
LITTLE_SHARED_MEMORY = 512
# Logs, checkpoints, Redis' file and what PyTorch compiles (104 MiB).
LITTLE_DISK, TOO_LITTLE_DISK = 2048, 256
# Ray keeps a socket for each worker and file for each object; on large clusters it needs 65536.
FEW_FILES, TOO_FEW_FILES = 4096, 1024


def processor(machine: Machine) -> Iterator[Check]:
    """Two cores at least, and the vector instructions that vLLM's CPU kernels use."""
    yield finding(
        "CPU cores",
        "ok" if machine.cpus >= 2 else "warn",
        seen=f"{machine.cpus:g}",
        wanted="2 or more",
        fix='give the container or machine more; on one core use mode = "single_process"',
    )
    if machine.architecture not in ("x86_64", "AMD64"):
        known = machine.architecture in ("aarch64", "arm64")
        fix = "use an x86-64 or aarch64 machine, or a GPU"
        yield finding(
            "instructions", "ok" if known else "warn", seen=machine.architecture, wanted="x86-64 or aarch64", fix=fix
        )
        return
    wide, some = "avx512f" in machine.cpu_flags, "avx2" in machine.cpu_flags
    yield finding(
        "instructions",
        "ok" if wide or machine.gpus else "warn" if some else "fail",
        seen="AVX-512" if wide else "AVX2" if some else "neither AVX2 nor AVX-512",
        wanted="AVX-512 (AVX2 is slower), or a GPU",
        fix="use a processor with AVX-512; a virtual machine may need its CPU type set to host",
    )


def gpu(machine: Machine) -> Iterator[Check]:
    """Says what is there: the quickstart needs none. One that is there should answer and have room."""
    yield finding(
        "GPU",
        "fail" if machine.gpu_problem else "ok",
        seen=machine.gpu_problem or "; ".join(machine.gpus) or "none",
        wanted="optional; real runs use one",
        fix="make driver and library agree (reboot after an upgrade of the driver); in a container use --gpus all and "
        "the NVIDIA container toolkit, on Kubernetes ask for nvidia.com/gpu",
    )
    if machine.gpu_memory:
        least = min(machine.gpu_memory)
        yield finding(
            "GPU memory",
            "ok" if least >= LITTLE_GPU_MEMORY else "warn",
            seen=", ".join(f"{free:,.0f} MiB free" for free in machine.gpu_memory),
            wanted=f"{LITTLE_GPU_MEMORY:,} MiB free on each",
            fix="end what else uses it (nvidia-smi names it), or leave it out with CUDA_VISIBLE_DEVICES",
        )


def memory(machine: Machine) -> Iterator[Check]:
    """What is available now, for a run's processes together."""
    yield finding(
        "memory",
        level(machine.available, few=LITTLE_MEMORY, too_few=TOO_LITTLE_MEMORY),
        seen=f"{machine.available:,.0f} MiB available of {machine.memory:,.0f}",
        wanted=f"{LITTLE_MEMORY:,} MiB available",
        fix="end other programs, or give the container or machine more memory",
    )


def shared_memory(machine: Machine) -> Iterator[Check]:
    """Room for Ray's objects and published weights."""
    free = machine.shared_memory
    yield finding(
        "/dev/shm",
        "ok" if free is not None and free >= LITTLE_SHARED_MEMORY else "warn",
        seen="missing" if free is None else f"{free:,.0f} MiB free",
        wanted=f"{LITTLE_SHARED_MEMORY} MiB",
        fix="run the container with --shm-size=1g; without it Ray and published weights use the slower disk",
    )


def disk(machine: Machine) -> Iterator[Check]:
    """Room in every directory that a run writes to."""
    for directory, free in machine.free_disk.items():
        yield finding(
            f"disk of {directory}",
            level(free, few=LITTLE_DISK, too_few=TOO_LITTLE_DISK),
            seen=f"{free:,.0f} MiB free",
            wanted=f"{LITTLE_DISK:,} MiB",
            fix="free some space, or run in a directory on another disk (--run, TMPDIR, TORCH_EXTENSIONS_DIR)",
        )


def writable(machine: Machine) -> Iterator[Check]:
    """The working directory, the run directory, the temporary one and PyTorch's for what it compiles."""
    for directory, problem in machine.unwritable.items():
        yield finding(
            f"write {directory}",
            "fail",
            seen=problem,
            wanted="writable",
            fix="change its owner, or choose another one (--run, TMPDIR, TORCH_EXTENSIONS_DIR)",
        )
    if not machine.unwritable:
        yield finding(
            "writable directories", "ok", seen=f"{len(machine.free_disk)} of {len(machine.free_disk)}", wanted="all"
        )


def open_files(machine: Machine) -> Iterator[Check]:
    """Ray raises the soft limit to the hard one by itself."""
    soft, hard = machine.open_files
    limit = float("inf") if hard < 0 else hard
    yield finding(
        "open files",
        level(limit, few=FEW_FILES, too_few=TOO_FEW_FILES),
        seen=f"{soft} soft, {'unlimited' if hard < 0 else hard} hard",
        wanted=f"{FEW_FILES} hard",
        fix="ulimit -Hn 65536, LimitNOFILE=65536 of the service, or docker run --ulimit nofile=65536",
    )


def ports(machine: Machine) -> Iterator[Check]:
    """Where what people connect to listens unless told otherwise."""
    for port, what in PORTS.items():
        taken = port in machine.taken_ports
        yield finding(
            f"port {port}",
            "warn" if taken else "ok",
            seen="in use" if taken else "free",
            wanted=f"free, for {what}",
            fix=PORT_FIXES.get(port, "stop what listens there, or choose another port with --port or in the run file"),
        )


def clock(machine: Machine) -> Iterator[Check]:
    """Certificates, ages and timestamps need a clock that is not behind."""
    behind_s = machine.newest_file_s - machine.clock_s
    yield finding(
        "clock",
        "ok" if behind_s < 60 else "warn",
        seen=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(machine.clock_s)),
        wanted="not before the installed files",
        fix=f"set the clock: it is {behind_s / 3600:.1f} hours behind files of this package",
    )


def executor(machine: Machine) -> Iterator[Check]:
    """Programs that models write run in forked children with limits, in the best isolation that works here."""
    yield finding(
        "executor",
        "fail" if machine.executor else "ok",
        seen=machine.executor or "fork and resource limits work",
        wanted="fork and resource limits",
        fix="allow fork and setrlimit: a container's seccomp profile or process limit forbids them",
    )
    problems = {tier: problem for tier, problem in machine.executor_tiers.items() if problem}
    working = [tier for tier in machine.executor_tiers if tier not in problems]
    yield finding(
        "executor isolation",
        "ok" if "A" in working else "warn" if working else "fail",
        seen=f"tier {working[0]}" if working else "neither tier A nor B works",
        wanted="tier A: a jail (docs/executor.md)",
        fix="; ".join(f"tier {tier}: {problem}" for tier, problem in problems.items()),
    )
