"""Rocq (Coq) as a backend of the proof pool."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs import prison, rocq_rules, rocq_tools
from sparring.verifiers.proofs.backend import Audit, HeaderRefused, Refusal, SessionLost
from sparring.verifiers.proofs.bounded import Limits
from sparring.verifiers.proofs.rocq_lexer import Unreadable, position
from sparring.verifiers.proofs.rocq_recheck import Batch, recheck
from sparring.verifiers.proofs.rocq_session import RocqSession
from sparring.verifiers.proofs.rocq_top import ARGUMENTS, RocqTop

# Of each clean process, beside so many times what the sessions used. coqchk has no virtual machine: what vm_compute
# does in a second can take it hours, and nobody else's proof is re-checked meanwhile.
CLEAN_CPU_S, CLEAN_TIMES = 10.0, 3.0


class RocqBackend:
    """coqtop sessions, and coqc, coqtop and coqchk for the re-check.

    Raises:   UsageError: provers have to be jailed and can not be.
    """

    name = "rocq"

    def __init__(self, config: ProofConfig) -> None:
        self._config = config
        self._jail = prison.wanted(config.jail)

    def missing(self) -> str:
        return rocq_tools.missing()

    def header_key(self, header: str) -> str:
        try:
            return "\n".join(rocq_rules.header_sentences(header))
        except Unreadable:
            return header  # opening it will say what is wrong

    def refusal(self, claim: FormalProof) -> Refusal | None:
        if problem := rocq_rules.statement_problem(claim.statement):
            message = f"the statement can not be read: {problem}"
            return Refusal(outcome=Outcome.FAILED, rule="statement", message=message)
        return rocq_rules.refusal(claim.proof)

    async def open(self, header: str) -> RocqSession:
        try:
            rocq_rules.header_sentences(header)
        except Unreadable as error:
            raise HeaderRefused(f"{error.message} ({position(header, error.offset)})") from error
        top = RocqTop(self._tools().command("coqtop", *ARGUMENTS), jail=self._jail, affinity=self._config.affinity)
        session = RocqSession(top, audit=self._config.tier == "fast", allowed=self._config.rocq_axioms)
        try:
            await session.load(header)
        except BaseException:
            await top.close()
            raise
        return session

    async def recheck(self, header: str, claims: Sequence[FormalProof], *, cpu_s: float) -> Sequence[Audit | None]:
        config, at_most_s = self._config, CLEAN_CPU_S + CLEAN_TIMES * cpu_s
        limits = Limits(
            wall_s=config.header_s + at_most_s,
            cpu_s=at_most_s,
            memory_mib=config.memory_mib,
        )
        try:
            return await recheck(
                Batch.of(header, claims),
                tools=self._tools(),
                jail=self._jail,
                limits=limits,
                allowed=config.rocq_axioms,
                affinity=config.affinity,
            )
        except (OSError, EOFError, ValueError) as error:
            raise SessionLost(f"the re-check broke: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Nothing is shared between sessions."""

    def _tools(self) -> rocq_tools.Tools:
        return rocq_tools.find(memory_mib=self._config.memory_mib)
