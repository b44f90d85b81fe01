"""Where Lean is on this machine (tool chain, REPL, compiled libraries, checker), or which server has it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sparring.core.config import LeanConfig
from sparring.core.errors import UsageError

ASK_S = 60.0
VARIABLES = {
    "lean": "SPARRING_LEAN",
    "lake": "SPARRING_LAKE",
    "project": "SPARRING_LEAN_PROJECT",
    "repl": "SPARRING_LEAN_REPL",
    "checker": "SPARRING_LEAN_CHECKER",
    "kimina_url": "SPARRING_KIMINA_URL",
}
KEY_VARIABLE = "SPARRING_KIMINA_KEY"  # a secret: in no run file


class Checker(StrEnum):
    """The program that re-checks compiled proofs, known by its file name."""

    LEANCHECKER = "leanchecker"  # part of Lean since 4.28, lean4checker before: replays into the kernel
    SAFE_VERIFY = "safe_verify"  # compares with a target and audits axioms as well
    COMPARATOR = "comparator"  # the same from a text export; here a command that takes config.json


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanSettings:
    """What the Lean backend is made with."""

    prefix: str = ""  # of the tool chain: holds bin/lean; empty: there is none
    repl: str = ""  # the executable of leanprover-community/repl, built with this tool chain
    search: tuple[str, ...] = ()  # LEAN_PATH: folders of compiled libraries such as Mathlib's
    checker: str = ""  # an executable named as one of Checker
    kimina_url: str = ""  # warm checks by a server instead of REPLs of our own
    kimina_key: str = ""
    kimina_timeout_s: int = 60  # of one snippet at the server
    problem: str = ""  # why the others could not be found out

    @property
    def checker_kind(self) -> Checker:
        """Which checker it is.

        Raises:   UsageError: its name is none that we know how to call.
        """
        name = Path(self.checker).name
        known = {"lean4checker": Checker.LEANCHECKER, **{kind.value: kind for kind in Checker}}
        if name not in known:
            raise UsageError(f"the Lean checker is {name or 'not set'}; expected one of {', '.join(known)}")
        return known[name]

    def missing(self, *, recheck: bool = True) -> str:
        """What keeps Lean from running here and how to mend it; empty: nothing."""
        problems = [self.problem] if self.problem else []
        if not self.kimina_url and not self.repl:
            problems.append("no Lean REPL (SPARRING_LEAN_REPL) and no server (SPARRING_KIMINA_URL)")
        if recheck and not self.prefix:
            problems.append("no Lean tool chain for the re-check (SPARRING_LEAN)")
        if recheck and not self.checker:
            problems.append("no checker for the re-check (SPARRING_LEAN_CHECKER)")
        used = [path for path in (self.repl, self.prefix, self.checker, *self.search) if path]
        problems += [f"{path} does not exist" for path in used if not Path(path).exists()]
        return "; ".join(problems) + "; docs/lean.md says how to install them" if problems else ""

    def environment(self) -> dict[str, str]:
        """What a program of the tool chain finds its files by; the working directory is part of the search path."""
        return {
            "PATH": f"{self.prefix}/bin:/usr/bin:/bin" if self.prefix else "/usr/bin:/bin",
            "LEAN_SYSROOT": self.prefix,
            "LD_LIBRARY_PATH": f"{self.prefix}/lib/lean:{self.prefix}/lib" if self.prefix else "",
            "LEAN_PATH": ":".join((".", *self.search)),
        }

    def places(self) -> tuple[str, ...]:
        """Folders outside of /usr that a jail has to show, read-only."""
        found = [self.prefix, *self.search, *(str(Path(path).parent) for path in (self.repl, self.checker) if path)]
        return tuple(dict.fromkeys(place for place in found if place and not Path(place).is_relative_to("/usr")))


def find(config: LeanConfig) -> LeanSettings:
    """The settings that ``config`` and the environment describe; what is wrong with them is their ``problem``."""
    try:
        return resolve(config, os.environ)
    except UsageError as error:
        return LeanSettings(problem=str(error))


def resolve(config: LeanConfig, environment: Mapping[str, str]) -> LeanSettings:
    """Ask the tool chain where it is and, with a project, Lake where its libraries are.

    Raises:   UsageError: one of the programs named does not answer.
    """
    named = {field: getattr(config, field) or environment.get(variable, "") for field, variable in VARIABLES.items()}
    prefix = _answer([named["lean"], "--print-prefix"], environment) if named["lean"] else ""
    lake, project = named["lake"] or f"{prefix}/bin/lake", named["project"]
    search = _answer([lake, "env", "printenv", "LEAN_PATH"], environment, cwd=project) if project else ""
    bundled = Path(prefix, "bin", Checker.LEANCHECKER)
    checker = named["checker"] or (str(bundled) if prefix and bundled.exists() else "")
    return LeanSettings(
        prefix=_real(prefix),
        repl=_real(named["repl"]),
        search=tuple(_real(str(Path(project, folder))) for folder in search.split(":") if folder),
        checker=_real(checker),
        kimina_url=named["kimina_url"],
        kimina_key=environment.get(KEY_VARIABLE, ""),
        kimina_timeout_s=config.kimina_timeout_s,
    )


def _real(path: str) -> str:
    return str(Path(path).resolve()) if path else ""


def _answer(command: list[str], environment: Mapping[str, str], *, cwd: str | None = None) -> str:
    try:
        ended = subprocess.run(
            command, env=dict(environment), cwd=cwd, capture_output=True, text=True, timeout=ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{' '.join(command)} does not answer: {error}; see docs/lean.md") from error
    return ended.stdout.strip()
