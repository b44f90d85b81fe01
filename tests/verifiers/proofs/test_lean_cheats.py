"""Cheats and honest proofs in Lean, one a file, at the levels that need no Lean: lexing, audit, axioms, statements.

What a prover would answer is part of a cheat's file. None may come out as proved; no honest proof may be refused.
"""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_statements, lean_text
from sparring.verifiers.proofs.backend import SessionLost
from sparring.verifiers.proofs.lean_repl import conclude
from sparring.verifiers.proofs.lean_replies import Message, Reply

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")

CHEATS = cases.cheats()
HONEST = cases.honest()
LEVELS = {"lexer": 90, "axioms": 15, "audit": 15, "statement": 7}  # at least so many of each


@dataclass(frozen=True)
class End:
    level: str
    outcome: str
    message: str


def judged(cheat):
    """How far a cheat gets: the stages of a check in their order, with the prover's part from the cheat's file."""
    claim = cases.claim(cheat["proof"])
    if refusal := lean_text.refusal(claim):
        return End("lexer", refusal.outcome, f"{refusal.rule}: {refusal.message}")
    declared = lean_text.declaration(claim, nonce=cases.NONCE)
    reply = Reply(env=1, messages=[Message(**message) for message in cheat.get("messages", [])])
    audit = Reply(env=2, messages=[Message(**message) for message in cheat.get("audit", [])])
    try:
        checked = conclude(declared, reply, audit, nonce=cases.NONCE)
        if checked.outcome is not Outcome.PROVED:
            return End("axioms" if checked.axioms else "audit", checked.outcome, checked.message)
        shown = lean_statements.Answer(statement=cheat.get("shown", ""), axioms=cheat["audit"][0]["data"])
        meant = lean_statements.Answer(statement=cheat.get("meant", ""), axioms="")
        end = lean_statements.audit(shown, meant=meant, name=declared.name)
    except SessionLost as error:
        return End(cheat["level"], error.outcome, str(error))
    return End("statement", end.outcome, end.message)


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_never_proved_and_the_message_says_why(name):
    cheat = CHEATS[name]
    end = judged(cheat)
    assert end.outcome != Outcome.PROVED
    assert end.outcome == cheat["outcome"], end
    assert cheat["rule"] in end.message, end
    if cheat["level"] == "lexer":
        assert end.level == "lexer", end


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_proof_is_not_refused(name):
    assert lean_text.refusal(HONEST[name]) is None


def test_an_honest_proof_passes_every_stage_that_a_cheat_is_stopped_at():
    proved = {
        "proof": "by trivial",
        "audit": [{"severity": "info", "data": f"'goal_{cases.NONCE}' depends on axioms: [propext]"}],
    }
    end = judged({**proved, "level": "statement", "meant": "@goal : True", "shown": "@goal : True"})
    assert end.outcome == Outcome.PROVED


def test_there_are_cheats_of_every_level_and_enough_honest_proofs():
    counts = {level: sum(cheat["level"] == level for cheat in CHEATS.values()) for level in LEVELS}
    assert all(counts[level] >= least for level, least in LEVELS.items()), counts
    assert len({cheat["proof"] for cheat in CHEATS.values() if cheat["level"] == "lexer"}) == counts["lexer"]
    assert len(HONEST) >= 120
