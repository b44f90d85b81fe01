"""The lexer against a slow reader written from Lean's source: nothing that Lean may take for code escapes it.

For random text that the lexer accepts, whatever tokens the header has added and wherever strings are interpolated:
brackets never close what the text did not open, and every word that Lean sees, the lexer has seen.
"""

import importlib
import itertools
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from sparring.verifiers.proofs import lean_text
from sparring.verifiers.proofs.lean_lexer import Kind, LexError, tokens

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")
twins = importlib.import_module("lean_twin")

READINGS = list(itertools.product((twins.CORE, twins.MATHLIB), (False, True)))
KEYWORDS = {"axiom", "theorem"}
PIECES = ["(", ")", "[", "]", "{", "}", '"', '"', "'", "''", "«", "»", "--", "/-", "-/", "\n", " ", " ", "r#", "r", "#"]
PIECES += [
    "s!",
    "a",
    " axiom ",
    "axiom",
    "theorem",
    "0b1",
    "0x",
    "1",
    ".",
    "⁻¹",
    "\\",
    "<",
    "<-",
    "-",
    "/",
    "!",
    "₁",
    "\u211d",
    "é",
]
# Whole constructs, so that random text has a fair share that is accepted.
PIECES += [
    '"b"',
    "'c'",
    "'('",
    "'\"'",
    "-- d\n",
    "/- e -/",
    "«f»",
    's!"{g}"',
    'r"h"',
    'r#"i"#',
    "(j)",
    "h'",
    "⁻¹'",
    "f '' s",
]


def accepted(seed, *, count):
    rng = random.Random(seed)
    for _ in range(count):
        text = "".join(rng.choices(PIECES, k=rng.randrange(1, 16)))
        try:
            yield text, tokens(text)
        except LexError:
            continue


@pytest.mark.parametrize("seed", range(4))
def test_what_lean_may_read_as_code_the_lexer_has_seen(seed):
    compared = whole = 0
    for text, found in accepted(seed, count=30_000):
        seen = [token.text for token in found if token.kind is Kind.WORD and token.text in KEYWORDS]
        for table, interpolates in READINGS:
            twin = twins.Twin(text, table, interpolates=interpolates)
            whole += (finished := twin.run())
            read = [word for word in twin.words if word in KEYWORDS]
            assert Counter(read) <= Counter(seen), (text, table is twins.CORE, interpolates)
            assert twin.lowest == 0, (text, table is twins.CORE, interpolates)
            assert twin.depth == 0 or not finished, text
            compared += 1
    assert compared > 10_000
    assert whole > 4_000


@pytest.mark.parametrize("name", [name for name, claim in cases.honest().items() if not claim.header])
def test_the_two_agree_on_honest_proofs(name):
    text = lean_text.newlines(cases.honest()[name].proof)
    words = [token.text for token in tokens(text) if token.kind is Kind.WORD]
    twin = twins.Twin(text, [*twins.MATHLIB, *set(text) - set(' \n"')], interpolates=False)
    assert twin.run()
    assert [word for word in twin.words if len(word) > 1] == [word for word in words if len(word) > 1]


def test_our_brackets_are_the_last_whatever_proof_is_accepted():
    checked = 0
    for text, found in accepted(99, count=20_000):
        if not found:
            continue
        whole = tokens(lean_text.declaration(cases.claim(text, statement="1 = 1"), nonce="7f").text)
        assert [token.text for token in whole[-len(found) - 1 :]] == [*(token.text for token in found), ")"]
        assert whole[-1].depth == 0
        checked += 1
    assert checked > 1000
