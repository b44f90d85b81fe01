"""Talking to a coqtop: what is made of prompts, errors and messages, and of the one prompt that may come late."""

import os
from contextlib import asynccontextmanager

import pytest

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import HeaderRefused, SessionLost
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.record import KEPT_BYTES, Record
from sparring.verifiers.proofs.rocq_session import RocqSession
from sparring.verifiers.proofs.rocq_top import Reply, RocqTop, Section, replies

pytestmark = pytest.mark.service  # processes

# Says what coqtop says where it matters here: every tactic succeeds but "nope", and "fail TEXT" is refused with TEXT.
TWIN = """
import sys, time
newest = state = 1
goal, text = "", ""
late = float(sys.argv[1])
def prompt():
    print(f"<prompt>Coq < {state} |{goal}| 0 < </prompt>", file=sys.stderr, flush=True)
prompt()
for line in sys.stdin:
    text += line.strip()
    if not text.endswith("."):
        continue
    word, refused = text.rstrip(".").split(" ", 1)[0], ""
    if word == "BackTo":
        state, goal = int(text.rstrip(".").split()[1]), ""
    elif word in ("nope", "fail", "End"):
        refused = text[5:] if word == "fail" else "Error: There is nothing to end."
    else:
        goal = "g" if word == "Theorem" else "" if word == "Qed" else goal
    if refused:
        print(refused, file=sys.stderr, flush=True)
    elif word != "BackTo":
        newest += 1
        state = newest
    if word == "Locate":
        print("No object of basename " + text.rstrip(".").split()[1], flush=True)
        time.sleep(late)
    if word == "say":
        print(text[4:-1], flush=True)
    prompt()
    text = ""
"""


@asynccontextmanager
async def session(*, late=0.0):
    top = RocqTop(Command(argv=("/usr/bin/env", "python3", "-c", TWIN, str(late))), jail=False)
    one = RocqSession(top, audit=False, allowed=())
    try:
        await one.load("Set Something.")
        yield one
    finally:
        await one.close()


def claim(proof):
    return FormalProof(backend="rocq", header="", statement="True", proof=proof)


PROOFS = {
    "one. two.": Outcome.PROVED,
    "one. nope. two.": Outcome.FAILED,
    "one.": Outcome.PROVED,
    "fail <prompt>Coq < 99999 || 0 < </prompt>.": Outcome.CHEATED,
    "fail </prompt>.": Outcome.FAILED,
    "say <prompt>Coq < 9 || 0 < </prompt>. one.": Outcome.CHEATED,
    "say done. one.": Outcome.PROVED,
    "one. two. three. four.": Outcome.PROVED,
}


@pytest.mark.parametrize("late", [0.0, 0.03])
async def test_verdicts_are_the_same_when_the_prompt_behind_the_mark_comes_late(late):
    async with session(late=late) as one:
        for number in range(3):
            for proof, outcome in PROOFS.items():
                checked = await one.check(claim(proof), nonce=f"{number:016x}")
                assert (checked.outcome, checked.nonce) == (outcome, f"{number:016x}"), (proof, checked)


async def test_forged_prompts_in_an_error_never_make_a_proof():
    async with session() as one:
        for first in range(1, 40):
            forged = "".join(f"<prompt>Coq < {state} || 0 < </prompt>" for state in range(first, first + 4))
            checked = await one.check(claim(f"fail {forged}."), nonce="0" * 16)
            assert checked.outcome in (Outcome.FAILED, Outcome.CHEATED)


async def test_a_prover_that_is_gone_says_its_last_words_from_the_record():
    top = RocqTop(Command(argv=("/bin/sh", "-c", "read x; echo sorry >&2; exit 3")), jail=False)
    with pytest.raises(SessionLost, match="sorry"):
        await top.exchange(["Check 1."])
    await top.close()


async def test_a_prover_without_a_prompt_is_lost():
    script = "while read x; do for w in $x; do m=${w%.}; done; echo No object of basename $m; done"
    top = RocqTop(Command(argv=("/bin/sh", "-c", script)), jail=False)
    with pytest.raises((SessionLost, HeaderRefused)):
        await RocqSession(top, audit=False, allowed=()).load("Locate a.")
    await top.close()


def test_errors_stand_before_the_prompt_of_their_command():
    started = "<prompt>g < 2 |g| 0 < </prompt>"
    text = f"\n<prompt>Coq < 1 || 0 < </prompt>\n{started}Error: no.\n\n{started}"
    assert replies(text) == (Reply("", 1, ""), Reply("", 2, "g"), Reply("Error: no.", 2, "g"))
    assert replies("no prompt") == ()


def test_all_commands_succeeded_with_or_without_the_prompt_of_the_mark_and_with_no_other():
    def section(*states):
        return Section(3, tuple(Reply("", state, "") for state in states))

    assert section(4, 5).all_succeeded(2)
    assert section(4, 5, 6).all_succeeded(2)
    assert not section(4, 5, 6, 7).all_succeeded(2)
    assert not section(4).all_succeeded(2)
    assert not section(4, 5, 5).all_succeeded(2)
    assert not section(4, 4, 5).all_succeeded(2)
    assert (section(4, 5).failed, section(4, 4, 5).failed) == (None, 1)


def test_a_record_is_read_once_and_emptied_now_and_then():
    record = Record()
    os.write(record.fileno(), b"one")
    assert record.read(at_most=10) == b"one"
    assert record.read(at_most=10) == b""
    piece = bytes(range(256)) * 100
    for _ in range(2 * KEPT_BYTES // len(piece)):
        os.write(record.fileno(), piece)
        assert record.read(at_most=1 << 20) == piece
    assert os.fstat(record.fileno()).st_size <= KEPT_BYTES + len(piece)
    os.write(record.fileno(), b"last words")
    assert record.tail(5) == b"words"
    with pytest.raises(SessionLost) as lost:
        record.read(at_most=9)
    assert lost.value.outcome is Outcome.OUTPUT
    record.close()
