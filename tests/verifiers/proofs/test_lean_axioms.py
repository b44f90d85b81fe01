"""The audit of a theorem, read from one message alone, in the words of every version of Lean."""

import pytest

from sparring.core.types import Outcome
from sparring.verifiers.proofs import lean_axioms
from sparring.verifiers.proofs.lean_replies import Message


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("'goal_7f' does not depend on any axioms", ()),
        ("`goal_7f` does not depend on any axioms", ()),
        ("'Space.goal_7f' depends on axioms: [propext]", ("propext",)),
        (
            "'goal_7f' depends on axioms: [propext, Classical.choice, Quot.sound]",
            ("propext", "Classical.choice", "Quot.sound"),
        ),
        (
            "'goal_7f' depends on axioms: [propext,\n Classical.choice,\n Quot.sound]\n",
            ("propext", "Classical.choice", "Quot.sound"),
        ),
        ("'goal_7f' depends on axioms: [goal_7f._native.native_decide.ax_1]", ("goal_7f._native.native_decide.ax_1",)),
    ],
)
def test_an_audit_names_the_theorem_and_its_axioms(said, names):
    assert lean_axioms.parse([Message(severity="info", data=said)]) == lean_axioms.Axioms(nonce="7f", names=names)


def test_allowed_axioms_are_an_allow_list():
    assert lean_axioms.judge(()) == (Outcome.PROVED, "")
    assert lean_axioms.judge(("propext", "Quot.sound", "Classical.choice"))[0] is Outcome.PROVED
    assert lean_axioms.judge(("propext", "new_in_the_next_version"))[0] is Outcome.CHEATED
    assert lean_axioms.judge(("cheat", "sorryAx"))[0] is Outcome.INCOMPLETE
