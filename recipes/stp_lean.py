"""STP's dialect for language models: Lean 4, in the paper's prompt shapes and our words (appendix A.1).

A conjecture is a model's text and becomes a statement, which a pool trusts; so it is taken apart here, and only a
theorem of binders and one proposition, without any word that begins a command or an attribute, is put together again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.core.claims import FormalProof
from sparring.core.errors import UsageError
from sparring.recipes.fragment import Malformed
from sparring.recipes.stp_dialects import StatementDialect

HEADER = "import Mathlib\nimport Aesop\nset_option maxHeartbeats 0\nopen BigOperators Real Nat Topology Rat"
_PROMPTS = Path(__file__).parent / "prompts" / "stp"
PREFIX = (_PROMPTS / "lean.txt").read_text()
TRIVIAL = "theorem true : True"
MAX_CHARS = 2000
_WORD = re.compile(r"[^\W\d][\w'.!?]*")
# Words that could end the statement or change what it means. A conjecture that needs one is lost: that is cheap.
_FORBIDDEN = frozenset((_PROMPTS / "lean_commands.txt").read_text().split())
_FORBIDDEN_MARKS = (":=", "--", "/-", "-/", '"', "#", "@[", "`", "«", "»", ";", "%")
_PAIRS = {")": "(", "]": "[", "}": "{", "⟩": "⟨"}


class LeanDialect(StatementDialect):
    """Whole proofs in Lean 4; lemmas come from a file, as premises are reported by full name."""

    def __init__(self, lemmas_file: Path | None) -> None:
        self._lemmas_file = lemmas_file
        self._lemmas: Mapping[str, str] | None = None

    def prover_prompt(self, target: Mapping[str, Any]) -> str:
        """Header and statement; the proof follows ``by``."""
        return f"{PREFIX}{target.get('header') or HEADER}\n\n{target['statement']} := by\n"

    def conjecturer_prompt(self, *, lemma: str | None, statement: str, proof: str) -> str:
        """Lemma, easy theorem with its proof, and the start of a hard one."""
        shown = TRIVIAL if lemma is None else self._statements()[lemma]
        easy = f"{statement} := by\n{proof}"
        return f"{PREFIX}<lemma>\n{shown}\n<easy theorem>\n{easy}\n<hard theorem>\ntheorem"

    def read_conjecture(self, text: str) -> str:
        """What stands before the end of the theorem, if it is a theorem and nothing else."""
        body = text.partition("</hard theorem>")[0].partition(":=")[0].strip()
        name, binders, proposition = parts("theorem " + body)
        for piece in (binders, proposition):
            _refuse_commands(piece)
        return f"theorem {name} {binders} : {proposition}" if binders else f"theorem {name} : {proposition}"

    def read_proof(self, text: str) -> str:
        """What stands before the closing fence."""
        return text.partition("```")[0].rstrip()

    def key(self, statement: str) -> str:
        """Without the theorem's name, bound variables by number, single spaces."""
        _, binders, proposition = parts(statement)
        names = [name for group in re.findall(r"[({]([^:(){}]+):", binders) for name in group.split()]
        numbers = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(names))}
        text = _WORD.sub(lambda found: _renamed(found.group(), numbers), f"{binders} : {proposition}")
        return "".join(text.split())

    def claim(self, target: Mapping[str, Any], proof: str) -> FormalProof:
        """The theorem closed over its binders."""
        return FormalProof(
            backend="lean",
            header=target.get("header") or HEADER,
            statement=closed(target["statement"]),
            proof=f"by\n{proof}",
            find_premises=True,
        )

    def lemmas(self, premises: Sequence[str]) -> tuple[str, ...]:
        """Those that the lemmas file has."""
        return tuple(sorted(set(premises) & set(self._statements())))

    def equivalence(self, seed: str, conjecture: str) -> FormalProof:
        """By applying the seed, as it is or turned round."""
        proof = "by\n  intro seed\n  intros\n  first | (apply seed <;> assumption) | (symm; apply seed <;> assumption)"
        statement = f"({closed(seed)}) → ({closed(conjecture)})"
        return FormalProof(backend="lean", header=HEADER, statement=statement, proof=proof)

    def _statements(self) -> Mapping[str, str]:
        if self._lemmas is None:
            self._lemmas = _read_lemmas(self._lemmas_file) if self._lemmas_file else {}
        return self._lemmas


def parts(statement: str) -> tuple[str, str, str]:
    """Name, binders and proposition of a theorem's statement.

    Raises:   Malformed: it has no name or no colon outside brackets, or its brackets do not match.
    """
    words = statement.split(None, 2)
    if len(statement) > MAX_CHARS or len(words) < 3 or words[0] not in ("theorem", "lemma"):
        raise Malformed("expected 'theorem', a name and a statement")
    name, rest = words[1], words[2]
    if name.endswith(":"):
        name, rest = name[:-1], f": {rest}"
    if not _WORD.fullmatch(name):
        raise Malformed(f"{name!r} is no theorem's name")
    at = _top_level_colon(rest)
    return name, rest[:at].strip(), rest[at + 1 :].strip()


def closed(statement: str) -> str:
    """The statement as one proposition."""
    _, binders, proposition = parts(statement)
    return f"∀ {binders}, {proposition}" if binders else proposition


def _top_level_colon(text: str) -> int:
    depth: list[str] = []
    for at, mark in enumerate(text):
        if mark in _PAIRS.values():
            depth.append(mark)
        elif mark in _PAIRS:
            if not depth or depth.pop() != _PAIRS[mark]:
                raise Malformed("brackets that do not match")
        elif mark == ":" and not depth:
            if text[at + 1 :].strip():
                return at
            break
    raise Malformed("no colon outside brackets with a proposition behind it")


def _refuse_commands(text: str) -> None:
    if mark := next((mark for mark in _FORBIDDEN_MARKS if mark in text), None):
        raise Malformed(f"{mark!r} in a statement")
    if word := next((word for word in _WORD.findall(text) if _FORBIDDEN & set(word.split("."))), None):
        raise Malformed(f"the word {word!r} in a statement")
    depth: list[str] = []
    for mark in text:
        if mark in _PAIRS.values():
            depth.append(mark)
        elif mark in _PAIRS and (not depth or depth.pop() != _PAIRS[mark]):
            raise Malformed("brackets that do not match")
    if depth:
        raise Malformed("a bracket that is never closed")


def _renamed(word: str, numbers: Mapping[str, str]) -> str:
    head, dot, rest = word.partition(".")
    return numbers.get(head, head) + dot + rest


def _read_lemmas(path: Path) -> Mapping[str, str]:
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return {row["name"]: row["statement"].partition(":=")[0].strip() for row in rows}
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise UsageError(
            f'recipe.options.lemmas_file {path}: {error}; expected a line {{"name": ..., "statement": ...}} a lemma'
        ) from error
