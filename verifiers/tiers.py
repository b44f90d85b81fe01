"""Which isolation this machine can give, found by running a program in it; never weaker than what was asked for.

A   a jailed zygote: namespaces once for each jail, a PID namespace for each program, seccomp
B   no namespaces: Landlock, seccomp, a user of its own if we are root
C   a jail for each program: as isolated as A and far slower; for comparison
D   a remote service: isolated as well as whoever runs it says
X   limits only
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
from pathlib import Path

from sparring.core.config import ExecutorConfig, Tier
from sparring.core.errors import UsageError
from sparring.core.types import Outcome
from sparring.verifiers.inside.kernel import KNOWN_MACHINES, SYS_LANDLOCK_CREATE
from sparring.verifiers.jail import LocalTier
from sparring.verifiers.judge import Run
from sparring.verifiers.protocol import Limits
from sparring.verifiers.zygote import Zygote

# Larger is stronger. C gives what A does. What a service gives can not be seen from here: it is taken by name.
STRENGTH = {"A": 3, "C": 3, "B": 2, "D": 1, "X": 0}
AUTOMATIC: tuple[LocalTier, ...] = ("A", "B")  # best first
_HONEST = Run(
    program="def f(x):\n    return x + 1",
    arguments=("1",),
    limits=Limits.of(ExecutorConfig(cpu_s=10.0, wall_s=30.0, memory_mib=64)),
)


def choose(config: ExecutorConfig) -> Tier:
    """The tier that ``config`` means on this machine.

    Raises:   UsageError: it is weaker than the minimum, or does not work here; what is missing and how to get it.
    """
    wanted = config.minimum_tier
    if config.tier != "auto":
        if STRENGTH[config.tier] < STRENGTH[wanted]:
            raise UsageError(
                f"executor tier {config.tier} isolates less than minimum_tier {wanted}: name a stronger one, or "
                f'allow it with executor.minimum_tier = "{config.tier}" (docs/executor.md says what it gives up)'
            )
        if problem := missing(config.tier, url=config.remote_url):
            raise UsageError(f"executor tier {config.tier} does not work here: {problem}")
        return config.tier
    problems = []
    for tier in AUTOMATIC:
        if STRENGTH[tier] >= STRENGTH[wanted] or wanted in ("D", "X"):
            if not (problem := missing(tier)):
                return tier
            problems.append(f"{tier}: {problem}")
    raise UsageError(f"no executor tier of at least {wanted} works here. " + "  ".join(problems))


def missing(tier: Tier, *, url: str = "") -> str:
    """What keeps ``tier`` from working here and how to mend it; empty if it works."""
    if tier == "D":
        return "" if url.startswith(("http://", "https://")) else "executor.remote_url names no http(s) service; set it"
    return _missing(tier)


@functools.cache
def _missing(tier: LocalTier) -> str:
    if tier != "X" and (problem := _missing_feature(tier)):
        return problem
    zygote = Zygote(tier, second=False)
    try:
        verdict = zygote.run_blocking(_HONEST)
    finally:
        zygote.kill()
    if verdict.outcome is Outcome.OK:
        return ""
    return f"an honest program ended {verdict.outcome}: {verdict.message}. {_advice(tier)}"


def _missing_feature(tier: LocalTier) -> str:
    """What can be said without trying; empty: nothing."""
    if os.uname().machine not in KNOWN_MACHINES:
        return f"no filter of system calls for {os.uname().machine}; use {' or '.join(KNOWN_MACHINES)}"
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        return f"libseccomp is missing ({error}): apt-get install libseccomp2 and pip install pyseccomp"
    if tier == "B" and landlock_version() < 1:
        return (
            "the kernel has no Landlock: use Linux 5.13 or newer with landlock among the security modules "
            "(boot with lsm=landlock,...), and in a container a seccomp profile that lets its calls through"
        )
    if tier in ("A", "C") and not shutil.which("bwrap"):
        return "bubblewrap is missing: apt-get install bubblewrap"
    return ""


def _advice(tier: LocalTier) -> str:
    """The settings that most often forbid what a tier needs."""
    if tier in ("A", "C"):
        for path, bad, fix in (
            ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1",
                "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bwrap",
            ),
        ):
            if _setting(path) == bad:
                return f"User namespaces are forbidden: {fix}"
        return (
            "It needs user namespaces (in a container: docker run --security-opt seccomp=unconfined, "
            "and --cap-add SYS_ADMIN when run as root) and Linux 5.8 or newer"
        )
    return "It needs fork, resource limits and seccomp with notification (Linux 5.0 or newer)"


def landlock_version() -> int:
    """Of the kernel's Landlock interface; 0 or less: there is none."""
    return int(ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
