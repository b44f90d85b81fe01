"""Which texts are the argument of one call: the quick way and the syntax tree always agree."""

import ast
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparring.verifiers.inside import program

PIECES = [*"1xf()[]{}:,=*#'\".;\\", "**", ":=", "=="]
PIECES += ["if", "else", "for", "in", "or", "not", "lambda", "class", "pass", "def", "await"]
PIECES += [" ", "\n", "\n  ", "\t", "'a'", "f(1)", "x=2", "): pass", ")\n", "(2"]


def is_argument(text):
    """The slow twin: from the syntax tree."""
    try:
        tree = ast.parse(f"f({text}\n)", mode="eval")
        compile(tree, "<argument>", "eval")  # which refuses more than the parser
    except (SyntaxError, ValueError):
        return False
    call = tree.body
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and ast.unparse(call.func) == "f"


def accepted(text):
    try:
        program._call(text)
    except (SyntaxError, ValueError):
        return False
    return True


@settings(max_examples=3000)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.lists(st.sampled_from(PIECES)).map("".join))
@example("1): pass\nclass g(2")
@example("1):\n  if (1")
@example("1) if 0 else f(2")
@example("1)(2")
@example("x for x in 'ab'")
@example("1) #")
def test_the_quick_way_and_the_syntax_tree_agree(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert accepted(text) == is_argument(text)
        except (RecursionError, MemoryError):  # of both parsers
            pytest.skip("deeper than any parser goes")


def test_the_call_is_of_the_argument():
    assert eval(program._call("1, *[2], y=3, **{'z': 4}"), {"f": lambda *a, **k: (a, k)}) == ((1, 2), {"y": 3, "z": 4})
    assert eval(program._call("i for i in range(3)"), {"f": list}) == [0, 1, 2]
