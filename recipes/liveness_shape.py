"""What the shape of statements alone says: where control never comes, what only looks like a statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_LEAVES = ast.Return | ast.Raise | ast.Break | ast.Continue
_Loop = ast.For | ast.AsyncFor | ast.While
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
# Values that nothing else refers to, and of them those that can not be changed in place.
_FRESH = (
    ast.Constant | ast.JoinedStr | ast.Compare | ast.List | ast.Dict | ast.Set | ast.Tuple
    | ast.ListComp | ast.DictComp | ast.SetComp
)  # fmt: skip
_UNCHANGEABLE = ast.Constant | ast.JoinedStr


def completes(statement: ast.stmt) -> bool:
    """Whether the statement after ``statement`` can be reached through it."""
    match statement:
        case ast.If(test=ast.Constant(value=value), body=body, orelse=orelse):
            return _block_completes(body if value else orelse)
        case ast.If(body=body, orelse=orelse):
            return _block_completes(body) or _block_completes(orelse)
        case ast.While(test=ast.Constant(value=value)) if value:
            return any(isinstance(node, ast.Break) for node in _own_jumps(statement))
        case ast.Try() | ast.TryStar():
            ends = [[*statement.body, *statement.orelse], *(handler.body for handler in statement.handlers)]
            return _block_completes(statement.finalbody) and any(map(_block_completes, ends))
    return not isinstance(statement, _LEAVES)


def is_empty_iterable(node: ast.expr) -> bool:
    """Whether a loop over ``node`` never has a turn; ``range`` is taken to be the builtin."""
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value="" | b""):
            return True
        case ast.Call(func=ast.Name(id="range"), args=arguments, keywords=[]) if 1 <= len(arguments) <= 3:
            numbers = [number for number in map(_integer, arguments) if number is not None]
            if len(numbers) == len(arguments) and numbers[2:] != [0]:
                return not range(*numbers)
    return False


def is_self_assignment(node: ast.Assign | ast.AnnAssign) -> bool:
    """``x = x``."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    alone = isinstance(node, ast.AnnAssign) or len(node.targets) == 1
    match target, node.value:
        case ast.Name(id=name), ast.Name(id=value):
            return alone and name == value
    return False


def is_numeric_change(node: ast.AugAssign) -> bool:
    """``x += 1`` and the like, which change no object in place: for a list they are an error, but for ``*=``."""
    return _is_number(node.value) and not isinstance(node.op, ast.Mult)


def unshared_names(body: list[ast.stmt], parameters: frozenset[str]) -> frozenset[str]:
    """Names whose values ``x += y`` may change without anything else noticing, in a program that is not wild.

    Either nothing reads the name, or it never holds a value that can be changed in place.
    """
    nodes = [node for statement in body for node in ast.walk(statement)]
    read = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)}
    known: set[ast.Name] = set()  # where a name is bound to a value that is seen
    changeable: set[str] = set()
    shared = set(parameters)
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name() as target], value=value):
                known.add(target)
                if not isinstance(value, _UNCHANGEABLE):
                    changeable.add(target.id)
                if not isinstance(value, _FRESH):
                    shared.add(target.id)
            case ast.AugAssign(target=ast.Name() as target, op=operator, value=value):
                known.add(target)
                if isinstance(operator, ast.Mult) and not _is_number(value):
                    changeable.add(target.id)  # 2 * [...] is a list
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                shared.update(names)
    stores = {node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    shared |= {node.id for node in stores - known}
    return frozenset({node.id for node in known} - shared - (changeable & read))


def is_bare(node: ast.stmt, kind: type) -> bool:
    """A statement that is nothing but a constant of one type."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, kind)


def description(node: ast.stmt) -> str:
    """Why ``node`` is dead, in words."""
    match node:
        case ast.Assign() | ast.AnnAssign() if is_self_assignment(node):
            return "assigns a name to itself"
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return f"{', '.join(map(ast.unparse, targets))} is not read afterwards"
        case ast.Expr():
            return "its value is not used"
    return f"{type(node).__name__.lower()} without an effect"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex)


def _block_completes(block: list[ast.stmt]) -> bool:
    return all(map(completes, block))


def _integer(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def _own_jumps(loop: ast.While) -> Iterator[ast.AST]:
    """Every node in whose place a ``break`` would leave ``loop``."""
    waiting: list[ast.AST] = list(loop.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _Loop):
            waiting.extend(node.orelse)
        elif not isinstance(node, _Scope):
            waiting.extend(ast.iter_child_nodes(node))
