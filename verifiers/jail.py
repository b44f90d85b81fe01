"""How a zygote of each tier is started: the command, and what it is asked to do to its children.

A   (root: jailer.py ─►) bubblewrap ─► zygote, alone in new namespaces ─► a PID namespace per program
C   the same, a jail per program
B   zygote ─► child with Landlock, and a user of its own if we are root
X   zygote ─► child with limits only
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sparring.verifiers import interpreter, syscalls
from sparring.verifiers.inside.confinement import Options
from sparring.verifiers.inside.main import BOOT, OFFERED, PRELOADED

LocalTier = Literal["A", "B", "C", "X"]
JAILER = Path(__file__).with_name("jailer.py")
# The part of this project that runs in a jail, below the root of its packages, and that root as a jail shows it.
OURS, ROOT_INSIDE = "sparring/verifiers/inside", f"{interpreter.PREFIX}/ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One zygote to start."""

    command: list[str]
    environment: dict[str, str]
    pass_fds: tuple[int, ...]


def start(
    tier: LocalTier,
    root: Path,
    *,
    second: bool,
    affinity: Sequence[int],
    control_fd: int,
    filter_fd: int,
    info_fd: int,
) -> Start:
    """How to start a zygote of ``tier``. The descriptors stay the caller's.

    Args:     root: where the package ``sparring`` is.
              second: of the kind that checks determinism.      filter_fd: holds ``syscalls.compiled()``; -1 in X.
              info_fd: where bubblewrap writes the zygote's process id; -1 without a jail.
    """
    seed = 1 if second else 0
    environment = {"PYTHONHASHSEED": str(seed), "PYTHONUTF8": "1", "LC_CTYPE": "C.UTF-8"}  # nothing of ours
    options: Options = {
        "seed": seed,
        "perturb": second,
        "environment": list(environment),
        "affinity": list(affinity),
        "preload": {"A": PRELOADED, "C": ""}.get(tier, OFFERED),
        "pid_namespaces": tier == "A",
        "become_user": os.geteuid() == 0 and tier in ("B", "X"),
        "filter_fd": filter_fd,
        "landlock": _landlock() if tier == "B" else [],
    }
    jailed = tier in ("A", "C")
    python = interpreter.inside(interpreter.executable()) if jailed else sys.executable
    seen_root = ROOT_INSIDE if jailed else str(root)
    command = [python, "-s", "-P", "-S", "-B", "-c", BOOT, seen_root, str(control_fd), json.dumps(options)]
    if jailed:
        command = _jailed(command, root, environment, keep_rights=tier == "A", info_fd=info_fd)
    descriptors = tuple(descriptor for descriptor in (control_fd, filter_fd, info_fd) if descriptor >= 0)
    return Start(command=command, environment=environment, pass_fds=descriptors)


def _landlock() -> list[list[str]]:
    """Directories to list, what to read, what to read and write."""
    devices = [device for device in interpreter.DEVICES if os.path.exists(device)]
    return [[str(interpreter.standard_library())], list(interpreter.readable_entries()), devices]


def _jailed(
    python: list[str], root: Path, environment: Mapping[str, str], *, keep_rights: bool, info_fd: int
) -> list[str]:
    """The command in new namespaces, with read-only mounts of the interpreter and nothing that can be written."""
    ours = interpreter.Place(source=os.path.realpath(root / OURS), target=f"{ROOT_INSIDE}/{OURS}")
    places = [*interpreter.places(OFFERED), ours]
    as_root = os.geteuid() == 0
    command = [shutil.which("bwrap") or "bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    command += ["--unshare-uts", "--unshare-cgroup-try", "--uid", "0", "--gid", "0", "--hostname", "jail"]
    command += ["--die-with-parent", "--new-session", "--as-pid-1", "--info-fd", str(info_fd)]
    command += ["--cap-drop", "ALL"]
    if keep_rights:  # to make PID namespaces, and to give both up for good
        command += ["--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
    command += ["--clearenv"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    for position, place in enumerate(places):
        command += ["--ro-bind", f"@{position}" if as_root else place.source, place.target]
    library = interpreter.standard_library()
    for name in interpreter.PACKAGES:
        if (library / name).is_dir():
            hidden = f"{interpreter.inside(library)}/{name}"
            command += ["--tmpfs", hidden, "--remount-ro", hidden]
    for device in interpreter.DEVICES:
        command += ["--dev-bind", device, device]
    # Without it the jail's own root could be written, and one program's files would be seen by the next.
    command += ["--remount-ro", "/", "--chdir", "/", *python]
    if not as_root:
        return command
    return [
        sys.executable,
        "-I",
        "-S",
        str(JAILER),
        json.dumps([place.source for place in places]),
        json.dumps(command),
    ]


def filter_for(tier: LocalTier) -> bytes:
    """What the children's calls go through; empty: nothing."""
    return b"" if tier == "X" else syscalls.compiled()
