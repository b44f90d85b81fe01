"""Where Rocq's programs are on this machine, and how they are started in a jail."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparring.verifiers.proofs.prison import Command

PROGRAMS = ("coqtop", "coqc", "coqchk")
INSTALL = "apt-get install --no-install-recommends coq, or have coqtop, coqc and coqchk on PATH (opam install coq)"
VERSION_S = 60.0
# Rocq finds its plug-ins through findlib, whose configuration Debian keeps here.
CONFIGURATION = "/etc/ocamlfind.conf"
# coqtop counts some 800 MiB of addresses before it has allocated anything, and a growing heap needs both sizes.
SPARE_ADDRESS_MIB = 3072


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The programs of one installation."""

    directory: str  # of the programs
    read_only: tuple[str, ...]  # what they need besides /usr
    memory_mib: int

    def command(self, *argv: str, files: Mapping[str, bytes] | None = None) -> Command:
        """Start one of the programs, by name, on ``files``."""
        return Command(
            argv=(os.path.join(self.directory, argv[0]), *argv[1:]),
            environment={"PATH": f"{self.directory}:/usr/bin:/bin"},
            files=files or {},
            read_only=self.read_only,
            address_mib=self.memory_mib + SPARE_ADDRESS_MIB,
        )

    def shell(self, script: str, *, files: Mapping[str, bytes]) -> Command:
        """Start a script of ours that names the programs."""
        return Command(
            argv=("/bin/sh", "-c", script),
            environment={"PATH": f"{self.directory}:/usr/bin:/bin"},
            files=files,
            read_only=self.read_only,
            address_mib=self.memory_mib + SPARE_ADDRESS_MIB,
        )


def missing() -> str:
    """What keeps Rocq from running here and how to mend it; empty: nothing."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    return f"{', '.join(absent)} not found: {INSTALL}" if absent else ""


def find(*, memory_mib: int) -> Tools:
    """The installation on PATH; ask ``missing`` first."""
    program = os.path.realpath(shutil.which("coqtop") or "coqtop")
    directory = os.path.dirname(program)
    read_only = [CONFIGURATION] if os.path.exists(CONFIGURATION) else []
    if not directory.startswith("/usr/"):
        read_only.append(str(Path(directory).parent))
    return Tools(directory=directory, read_only=tuple(read_only), memory_mib=memory_mib)


@functools.cache
def version() -> str:
    """Such as "8.16.1"; empty: it can not be asked."""
    try:
        ended = subprocess.run(
            ["coqc", "--print-version"], capture_output=True, text=True, timeout=VERSION_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.split(" ")[0].strip() if ended.returncode == 0 else ""
