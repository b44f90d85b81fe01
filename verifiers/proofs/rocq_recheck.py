"""The re-check of accepted proofs in clean processes, several at a time.

    jail 1   coqc    header, every statement as a definition, then every theorem with its proof  ─► batch.vo
    jail 2   coqtop  batch.vo alone: each proof against its statement, what all of them rest on
    jail 3   coqchk  batch.vo alone: every proof through another program's kernel, and every unsafe flag by name

Statements are defined before any text of a model's, under names that it can not know, and compared by the kernel of a
process that has run none of that text.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Audit, SessionLost
from sparring.verifiers.proofs.bounded import Limits, bounded
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process
from sparring.verifiers.proofs.rocq_axioms import axioms_in, checker_report, forbidden
from sparring.verifiers.proofs.rocq_premises import premises
from sparring.verifiers.proofs.rocq_rules import proposition, tactics
from sparring.verifiers.proofs.rocq_tools import Tools
from sparring.verifiers.proofs.rocq_top import ARGUMENTS, RocqTop, shown

# coqc's log can be long and is only for people; a batch of proofs compiles to some 100 KiB each.
LOG_BYTES, COMPILED_BYTES = 65_536, 128 << 20
COMPILE = "coqc -q -w -all -R . '' {name}.v >log 2>&1; echo $?; head -c {log} log >cut; wc -c <cut; cat cut {name}.vo"
# Not -silent: it says which proof it is at. A larger nursery than coqchk's own saves a fifth of its start.
CHECK = "OCAMLRUNPARAM=s=4M coqchk -o -R . '' -norec {name} 2>&1"
SAID_BYTES = 4096
PATHS = ("-R", ".", "")
SUMMARY_PREDICATIVE = ["Set is predicative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Proofs that are compiled into one file, under names of the batch's own."""

    header: str
    claims: Sequence[FormalProof]
    name: str  # of the file and its module

    @classmethod
    def of(cls, header: str, claims: Sequence[FormalProof]) -> Batch:
        return cls(header=header, claims=claims, name=f"Batch_{secrets.token_hex(8)}")

    def statement(self, number: int) -> str:
        return f"{self.name}_statement_{number}"

    def goal(self, number: int) -> str:
        return f"{self.name}_goal_{number}"

    def last_named(self, said: bytes) -> int | None:
        """Which proof the checker was at when it had said this; None: at none of them."""
        found = re.findall(rf"{self.name}_goal_([0-9]+)", said.decode(errors="replace"))
        return int(found[-1]) if found and int(found[-1]) < len(self.claims) else None

    def source(self) -> str:
        """What coqc compiles."""
        lines = [self.header]
        for number, claim in enumerate(self.claims):
            lines += [f"Definition {self.statement(number)} : Type :=", f"{proposition(claim.statement)}."]
        for number, claim in enumerate(self.claims):
            lines += [f"Theorem {self.goal(number)} :", f"{proposition(claim.statement)}.", "Proof."]
            lines += [*(sentence.text for sentence in tactics(claim.proof)), "Qed."]
        return "\n".join(lines) + "\n"


async def recheck(
    batch: Batch, *, tools: Tools, jail: bool, limits: Limits, allowed: Sequence[str], affinity: Sequence[int]
) -> list[Audit | None]:
    """As ``Backend.recheck``; ``limits`` are of the whole batch."""
    count = len(batch.claims)
    source = {f"{batch.name}.v": batch.source().encode()}
    answer = await _run(
        tools.shell(COMPILE.format(name=batch.name, log=LOG_BYTES), files=source), jail, limits, affinity
    )
    status, size, rest = answer.split(b"\n", 2)
    log, compiled = rest[: int(size)].decode(errors="replace"), rest[int(size) :]
    if status.strip() != b"0":
        return _unless_alone(count, Audit(outcome=Outcome.FAILED, message=f"a clean process refuses it: {shown(log)}"))
    files = {f"{batch.name}.vo": compiled}
    # Both at once: each is a second of starting up on another core.
    checking = asyncio.ensure_future(
        _run(tools.shell(CHECK.format(name=batch.name), files=files), jail, limits, affinity, at=batch.last_named)
    )
    try:
        top = RocqTop(tools.command("coqtop", *ARGUMENTS, *PATHS, files=files), jail=jail, affinity=affinity)
        try:
            audits = await bounded(_audited(top, batch, allowed=allowed), of=top, limits=limits)
        finally:
            await top.close()
        report = await checking
    finally:
        checking.cancel()
        await asyncio.gather(checking, return_exceptions=True)
    if problem := _problem(report.decode(errors="replace"), module=batch.name, allowed=allowed):
        return _unless_alone(count, Audit(outcome=Outcome.CHEATED, message=f"checker: {problem}"))
    return audits


async def _run(
    command: Command,
    jail: bool,
    limits: Limits,
    affinity: Sequence[int],
    *,
    at: Callable[[bytes], int | None] = lambda _: None,
) -> bytes:
    process = Process(command, jail=jail, affinity=affinity)
    try:
        return await bounded(process.rest(at_most=COMPILED_BYTES), of=process, limits=limits)
    except SessionLost as lost:
        lost.suspect = at(process.said(SAID_BYTES))
        raise
    finally:
        await process.close()


def _unless_alone(count: int, audit: Audit) -> list[Audit | None]:
    """Among several proofs it can not be said whose fault it is."""
    return [audit] if count == 1 else [None] * count


async def _audited(top: RocqTop, batch: Batch, *, allowed: Sequence[str]) -> list[Audit | None]:
    """Each proof against its statement, then what they rest on: of all together, and of each if that is too much."""
    numbers = range(len(batch.claims))
    name = batch.name
    compared = [f"Definition compared_{i} : {name}.{batch.statement(i)} := {name}.{batch.goal(i)}." for i in numbers]
    together = ", ".join(f"compared_{i}" for i in numbers)
    start = ["Set Silent.", f"Require {name}."]
    before = [*start, *compared, f"Definition together := ({together})."]
    answer = await top.exchange(before, ["Print Assumptions together."])
    section = answer.behind_start()
    failed = section.failed
    error = shown(section.replies[failed].error) if failed is not None else ""
    if failed is not None and failed < len(start):
        raise SessionLost(f"the compiled batch can not be loaded: {error}")
    if failed is not None and failed < len(start) + len(compared):
        message = "statement: what was compiled does not prove the statement that was asked for"
        return _unless_alone(len(compared), Audit(outcome=Outcome.CHEATED, message=message))
    # Every command, the mark between the parts, and the audit.
    axioms = axioms_in(answer.printed[1]) if section.all_succeeded(len(before) + 2) else None
    if axioms is None:
        raise SessionLost(f"the audit of a batch can not be read: {error or answer.printed[1][-500:]}")
    if forbidden(_own(axioms, name), allowed=allowed):
        audits = [await _alone(top, f"compared_{i}", module=name, allowed=allowed) for i in numbers]
    else:
        audits = [Audit(outcome=Outcome.PROVED, axioms=_own(axioms, name)) for _ in numbers]
    return [await _with_premises(top, batch, i, audit) for i, audit in enumerate(audits)]


async def _alone(top: RocqTop, proof: str, *, module: str, allowed: Sequence[str]) -> Audit:
    (answer,) = await top.printed([f"Print Assumptions {proof}."])
    axioms = axioms_in(answer)
    if axioms is None:
        raise SessionLost(f"the audit of a proof can not be read: {answer[-500:]!r}")
    names = _own(axioms, module)
    if bad := forbidden(names, allowed=allowed):
        message = f"axiom: it rests on {', '.join(bad)[:500]}"
        return Audit(outcome=Outcome.CHEATED, message=message, axioms=names)
    return Audit(outcome=Outcome.PROVED, axioms=names)


async def _with_premises(top: RocqTop, batch: Batch, number: int, audit: Audit) -> Audit:
    if audit.outcome is not Outcome.PROVED or not batch.claims[number].find_premises:
        return audit
    found = await premises(top, f"{batch.name}.{batch.goal(number)}", own=batch.name)
    return Audit(outcome=audit.outcome, axioms=audit.axioms, premises=found)


def _own(names: Sequence[str], module: str) -> tuple[str, ...]:
    """Names as the header gave them, without the module of the batch."""
    return tuple(name.removeprefix(f"{module}.") for name in names)


def _problem(report: str, *, module: str, allowed: Sequence[str]) -> str:
    """What the checker says against the batch; empty: nothing. What it says of libraries is the audit's matter."""
    sections = checker_report(report)
    if sections is None:
        return f"it refuses the compiled proofs: {shown(report)[-500:]}"
    if sections.pop("Theory", None) != SUMMARY_PREDICATIVE:
        return "the theory was changed"
    axioms = [name for name in sections.pop("Axioms", []) if name.startswith(f"{module}.")]
    if bad := forbidden(_own(axioms, module), allowed=allowed):
        return f"axioms {', '.join(bad)[:500]}"
    for heading, entries in sections.items():
        if own := [entry for entry in entries if entry.startswith(f"{module}.")]:
            return f"{heading}: {', '.join(_own(own, module))[:500]}"
    return ""
