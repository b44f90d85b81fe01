"""What is sent to Lean: the statement is the claim's, under a fresh name, and the proof stands between our brackets.

theorem goal_<nonce> : (        nothing but one term can be read between the last pair of brackets, so a reply
<statement>                     without an error means that the text was this one declaration, whatever the proof
) := (                          contains: a command in it ends the term before its bracket, which is an error.
<proof>
)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_rules
from sparring.verifiers.proofs.backend import Refusal
from sparring.verifiers.proofs.lean_lexer import Kind, Token, tokens

PREFIX = "goal_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A theorem as it is sent, and where in it the statement and the proof are."""

    name: str
    text: str
    statement_line: int  # the first line of the statement, counted from 1
    proof_line: int  # the first line of the proof

    def place(self, line: int, column: int) -> str:
        """A position in ``text`` as one in the proof or the statement."""
        if line >= self.proof_line:
            return f"{line - self.proof_line + 1}:{column}"
        return f"statement {max(1, line - self.statement_line + 1)}:{column}"


def newlines(text: str) -> str:
    """``text`` with the line ends that Lean reads."""
    return text.replace("\r\n", "\n")


def header_key(header: str) -> str:
    """``header`` in the form that makes equal headers equal texts: no blank lines, no repeated imports."""
    lines: list[str] = []
    for line in newlines(header).split("\n"):
        stripped = line.rstrip()
        if stripped and not (stripped.startswith("import ") and stripped in lines):
            lines.append(stripped)
    return "\n".join(lines)


def refusal(claim: FormalProof) -> Refusal | None:
    """Why ``claim`` must not be sent: something is wrong with the text of its statement or its proof."""
    wrong = lean_rules.refusal(newlines(claim.statement))
    if wrong is not None:
        # Whoever made the claim vouches for the statement; a model that wrote one gets no further this way.
        return Refusal(outcome=Outcome.FAILED, rule="statement", message=f"the statement: {wrong.message}")
    return lean_rules.refusal(newlines(claim.proof))


def declaration(claim: FormalProof, *, nonce: str) -> Declaration:
    """The theorem of ``claim`` with its proof."""
    return _declaration(claim, nonce=nonce, proof=newlines(claim.proof))


def target(claim: FormalProof, *, nonce: str) -> Declaration:
    """The same theorem left open: what a checker compares the other with."""
    return _declaration(claim, nonce=nonce, proof="sorry")


def audit(name: str) -> str:
    """The command whose reply says what the theorem rests on."""
    return f"#print axioms {name}"


def echo(nonce: str) -> str:
    """A command whose reply names ``nonce``, whatever came of the theorem."""
    return f'#check "{PREFIX}{nonce}"'


def _declaration(claim: FormalProof, *, nonce: str, proof: str) -> Declaration:
    binders, proposition = signature(newlines(claim.statement))
    name = PREFIX + nonce
    opening = f"theorem {name} {binders}: (\n"
    # A statement may end in a comment, and so may a proof: the closing brackets have lines of their own.
    before = f"{opening}{proposition}\n) := (\n"
    return Declaration(
        name=name,
        text=f"{before}{proof}\n)\n",
        statement_line=opening.count("\n") + 1,
        proof_line=before.count("\n") + 1,
    )


def signature(statement: str) -> tuple[str, str]:
    """Binders and proposition of ``(a b : Nat) (h : a < b) : a ≠ b``; no binders for a plain proposition."""
    code = tokens(statement)
    at = 0
    while at < len(code) and code[at].kind is Kind.OPEN and code[at].text != "⟨":
        at = _after(code, at)
    is_signature = 0 < at < len(code) and code[at].text == ":" and not _is_assignment(code, at)
    if not is_signature:
        return "", statement
    return statement[: code[at].start].rstrip() + "\n", statement[code[at].end :].strip()


def _after(code: Sequence[Token], at: int) -> int:
    depth = code[at].depth
    return next(index + 1 for index in range(at + 1, len(code)) if code[index].depth == depth)


def _is_assignment(code: Sequence[Token], at: int) -> bool:
    return at + 1 < len(code) and code[at + 1].text == "=" and code[at + 1].start == code[at].end
