"""What a proposed program and an argument have to keep to."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.recipes.absolute_zero_options import BANNED_MODULES
from sparring.recipes.programs import MAX_DEPTH, MAX_SOURCE_BYTES, Rejected, Rules, normalised_argument, parsed
from sparring.recipes.syntax import normalised, program_fingerprint, stripped, task_fingerprint

RULES = Rules(banned_modules=BANNED_MODULES)
PROGRAM = """
def helper(values, step):
    total = 0
    for value in values:
        total += value * step  # weigh
    return total

def f(values):
    '''Sum twice.'''
    def twice(g, y):
        return g(g(y))
    try:
        return helper(values, step=len(values))
    except TypeError as error:
        return twice(str, error)
"""
# Names the program binds, except `step`, which a call uses as a keyword.
RENAMEABLE = ("helper", "values", "total", "value", "twice", "g", "y", "error")


def renamed(names: dict[str, str]) -> str:
    tree = ast.parse(PROGRAM)
    for node in ast.walk(tree):
        for field in ("id", "name", "arg"):
            old = getattr(node, field, None)
            if isinstance(old, str) and not isinstance(node, ast.keyword) and old in names:
                setattr(node, field, names[old])
    return ast.unparse(tree)


def test_a_program_with_an_entry_named_f_keeps_its_text():
    program = "# plan\nimport math\n\ndef g(x):\n    return x\n\ndef f(x):\n    return g(x)  # done"
    assert RULES.program(program) == program


def test_windows_line_ends_become_plain_ones():
    assert RULES.program("def f(x):\r\n    return x\r\n") == "def f(x):\n    return x"


def test_a_single_function_is_renamed_and_its_comments_stay():
    program = "def solve(n):\n    # solve it: é\n    s = 'solve'; return 1 if n < 2 else n * solve(n - 1)"
    assert RULES.program(program) == (
        "def f(n):\n    # solve it: é\n    s = 'solve'; return 1 if n < 2 else n * f(n - 1)"
    )


def test_an_attribute_and_a_keyword_of_the_same_name_are_not_renamed():
    program = "def solve(n):\n    return n.solve(solve=solve)"
    assert RULES.program(program) == "def f(n):\n    return n.solve(solve=f)"


@pytest.mark.parametrize(
    "program",
    [
        "def solve(f):\n    return f(1)",  # f is taken
        "def solve(x):\n    solve = x\n    return solve",  # the name is bound again
        "def solve(x):\n    return (lambda solve: solve)(x)",
        "def solve(x):\n    global solve\n    return x",
        "def a(x):\n    return x\ndef b(x):\n    return x",
        "class f:\n    pass",
        "f = lambda x: x",
        "async def f(x):\n    return x",
        "",
    ],
)
def test_without_an_unmistakable_entry_function_a_program_is_rejected(program):
    with pytest.raises(Rejected, match="named f"):
        RULES.program(program)


def test_helpers_and_methods_count_where_only_one_function_is_allowed():
    strict = Rules(single_function=True)
    nested = "def f(x):\n    def g(y):\n        return y\n    return g(x)"
    assert RULES.program(nested) == nested
    with pytest.raises(Rejected, match="2 functions"):
        strict.program(nested)


@pytest.mark.parametrize(
    ("header", "use"),
    [
        ("import random", "random.random()"),
        ("import random as r", "x"),
        ("from random import random", "x"),
        ("from random import *", "x"),
        ("import os.path", "x"),
        ("from os import path as p", "x"),
        ("import os as o", "o.path.join(x)"),
        ("from os import *", "x"),
        ("import os", "os.environ"),
        ("import os", "os.sys.exit()"),
        ("import sys", "sys.exit(x)"),
        ("from sys import exit", "x"),
        ("import multiprocessing.pool", "x"),
        ("import datetime", "x"),
    ],
)
def test_banned_modules_are_found_by_their_dotted_names(header, use):
    with pytest.raises(Rejected, match="banned module"):
        RULES.program(f"{header}\ndef f(x):\n    return {use}")


def test_a_banned_module_is_found_inside_the_function_that_imports_it():
    with pytest.raises(Rejected, match="banned module time"):
        RULES.program("def f(x):\n    import time\n    return x")


@pytest.mark.parametrize(
    ("header", "use"),
    [
        ("import os", "os.sep"),
        ("import sys", "sys.maxsize"),
        ("import timeit_, randomness", "x"),  # other names with the same beginning
        ("", "[random for random in x]"),  # a variable is not a module
        ("", "x.time.sleep"),
        ("import re", "re.compile(x)"),
        ("from math import *", "sqrt(x)"),
    ],
)
def test_what_is_not_banned_passes(header, use):
    program = f"{header}\ndef f(x):\n    return {use}".strip()
    assert RULES.program(program) == program


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('random').random()",
        "eval('1')",
        "exec(x)",
        "__builtins__['eval'](x)",
        "compile(x, '', 'eval')",
    ],
)
def test_what_hides_code_from_the_checks_is_rejected(expression):
    with pytest.raises(Rejected, match="hides code"):
        RULES.program(f"def f(x):\n    return {expression}")


@pytest.mark.parametrize("header", ["import importlib", "from importlib import import_module", "import builtins as b"])
def test_importing_by_name_is_rejected(header):
    with pytest.raises(Rejected, match="hides code"):
        RULES.program(f"{header}\ndef f(x):\n    return x")


@pytest.mark.parametrize(
    "source",
    [
        "def f(x:",
        "x = '\0'",
        "x = '\ud800'",
        "(" * 5000,
        "-" * 30_000 + "1",
        "1" + "+1" * 10_000,
        "9" * 5000,
        "x = " + "[" * 99 + "1" + "]" * 99,
        "#" * (MAX_SOURCE_BYTES + 1),
    ],
)
def test_hostile_source_is_rejected_and_never_a_crash(source):
    with pytest.raises(Rejected):
        parsed(source)


def test_a_tree_just_within_the_depth_bound_survives_every_operation():
    # Module, FunctionDef, Return and the Load contexts at the ends take four levels.
    program = "def f(x):\n    return x" + " + 1" * (MAX_DEPTH - 6)
    assert stripped(RULES.program(program)) == program
    assert program_fingerprint(program)


@pytest.mark.parametrize(
    "text",
    ["1", "'a', 2", "[1, -2.5], {'k': (None, True)}", "x=3", "set([1, 2])", "dict(a=1)", "10**3 + 2j", "{1, 2}", " 7 "],
)
def test_values_are_arguments(text):
    assert RULES.argument(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "lambda x: x",
        "setattr(f, '__code__', 1)",
        "f",
        "f(1)",
        "(1).__class__",
        "[i for i in range(3)]",
        "x := 3",
        "**{'x': 1}",
        "open('/etc/passwd')",
        "'{}'.format(1)",
    ],
)
def test_code_is_not_an_argument(text):
    with pytest.raises(Rejected, match="more than a value"):
        RULES.argument(text)


@pytest.mark.parametrize("text", ["", "1) + f(2", "1)(2", "1)\nf(2", "1 # one", ")", "1); import os; f(2", "1 2"])
def test_text_that_breaks_out_of_the_call_is_not_an_argument(text):
    with pytest.raises(Rejected):
        RULES.argument(text)


def test_expressions_may_be_arguments_where_an_option_allows_them_but_hide_nothing():
    lax = Rules(values_only=False)
    assert lax.argument("lambda x: x") == "lambda x: x"
    with pytest.raises(Rejected, match="hides code"):
        lax.argument("__import__('os')")


def test_spacing_and_quotes_do_not_make_another_argument():
    assert normalised_argument(" [1,2],'a' ") == normalised_argument('[1, 2], "a"')
    assert normalised_argument("[1, 2]") != normalised_argument("[2, 1]")


@given(st.lists(st.from_regex(r"[a-z]{1,4}_", fullmatch=True), min_size=8, max_size=8, unique=True))
def test_renaming_what_a_program_binds_does_not_make_another_program(names):
    assert normalised(renamed(dict(zip(RENAMEABLE, names, strict=True)))) == normalised(PROGRAM)


@given(st.integers(1, 8), st.sampled_from(["", "  ", "  # note"]), st.booleans())
def test_formatting_and_comments_do_not_make_another_program(indent, tail, blank):
    lines = PROGRAM.replace("    ", " " * indent).split("\n")
    assert normalised((f"{tail}\n\n" if blank else f"{tail}\n").join(lines)) == normalised(PROGRAM)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 1\n    x = 2",
        "def f(x):\n    'Add.'\n    return x + 1",
        "def f(x):\n    pass\n    return (x + 1)",
        "def g(y): return y + 1",
    ],
)
def test_what_has_no_effect_does_not_make_another_program(other):
    assert program_fingerprint(other) == program_fingerprint("def f(x):\n    return x + 1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return x + 1", "def f(x): return x + 2"),
        ("def f(x, y): return x - y", "def f(x, y): return y - x"),
        # Renaming a method, a keyword, a builtin or a captured name would make these alike.
        (
            "class C:\n  def a(self): return 1\n  def b(self): return 2\ndef f(x): return C().a()",
            "class C:\n  def b(self): return 1\n  def a(self): return 2\ndef f(x): return C().a()",
        ),
        (
            "def g(a, b): return a - b\ndef f(x): return g(a=x, b=1)",
            "def g(b, a): return b - a\ndef f(x): return g(a=x, b=1)",
        ),
        (
            "def g(y): return len(y)\ndef f(len): return g([len])",
            "def g(y): return sum(y)\ndef f(sum): return g([sum])",
        ),
        ("def f(x):\n    a = x\n    return locals()", "def f(x):\n    b = x\n    return locals()"),
        ("def f(x):\n    if x: return 1\n    return 2", "def f(x):\n    return 1\n    return 2"),
    ],
)
def test_programs_that_differ_have_different_fingerprints(one, other):
    assert program_fingerprint(one) != program_fingerprint(other)


def test_a_task_is_its_program_and_its_inputs_or_their_text():
    one, other = "def f(x): return x", "def f(y):\n    return y"
    assert task_fingerprint(one, ["1"], by="syntax_tree") == task_fingerprint(other, [" 1"], by="syntax_tree")
    assert task_fingerprint(one, ["1"], by="syntax_tree") != task_fingerprint(one, ["2"], by="syntax_tree")
    assert task_fingerprint(one, ["1"], by="text") != task_fingerprint(other, ["1"], by="text")


def test_stripping_removes_comments_docstrings_and_what_follows_f():
    program = "'''Module.'''\nK = 2  # two\ndef f(x):\n    '''Doc.'''\n    return x * K\nprint(f(1))"
    assert stripped(program) == "K = 2\n\ndef f(x):\n    return x * K"


def test_stripping_leaves_text_alone_where_there_is_nothing_to_strip():
    program = "def f(x):\n    if x == '#': x = '# no comment'\n    return x"
    assert stripped(program) == program
