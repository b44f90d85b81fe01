"""Random text between a model's and Rocq's reading: what the lexer lets through never makes Rocq run a command.

Pieces that open, close or end something are put together at random, with a command among them that declares an axiom.
Most of it is refused. The rest is sent to a real coqtop sentence by sentence, as a session does, and no axiom may be
there afterwards. ``SPARRING_FUZZ_PROOFS=200000`` makes it as long as a release wants it.
"""

import os
import subprocess
from random import Random

import pytest

from sparring.verifiers.proofs.rocq_rules import refusal, tactics
from sparring.verifiers.proofs.rocq_tools import missing

pytestmark = [pytest.mark.service, pytest.mark.skipif(bool(missing()), reason=missing())]

TEXTS = int(os.environ.get("SPARRING_FUZZ_PROOFS", "20000"))
SEED = 7
# Openings are as frequent as ends, so that a part of what comes out is whole.
PIECES = [
    "(*",
    "*)",
    "(*",
    "*)",
    '"',
    '"',
    '""',
    ".",
    ". ",
    ".\n",
    "...",
    "..",
    " ",
    "\n",
    "\t",
    "\r",
    "{",
    "}",
    "{ ",
    " }",
]
PIECES += [
    "- ",
    "+ ",
    "* ",
    "--",
    "(",
    ")",
    ".(",
    "1",
    "1:",
    "1: {",
    "all:",
    "[",
    "]",
    "|",
    ";",
    ":",
    "'",
    "x",
    "x.y",
    "é",
    "₁",
]
PIECES += [
    "idtac",
    "idtac. ",
    "idtac. ",
    "try idtac. ",
    'idtac "a". ',
    "(* c *)",
    '(* "*)" *)',
    "\\",
    "#[",
    "@",
    "..]",
    "|..",
    ".)",
]
COMMAND = "Axiom smuggled_{number} : False."


def texts():
    """Texts that the lexer lets through, with the number of the axiom that each would declare."""
    random, found = Random(SEED), []
    for number in range(TEXTS):
        pieces = random.choices(PIECES, k=random.randrange(1, 8))
        command = COMMAND.format(number=number)
        pieces.insert(random.randrange(len(pieces) + 1), random.choice((command, f" {command} ", f"\n{command}\n")))
        text = "".join(pieces) + random.choice(("", " ", " idtac.", ' ".', " *) idtac.", '" *) idtac.'))
        if refusal(text) is None:
            found.append((number, text))
    return found


@pytest.mark.timeout(120 + TEXTS // 100)
def test_no_text_that_passes_the_lexer_makes_rocq_run_a_command():
    passed = texts()
    assert len(passed) >= TEXTS // 400, "too little passes to say anything"
    lines = []
    for _, text in passed:
        lines += ["Goal False.", *(sentence.text for sentence in tactics(text)), "Abort All."]
    lines += [f"Locate smuggled_{number}." for number, _ in passed]
    # The same search finds a command that is sent: otherwise silence would prove nothing.
    lines += ["Axiom smuggled_control : False.", "Locate smuggled_control."]
    output = rocq("\n".join(lines) + "\n")
    silent = {number for number, _ in passed if f"No object of basename smuggled_{number}\n" in output}
    assert [text for number, text in passed if number not in silent] == []
    assert "Constant Top.smuggled_control" in output
    print(f"texts={TEXTS} passed_the_lexer={len(passed)}")


def rocq(text):
    ended = subprocess.run(
        ["coqtop", "-q", "-w", "-all"],
        input=text,
        capture_output=True,
        text=True,
        timeout=100 + TEXTS // 100,
        check=True,
    )
    return ended.stdout
