"""Checks what the seed model wrote against real Python, for its model card.

Programs pass a whitelist of syntax first and run in one short-lived Python process with limits on time and memory.
This suffices to measure a model of our own making; self-play uses the executor in ``sparring.verifiers``.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Sequence

_NODES = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.If, ast.For, ast.Expr),
    *(ast.Name, ast.Load, ast.Store, ast.Constant, ast.List, ast.ListComp, ast.comprehension, ast.Subscript),
    *(ast.Slice, ast.Call, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.USub, ast.Compare, ast.Add, ast.Sub),
    *(ast.Mult, ast.FloorDiv, ast.Mod, ast.Gt, ast.Lt, ast.GtE, ast.LtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn),
)
_NAMES = frozenset(("x", "v", "i", "len", "sum", "max", "min", "sorted", "list", "range", "str"))
_METHODS = frozenset(("count", "upper"))
_MAX_CHARACTERS = 500
_SECONDS, _MEMORY_BYTES = 60, 1 << 30

_RUNNER = f"""
import ast, json, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY_BYTES}, {_MEMORY_BYTES}))
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
answers = []
for program, argument in json.load(sys.stdin):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        names = {{}}
        exec(program, names)
        answer = repr(names["f"](ast.literal_eval(argument)))
        answers.append(answer if len(answer) < 1000 else None)
    except Exception:
        answers.append(None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
json.dump(answers, sys.stdout)
"""


def is_plain(program: str) -> bool:
    """Whether a text is one function ``f(x)`` in the corpus' corner of Python, with nothing else to reach for."""
    if len(program) > _MAX_CHARACTERS:
        return False
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef) or tree.body[0].name != "f":
        return False
    return all(_is_plain_node(node) for node in ast.walk(tree))


def _is_plain_node(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _NAMES
    if isinstance(node, ast.Attribute):
        return node.attr in _METHODS
    return isinstance(node, _NODES)


def run_claims(claims: Sequence[tuple[str, str]]) -> list[str | None]:
    """``repr(f(argument))`` for each program and argument; None where it can not be had."""
    allowed = [number for number, (program, _) in enumerate(claims) if is_plain(program)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _RUNNER],
        input=json.dumps([claims[number] for number in allowed]),
        capture_output=True,
        text=True,
        check=True,
        timeout=2 * _SECONDS,
    )
    answers: list[str | None] = [None] * len(claims)
    for number, answer in zip(allowed, json.loads(done.stdout), strict=True):
        answers[number] = answer
    return answers


def canonical(text: str | None) -> str | None:
    """A literal's canonical text; None where the text is no literal."""
    if text is None:
        return None
    try:
        return repr(ast.literal_eval(text.strip()))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
