"""Every recording of a real Lean, read to the outcome that a person reads from it.

The recordings are not part of the repository: SPARRING_LEAN_TRANSCRIPTS says where they are, and without them each test
is skipped by name.
"""

import importlib
import sys
from pathlib import Path

import pytest

from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_kimina, lean_replies, lean_text

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")

pytestmark = pytest.mark.skipif(not cases.RECORDINGS.is_dir(), reason=cases.WITHOUT_RECORDINGS)

# One letter for each reply: + nothing speaks against it, x refused by Lean, o something is left out, ! the REPL itself
# could not answer.
REPL = {
    "all_tactics": "+",
    "all_tactics-20250622": "++",
    "app_type_mismatch": "xoooo",
    "app_type_mismatch2": "xoooxox",
    "by_cases": "oooo",
    "calc": "o",
    "def_eval": "++",
    "dup_msg": "++x",
    "file": "+",
    "file2": "+",
    "file_env": "+++",
    "have_by_sorry": "xoo",
    "incomplete": "xx",
    "infotree": "+",
    "infotree_theorem": "+",
    "invalid_line_break": "xx",
    "line_breaks": "xo+",
    "name_generator": "oooooooxx",
    "no_goal_sorry": "x",
    "no_goal_sorry_2": "x",
    "pickle_environment": "++++",
    "pickle_environment_with_imports": "+++++",
    "pickle_open": "++++",
    "pickle_open_2": "++",
    "pickle_open_scoped_2": "+o",
    "pickle_proof_state_1": "+oooooo+",
    "pickle_proof_state_2": "o+",
    "pickle_proof_state_env": "+oooooo+",
    "proof_branching2": "oooooo+",
    "proof_step": "ooo+",
    "proof_transitivity": "o+o+",
    "readme": "oo+",
    "self_proof_apply_check": "xox",
    "self_proof_check": "xoxoxoxox",
    "self_proof_exact_check": "xox",
    "self_proof_rw": "xox",
    "synthesize_placeholder": "x",
    "tactic_mode_sorry": "oo",
    "tactic_sorry": "o",
    "term_sorry": "o",
    "unfinished_tactic_block": "x",
    "unknown_environment": "!",
    "unknown_proof_state": "o!",
    "unknown_tactic": "ox",
}
LETTERS = {None: "+", Outcome.FAILED: "x", Outcome.INCOMPLETE: "o", Outcome.INFRASTRUCTURE: "!"}
# Of the 68 of the server these ran into its time limit; nothing speaks against any of the others.
SERVER_TIMED_OUT = {f"goedel-lean_workbook_{number}" for number in (10036, 10090, 10303, 1036)}
SERVER_RECORDINGS = 68


@pytest.mark.parametrize("name", REPL)
def test_a_recording_of_the_repl_is_read_to_its_outcome(name):
    replies = [lean_replies.parse(reply) for _, reply in cases.exchanges(name)]
    assert "".join(LETTERS[lean_replies.read(reply).outcome] for reply in replies) == REPL[name]


def test_no_recording_of_the_repl_is_left_out():
    assert {path.stem for path in (cases.RECORDINGS / "repl").glob("*.in")} == set(REPL)


def test_every_recording_of_the_server_is_read_to_its_outcome():
    recorded = cases.recorded_claims()
    outcomes = {one.name: lean_kimina.outcome_of(lean_kimina.parse(one.answer).results[0])[0] for one in recorded}
    assert len(outcomes) == SERVER_RECORDINGS
    assert {name for name, outcome in outcomes.items() if outcome is not None} == SERVER_TIMED_OUT
    assert {outcomes[name] for name in SERVER_TIMED_OUT} == {Outcome.WALL_TIME}


def test_no_recorded_proof_is_refused_by_the_rules():
    claims = [one.claim for one in cases.recorded_claims()] + [claim for claim, _ in cases.recorded_commands()]
    refused = [(claim.statement, lean_text.refusal(claim)) for claim in claims if lean_text.refusal(claim)]
    assert len(claims) >= 95
    assert not refused


def test_both_wordings_of_sorry_are_read():
    newer = [reply for name in REPL for _, reply in cases.exchanges(name) if b"declaration uses `sorry`" in reply]
    assert len(newer) > 20
    for reply in newer:
        older = reply.replace(b"`sorry`", b"'sorry'").replace(b'"sorries"', b'"forgotten"')
        assert lean_replies.read(lean_replies.parse(older)).outcome is Outcome.INCOMPLETE
