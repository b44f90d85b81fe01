"""Dead code: what is found, what is left alone, and that striking it out changes nothing."""

import ast
import textwrap
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.recipes.corpus import draw_specimen
from sparring.recipes.liveness import dead_places, dead_statements
from sparring.recipes.programs import Rejected


def body(*lines):
    return "\n    ".join(["def f(x):", *lines])


DEAD = {
    "after a return": (body("return x", "x = 1"), [3]),
    "after both branches return": (body("if x:", "    return 1", "else:", "    return 2", "x = 3"), [6]),
    "after an endless loop": (body("while True:", "    x.append(1)", "return x"), [4]),
    "after a break": (body("for i in x:", "    break", "    x = i", "return x"), [4]),
    "a branch never taken": (body("if False:", "    x = 1", "return x"), [2]),
    "the other branch of a condition that holds": (body("if 1:", "    x += 1", "else:", "    x = 0", "return x"), [5]),
    "a condition that always holds": (body("if True:", "    x += 1", "return x"), [2]),
    "a loop that never begins": (body("while 0:", "    x += 1", "return x"), [2]),
    "an empty range": (body("for i in range(0):", "    x += i", "return x"), [2]),
    "an empty range of three": (body("for i in range(1, 5, -1):", "    x += i", "return x"), [2]),
    "an empty list": (body("for i in []:", "    x += i", "else:", "    x = 2", "return x"), [3]),
    "a value never read": (body("y = x + 1", "return x"), [2]),
    "a value overwritten": (body("y = 1", "y = x", "return y"), [2]),
    "a chain that leads nowhere": (body("y = x", "z = y", "return x"), [2, 3]),
    "a parameter overwritten at the end": (body("y = x", "x = 2", "return y"), [3]),
    "an accumulator never read": (body("n = 0", "for i in x:", "    n += i", "return x"), [2, 3]),
    "a counter beside": (body("n = 0", "s = 0", "for i in x:", "    s += i", "    n += 1", "return s"), [2, 6]),
    "two names at once": (body("a, b = x, 1", "return x"), [2]),
    "an annotated value": (body("y: int = 1", "return x"), [2]),
    "a name assigned to itself": (body("x = x", "return x"), [2]),
    "a bare constant": (body("1", "return x"), [2]),
    "a bare comparison": (body("x == 1", "return x"), [2]),
    "a call that only looks": (body("len(x)", "return x"), [2]),
    "a method that only looks": (body("y = x.upper()", "return x"), [2]),
    "pass beside others": (body("pass", "return x"), [2]),
    "pass in an else": (body("if x:", "    x = 1", "else:", "    pass", "return x"), [5]),
    "a condition over nothing": (body("if x > 1:", "    pass", "return x"), [2]),
    "a loop over nothing": (body("for i in x:", "    pass", "return x"), [2]),
    "both branches dead": (body("if x:", "    y = 1", "else:", "    y = 2", "return x"), [2]),
    "a constant in a try": (
        body("try:", "    y = 1", "    x = x[0]", "except KeyError:", "    x = 0", "return x"),
        [3],
    ),
    "a helper never used": ("def g(x):\n    return g(x)\n" + body("return x"), [1]),
    "helpers of each other": ("def g(x):\n    return h(x)\ndef h(x):\n    return g(x)\n" + body("return x"), [1, 3]),
    "a nested helper never used": (body("def g(y):", "    return y", "return x"), [2]),
    "an import never used": ("import math\n" + body("return x"), [1]),
    "one of two imports": ("from math import sin, cos\n" + body("return sin(x)"), [1]),
    "a global never read": ("K = 3\n" + body("return x"), [1]),
    "in a helper": ("def g(x):\n    y = 1\n    return x\n" + body("return g(x)"), [2]),
    "shadowed by a comprehension": (body("i = 1", "return [i for i in x]"), [2]),
    "shadowed by a lambda": (body("i = 1", "return sorted(x, key=lambda i: -i)"), [2]),
    "a constant even in a wild program": ("class A:\n    pass\n" + body("y = 1", "return A"), [4]),
}  # fmt: skip

LIVE = {
    "a docstring": body('"""Doc."""', "return x"),
    "a lone pass": body("pass"),
    "a parameter that does not matter": "def f(x, y):\n    return x",
    "a loop variable that does not matter": body("s = 0", "for i in x:", "    s += 2", "return s"),
    "read in the next turn": body("y = 0", "for i in x:", "    x = y", "    y = i", "return x"),
    "read after a break": body("y = 0", "for i in x:", "    y = i", "    break", "return y"),
    "read after continue": body("s = 0", "for i in x:", "    if i: continue", "    s += 1", "return s"),
    "read in the condition": body("n = 3", "while n:", "    n -= 1", "    x += 1", "return x"),
    "written on one path": body("y = 0", "if x:", "    y = 1", "return y"),
    "read by a handler": body("try:", "    y = 2", "    y = x[0]", "except KeyError:", "    return y", "return y"),
    "read by a finally": body("y = []", "z = 1", "try:", "    z = 2", "    return y", "finally:", "    y.append(z)"),
    "in a try, what may fail": body("try:", "    y = int(x)", "except ValueError:", "    return 0", "return 1"),
    "changes its object": body("y = x.pop()", "return x"),
    "a method called": body("x.append(1)", "return x"),
    "stored into": body("y = x", "y[0] = 1", "return x"),
    "added in place to what is shared": body("y = x", "y += [1]", "return x"),
    "multiplied in place": body("y = x", "y *= 2", "return x"),
    "an unknown call": "def g(x):\n    x.append(1)\n" + body("y = g(x)", "return x"),
    "an unknown key": "def g(x):\n    print(x)\n" + body("y = sorted(x, key=g)", "return x"),
    "a builtin with another meaning": "def len(x):\n    x.append(1)\n" + body("y = len(x)", "return x"),
    "a walrus": body("(y := x)", "return y"),
    "read by a closure": body("y = 1", "def g():", "    return y", "y = 2", "return g()"),
    "read by a lambda": body("y = 1", "g = lambda: y", "y = 2", "return g()"),
    "nonlocal": body("y = 1", "def g():", "    nonlocal y", "    y = 3", "g()", "return y"),
    "global": "K = 1\n" + body("global K", "K = x", "return g()") + "\ndef g():\n    return K",
    "read by locals": body("y = 1", "return locals()"),
    "uses an iterator up": body("i = iter(x)", "y = list(i)", "return list(i)"),
    "uses a generator up": body("g = (i for i in x)", "y = sum(g)", "return sum(g)"),
    "a generator that is read late": body("k = 1", "g = (i + k for i in x)", "k = 2", "return list(g)"),
    "adds a key": "from collections import defaultdict\n" + body("d = defaultdict(int)", "y = d[x]", "return d"),
    "an operator of a class": "class A:\n    __add__ = list.append\n" + body("a = A()", "y = a + x", "return a"),
    "a decorator": "def g(h):\n    return h\n@g\ndef k():\n    pass\n" + body("return x"),
    "deleted": body("y = 1", "del y", "return x"),
    "a generator": body("y = yield x", "return x"),
    "swallowed by with": "import io\n" + body("y = 1", "with io.suppress(ValueError):", "    y = int(x)", "return y"),
    "a case": body("y = 0", "match x:", "    case [y, *_]:", "        pass", "return y"),
    "an endless loop that ends": body("while True:", "    x -= 1", "    if x < 0: break", "return x"),
    "a used import": "import math\n" + body("return math.pi * x"),
    "a used helper": "def g(x):\n    return x\n" + body("return g(x)"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEAD)
def test_what_has_no_effect_is_found(name):
    program, lines = DEAD[name]
    assert [node.lineno for node, _ in dead_places(ast.parse(program))] == lines


@pytest.mark.parametrize("name", LIVE)
def test_what_may_have_an_effect_is_left_alone(name):
    assert dead_statements(LIVE[name]) == []


def test_a_place_is_told_with_its_line_and_reason():
    program = body("y = x", "return x", "pass")
    assert dead_statements(program) == ["line 2: y is not read afterwards", "line 4: is never reached"]


def test_text_that_is_not_python_is_rejected():
    with pytest.raises(Rejected, match="not Python"):
        dead_statements("def f(")


@pytest.mark.parametrize("num_statements", [1, 2, 3, 4])
def test_programs_that_need_every_statement_are_never_flagged(num_statements):
    random = Random(num_statements)
    for _ in range(150):
        program = draw_specimen(random, num_statements).program
        assert dead_statements(program) == [], program


@pytest.mark.parametrize(
    "program",
    [
        "def f(x):\n" + "".join(f"{' ' * (n + 1)}for a{n} in x:\n" for n in range(90)) + " " * 91 + "x = a0\n return x",
        "def f(x):\n" + "".join(f"{' ' * (n + 1)}while x:\n" for n in range(90)) + " " * 91 + "x -= 1\n return x",
        "def f(x):\n return " + "[a for a in " * 45 + "x" + "]" * 45,
        "def f(x):\n return " + "(lambda a: " * 45 + "x" + ")" * 45,
        "def f(x):\n while x:\n" + "".join(f"  a{n} = a{n + 1}\n" for n in range(200)) + " return a0",
    ],
    ids=["nested for", "nested while", "nested comprehensions", "nested lambdas", "a long chain"],
)
def test_hostile_programs_take_no_time(program):
    began = time.process_time()
    dead_statements(program)
    assert time.process_time() - began < 0.8


# Striking out


INTS, LISTS = ("a", "b", "c"), ("u", "v")
ints, lists, numbers = st.sampled_from(INTS), st.sampled_from(LISTS), st.integers(0, 3).map(str)
operands = st.one_of(ints, numbers)
conditions = st.one_of(
    st.builds("{} < {}".format, operands, operands),
    st.builds("{} in {}".format, operands, lists),
    st.sampled_from(["True", "False"]),
)
simple = st.one_of(
    st.builds("{} = ({} + {}) % 7".format, ints, operands, operands),
    st.builds("{} = {}".format, ints, operands),
    st.builds("{} += {}".format, ints, operands),
    st.builds("{} %= 5".format, ints),
    st.builds("{}, {} = {}, {}".format, ints, ints, operands, operands),
    st.builds("{} = sum(a for a in {}) % 7".format, ints, lists),
    st.builds("{} = len({}) + g()".format, ints, lists),
    st.builds("{} = {}".format, lists, lists),
    st.builds("{} = [{}, {}]".format, lists, operands, operands),
    st.builds("{} += [{}]".format, lists, operands),
    st.builds("{}.append({})".format, lists, operands),
    st.builds("{} = [b + {} for b in {}[:3]]".format, lists, operands, lists),
    st.sampled_from(["pass", "a == b", "w = 1", "w += 2"]),
)
jumps = st.sampled_from(["return a", "return (b, u)"])
loop_jumps = st.one_of(jumps, st.sampled_from(["break", "continue"]))


def indented(lines):
    return textwrap.indent("\n".join(lines), "    ")


def blocks(depth, *, in_loop=False):
    """Lists of statements' texts, conditions and loops among them."""
    kinds = [simple, simple, simple, loop_jumps if in_loop else jumps]
    if depth:
        inner, turning = blocks(depth - 1, in_loop=in_loop), blocks(depth - 1, in_loop=True)
        kinds += [
            st.builds("if {}:\n{}\nelse:\n{}".format, conditions, inner.map(indented), inner.map(indented)),
            st.builds("if {}:\n{}".format, conditions, inner.map(indented)),
            st.builds("for {} in range({}):\n{}".format, ints, numbers, turning.map(indented)),
            st.builds(
                "for {} in {}[:2]:\n{}\nelse:\n{}".format, ints, lists, turning.map(indented), inner.map(indented)
            ),
            st.builds("while True:\n{}\n    break".format, inner.map(indented)) if not in_loop else simple,
            st.builds(
                "try:\n{}\n    {} = 1 // {}\nexcept ZeroDivisionError:\n{}\nfinally:\n{}".format,
                inner.map(indented), ints, ints, inner.map(indented), st.lists(simple, min_size=1).map(indented),
            ),
        ]  # fmt: skip
    return st.lists(st.one_of(kinds), min_size=1, max_size=4)


def program_of(lines):
    start = ["a, b, c, w = x, 1, 2, 0", "u, v = [x, 3], []", "def g():", "    return c"]
    return "def f(x):\n" + indented([*start, *lines, "return (a, b, u, v)" if len(lines) % 2 else "return (a, len(u))"])


class StrikeOut(ast.NodeTransformer):
    def __init__(self, dead):
        self.dead = {id(node) for node in dead}

    def generic_visit(self, node):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                kept = [self.visit(part) for part in block if id(part) not in self.dead]
                setattr(node, field, kept or [ast.Pass()])
        for handler in getattr(node, "handlers", []):
            self.visit(handler)
        return node


def results(tree):
    """What ``f`` gives for some numbers; an unexpected error is a result too."""
    scope: dict[str, object] = {}
    exec(compile(ast.fix_missing_locations(tree), "generated", "exec"), scope)
    found = []
    for number in range(4):
        try:
            found.append(repr(scope["f"](number)))
        except Exception as error:
            found.append(type(error).__name__)
    return found


@settings(max_examples=40, deadline=None)
@given(blocks(2).map(program_of))
def test_striking_out_what_is_dead_changes_no_result(program):
    tree = ast.parse(program)
    expected = results(ast.parse(program))
    dead = [node for node, _ in dead_places(tree)]
    assert results(StrikeOut(dead).visit(tree)) == expected


def test_where_errors_are_caught_an_error_in_a_helper_is_an_effect():
    helper = "def g(x):\n    y = int(x)\n    return 1\n"
    caught = "def f(x):\n    try:\n        return g(x)\n    except ValueError:\n        return 2"
    assert dead_statements(helper + caught) == []
    assert len(dead_statements(helper + "def f(x):\n    return g(x)")) == 1
