"""What the pool is measured against: a loop over one coqtop, with no lexer, limits, jail or queue around it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from sparring.core.claims import FormalProof
from sparring.verifiers.proofs.bench_claims import HEADER
from sparring.verifiers.proofs.rocq_top import ANSWER, ARGUMENTS

START = f"{HEADER}\nSet Silent.\n"
STATE_BEHIND_START = 3  # one for each of the two commands


class BareSession:
    """One coqtop with the header loaded."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._numbers = process, count()
        self._ask(START)

    def check(self, claim: FormalProof) -> bool:
        """Whether the audit of the proof says anything, as one exchange."""
        goal = f"goal_{next(self._numbers)}"
        script = f"Theorem {goal} : {claim.statement}.\n{claim.proof}\nQed.\nPrint Assumptions {goal}.\n"
        return b"Closed under" in self._ask(f"{script}BackTo {STATE_BEHIND_START}.\n")

    def _ask(self, text: str) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = f"mark_{next(self._numbers)}"
        self._process.stdin.write(f"{text}Locate {mark}.\n".encode())
        self._process.stdin.flush()
        end = f"{ANSWER}{mark}\n".encode()
        found = bytearray()
        while end not in found:
            if not (line := self._process.stdout.readline()):
                raise EOFError(f"coqtop has ended: {found[-300:].decode(errors='replace')}")
            found += line
        return bytes(found)

    def work(self, claims: list[FormalProof], *, seconds: float) -> tuple[int, int]:
        """Check for so long; how many were checked, and how many of them proved."""
        end, done, proved = time.monotonic() + seconds, 0, 0
        while time.monotonic() < end:
            proved += self.check(claims[done % len(claims)])
            done += 1
        return done, proved


@contextmanager
def bare_session() -> Iterator[BareSession]:
    """A started one."""
    command = ["coqtop", *ARGUMENTS]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as process:
        try:
            yield BareSession(process)
        finally:
            process.kill()
