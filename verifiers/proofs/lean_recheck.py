"""The re-check of Lean proofs: compiled once more from our text, replayed into a kernel that ran nothing of a model.

    header, theorems with proofs ─► lean ─► Goal.olean ─┬─► checker       every constant through the kernel again
                                                        └─► lean: audit   axioms and statements as they are in it
    header, theorems left open   ─► lean ─► the statements that were meant, compared with those as explicit text

Every arrow into ``lean`` or the checker is a process in a jail of its own, and only the first sees a model's text: what
comes out of it is bytes of a compiled file, which the others distrust. SafeVerify and comparator compare and audit by
themselves, so that they take the place of everything behind the first arrow.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_statements, lean_text
from sparring.verifiers.proofs.backend import Audit, SessionLost
from sparring.verifiers.proofs.lean_axioms import ALLOWED
from sparring.verifiers.proofs.lean_clean import Bench, Ended, messages, run
from sparring.verifiers.proofs.lean_settings import Checker
from sparring.verifiers.proofs.lean_text import Declaration

COMPILE = "lean --json -o Goal.olean Goal.lean"
SHOW = "lean --json {file}"
# 99: the trusted half of SafeVerify's work failed, and nobody's proof is to blame.
SAFE_VERIFY = 'lean -o Target.olean Target.lean || exit 99; "{checker}" Target.olean Goal.olean'
OURS = 99
SIGNALLED = 128
SAID_CHARS = 1000
ERROR = "error"
LAKEFILE = 'name = "recheck"\n\n[[lean_lib]]\nname = "Challenge"\n\n[[lean_lib]]\nname = "Solution"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Text for Lean with one theorem for each claim."""

    text: str
    starts: tuple[int, ...]  # the first line of each theorem
    declarations: tuple[Declaration, ...]

    def owner(self, line: int) -> int:
        """Which theorem a line belongs to; -1: the header."""
        return sum(start <= line for start in self.starts) - 1

    @property
    def names(self) -> list[str]:
        return [declaration.name for declaration in self.declarations]


def source(header: str, declarations: Sequence[Declaration]) -> Source:
    """``header`` and ``declarations`` as one text."""
    text, starts = header + "\n", []
    for declaration in declarations:
        starts.append(text.count("\n") + 1)
        text += declaration.text
    return Source(text=text, starts=tuple(starts), declarations=tuple(declarations))


async def recheck(bench: Bench, header: str, claims: Sequence[FormalProof]) -> list[Audit | None]:
    """As ``backend.Backend.recheck``."""
    # Other names than the session's, so that nothing which ran there could know them.
    named = [(claim, secrets.token_hex(16)) for claim in claims]
    proofs = source(header, [lean_text.declaration(claim, nonce=nonce) for claim, nonce in named])
    targets = source(header, [lean_text.target(claim, nonce=nonce) for claim, nonce in named])
    kind = bench.settings.checker_kind
    if kind is Checker.COMPARATOR:
        return _checked(await run(bench, f'"{bench.settings.checker}" config.json', _project(proofs, targets)), proofs)
    compiled = await run(bench, COMPILE, {"Goal.lean": proofs.text}, result="Goal.olean")
    if compiled.code or not compiled.result:
        return _not_compiled(compiled, proofs)
    if kind is Checker.SAFE_VERIFY:
        command = SAFE_VERIFY.format(checker=bench.settings.checker)
        files: dict[str, str | bytes] = {"Goal.olean": compiled.result, "Target.lean": targets.text}
        return _checked(await run(bench, command, files), proofs)
    return await _replayed(bench, compiled.result, proofs, targets)


async def _replayed(bench: Bench, olean: bytes, proofs: Source, targets: Source) -> list[Audit | None]:
    asked = lean_statements.questions("import Goal\n", proofs.names)
    meant = lean_statements.questions(targets.text, proofs.names)
    replay, audit, target = await asyncio.gather(
        run(bench, f'"{bench.settings.checker}" Goal', {"Goal.olean": olean}),
        run(bench, SHOW.format(file="Audit.lean"), {"Goal.olean": olean, "Audit.lean": asked.text}),
        # The module has the same name, since private names of the header contain it.
        run(bench, SHOW.format(file="Goal.lean"), {"Goal.lean": meant.text}),
    )
    checked = _checked(replay, proofs)
    if any(answer is None or answer.outcome is not Outcome.PROVED for answer in checked):
        return checked
    if target.code:
        raise SessionLost(f"the statements alone do not compile: {_tail(target)}")
    of_proofs, of_targets = asked.answers(messages(audit)), meant.answers(messages(target))
    return [
        lean_statements.audit(mine, meant=theirs, name=name)
        for mine, theirs, name in zip(of_proofs, of_targets, proofs.names, strict=True)
    ]


def _checked(ended: Ended, proofs: Source) -> list[Audit | None]:
    """What a checker's exit code says of all proofs together."""
    if ended.code == OURS or ended.code in (126, 127):
        raise SessionLost(f"the checker could not be run: {_tail(ended)}")
    if ended.code == 0:
        return [Audit(outcome=Outcome.PROVED) for _ in proofs.declarations]
    if len(proofs.declarations) > 1:
        return [None for _ in proofs.declarations]
    if ended.code > SIGNALLED:
        return [Audit(outcome=Outcome.CRASHED, message=f"the checker died by signal {ended.code - SIGNALLED}")]
    return [Audit(outcome=Outcome.CHEATED, message=f"recheck: the checker refuses the proof: {_tail(ended)}")]


def _not_compiled(ended: Ended, proofs: Source) -> list[Audit | None]:
    """Whose errors they are; the others of a batch are not to blame, but were not checked either."""
    found: dict[int, Audit] = {}
    for message in messages(ended):
        if message.severity == ERROR and message.pos is not None:
            owner = proofs.owner(message.pos.line)
            place = proofs.declarations[max(0, owner)].place(
                message.pos.line - proofs.starts[max(0, owner)] + 1, message.pos.column
            )
            found.setdefault(owner, Audit(outcome=Outcome.FAILED, message=f"{place}: {message.data[:SAID_CHARS]}"))
    if -1 in found:
        raise SessionLost(f"the header does not compile in the re-check: {found[-1].message}")
    if found or len(proofs.declarations) > 1:
        return [found.get(index) for index in range(len(proofs.declarations))]
    outcome = Outcome.CRASHED if ended.code > SIGNALLED else Outcome.FAILED
    return [Audit(outcome=outcome, message=f"lean ended with {ended.code}: {_tail(ended)}")]


def _project(proofs: Source, targets: Source) -> dict[str, str | bytes]:
    """What comparator is given: a Lake project with both sides and its configuration."""
    config = {
        "challenge_module": "Challenge",
        "solution_module": "Solution",
        "theorem_names": proofs.names,
        "permitted_axioms": sorted(ALLOWED),
        "enable_nanoda": False,
    }
    return {
        "Challenge.lean": targets.text,
        "Solution.lean": proofs.text,
        "lakefile.toml": LAKEFILE,
        "config.json": json.dumps(config),
    }


def _tail(ended: Ended) -> str:
    return ended.said.strip()[-SAID_CHARS:] or f"exit code {ended.code}, nothing said"
