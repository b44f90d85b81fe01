"""The jail around a prover: no network, a read-only tool chain, a private and bounded /tmp, nothing of ours.

Tactics can do IO (Lean's all of it, Rocq's write caches and start solvers), so a prover is no more trusted than a
program of a model. Without bubblewrap a prover still has limits, an empty environment, a directory of its own and,
if we are root, another user; it could then read what that user can, and reach the network.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sparring.core.errors import UsageError
from sparring.verifiers.interpreter import DEVICES
from sparring.verifiers.jail import JAILER

WORK = "/tmp/work"  # in a jail
NOBODY = 65_534
TRIAL_S = 30.0
# Of the jail's /tmp, which lies in memory: a batch's compiled proofs take about 100 KiB each.
TMP_BYTES = 256 << 20
# What sh makes of its words: limits first, then the prover in its place.
LIMITED = 'ulimit -c 0; ulimit -f {blocks}; [ {kib} -eq 0 ] || ulimit -v {kib}; exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One prover to start, in a working directory of its own that holds ``files``."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)  # nothing of ours is added but PATH, HOME and LANG
    files: Mapping[str, bytes] = field(default_factory=dict)
    read_only: Sequence[str] = ()  # absolute paths of the tool chain outside /usr, seen at the same place
    proc: bool = False  # Lean finds its own files through /proc/self/exe
    address_mib: int = 0  # a hard end for runaway allocations between two looks at the resident size; 0: none

    def limited(self) -> list[str]:
        """The words to start, behind limits that everything they start inherits."""
        limits = LIMITED.format(blocks=TMP_BYTES // 512, kib=self.address_mib << 10)
        return ["/bin/sh", "-c", limits, "sh", *self.argv]

    def variables(self, home: str) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", **self.environment}


def jailed(command: Command, *, file_fds: Mapping[str, int], info_fd: int) -> list[str]:
    """The words that start ``command`` in a jail.

    Args:     file_fds: descriptors of the contents of its files.      info_fd: gets the prover's process id, as JSON.
    """
    places = list(dict.fromkeys(["/usr", *command.read_only]))
    as_root = os.geteuid() == 0
    words = [shutil.which("bwrap") or "bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    words += ["--unshare-uts", "--unshare-cgroup-try", "--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "jail"]
    words += ["--die-with-parent", "--new-session", "--as-pid-1", "--info-fd", str(info_fd), "--cap-drop", "ALL"]
    words += ["--clearenv"]
    for name, value in command.variables(WORK).items():
        words += ["--setenv", name, value]
    words += ["--size", str(TMP_BYTES), "--tmpfs", "/tmp"]
    for position, place in enumerate(places):
        words += ["--ro-bind", f"@{position}" if as_root else place, place]
    for link in ("bin", "lib", "lib64"):
        words += ["--symlink", f"usr/{link}", f"/{link}"]
    for device in DEVICES:
        words += ["--dev-bind", device, device]
    if command.proc:
        words += ["--proc", "/proc"]
    words += ["--dir", WORK]
    for name, descriptor in file_fds.items():
        words += ["--file", str(descriptor), f"{WORK}/{name}"]
    words += ["--remount-ro", "/", "--chdir", WORK, *command.limited()]
    if not as_root:
        return words
    return [sys.executable, "-I", "-S", str(JAILER), json.dumps(places), json.dumps(words)]


@functools.cache
def missing() -> str:
    """What keeps provers from being jailed here and how to mend it; empty: nothing."""
    if not shutil.which("bwrap"):
        return "bubblewrap is missing: apt-get install bubblewrap"
    if not Path("/lib").is_symlink():
        return "/lib is no link into /usr: jails of provers need a system with merged /usr"
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        words = jailed(Command(argv=("/bin/sh", "-c", "echo ready > file && cat file")), file_fds={}, info_fd=write)
        ended = subprocess.run(words, pass_fds=(write,), env={}, capture_output=True, timeout=TRIAL_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no jail could be started: {error}"
    finally:
        os.close(read)
        os.close(write)
    if ended.stdout == b"ready\n":
        return ""
    complaint = ended.stderr.decode(errors="replace").strip()[-300:]
    return f"a jail ended with status {ended.returncode}: {complaint}; docs/executor.md says what namespaces need"


def wanted(setting: Literal["auto", "always", "never"]) -> bool:
    """Whether provers are jailed under ``proofs.jail = setting``.

    Raises:   UsageError: they have to be, and can not be here.
    """
    if setting == "never":
        return False
    problem = missing()
    if problem and setting == "always":
        raise UsageError(f'proofs.jail = "always", but provers can not be jailed here: {problem}')
    return not problem
