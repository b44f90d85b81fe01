"""A backend without a prover: what a session does is written in the proof's text."""

import asyncio
from dataclasses import dataclass, field

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Audit, Checked, HeaderRefused, Refusal, SessionLost, Usage


def claim(proof: str, *, header: str = "h", statement: str = "True") -> FormalProof:
    return FormalProof(backend="rocq", header=header, statement=statement, proof=proof)


@dataclass(eq=False)
class ScriptedSession:
    backend: "ScriptedBackend"
    header: str
    number: int
    checks: int = 0
    at_work: bool = False
    closed: bool = False
    used: Usage = field(default_factory=Usage)

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        assert not self.at_work, "two checks at a time in one session"
        assert not self.closed, "a check in a session that was closed"
        assert self.header == claim.header, "a check in a session of another header"
        self.at_work = True
        self.checks += 1
        try:
            return await self._check(claim, nonce)
        finally:
            self.at_work = False

    async def _check(self, claim: FormalProof, nonce: str) -> Checked:
        match claim.proof.split():
            case ["slow", seconds]:
                await asyncio.sleep(float(seconds))
            case ["hang"]:
                await asyncio.sleep(3600)
            case ["burn"]:
                self.used = Usage(cpu_s=100.0)
                await asyncio.sleep(3600)
            case ["hog"]:
                self.used = Usage(memory_mib=10_000.0)
                await asyncio.sleep(3600)
            case ["grow"]:
                self.used = Usage(memory_mib=self.used.memory_mib + 100.0)
            case ["die"]:
                raise EOFError("gone")
            case ["die", "once"] if self.number == 0:
                raise EOFError("gone")
            case ["crossed"]:
                return Checked(outcome=Outcome.PROVED, nonce="another")
            case ["wrong"]:
                return Checked(outcome=Outcome.FAILED, nonce=nonce, message=f"session {self.number}")
        await asyncio.sleep(0)
        return Checked(outcome=Outcome.PROVED, nonce=nonce)

    def usage(self) -> Usage:
        return self.used

    def computes(self) -> bool:
        return False

    def pids(self) -> list[int]:
        return [self.number]

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True
        self.backend.up.discard(self)


@dataclass(eq=False)
class ScriptedBackend:
    """``unsound`` proofs do not survive a re-check, ``endless`` ones end none; ``breaks``: how many break first."""

    name: str = "rocq"
    breaks: int = 0
    suspects: bool = True  # whether a re-check that takes too long says which proof it was at
    problem: str = ""
    sessions: list[ScriptedSession] = field(default_factory=list)
    up: set[ScriptedSession] = field(default_factory=set)
    most_up: int = 0
    opening: int = 0
    rechecks: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # headers, each time one was to be opened
    refuses: int = 0  # how many times any header is refused first

    def missing(self) -> str:
        return self.problem

    def header_key(self, header: str) -> str:
        return header

    def refusal(self, claim: FormalProof) -> Refusal | None:
        return Refusal(outcome=Outcome.CHEATED, rule="r", message="a rule") if claim.proof == "cheat" else None

    async def open(self, header: str) -> ScriptedSession:
        self.asked.append(header)
        if self.refuses > 0:
            self.refuses -= 1
            raise HeaderRefused("it can not be read just now")
        if header == "bad":
            raise HeaderRefused("no such library")
        if header == "dead":
            raise SessionLost("it does not start")
        self.opening += 1
        self.most_up = max(self.most_up, len(self.up) + self.opening)
        await asyncio.sleep(0.005)
        self.opening -= 1
        session = ScriptedSession(self, header, len(self.sessions))
        self.sessions.append(session)
        self.up.add(session)
        return session

    async def recheck(self, header: str, claims: list[FormalProof], *, cpu_s: float) -> list[Audit | None]:
        self.rechecks.append([claim.proof for claim in claims])
        await asyncio.sleep(0.005)
        if self.breaks > 0:
            self.breaks -= 1
            raise SessionLost("the re-check broke")
        if any(claim.proof == "endless" for claim in claims):
            position = [claim.proof for claim in claims].index("endless")
            raise SessionLost("too long", outcome=Outcome.CPU_TIME, suspect=position if self.suspects else None)
        if any(claim.proof == "unsound" for claim in claims):
            return [None] * len(claims) if len(claims) > 1 else [Audit(outcome=Outcome.CHEATED, message="axiom")]
        return [Audit(outcome=Outcome.PROVED, premises=(claim.statement,)) for claim in claims]

    async def close(self) -> None:
        return None
