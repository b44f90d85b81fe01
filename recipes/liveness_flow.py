"""Strong liveness of one scope: the names that may still be read, followed backwards through its statements.

Sets of names are bits of integers. A loop's set is kept between sweeps over the whole scope and only grows, so that
nested loops cost a few sweeps more and not a power of their depth.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from sparring.recipes.liveness_shape import (
    completes,
    description,
    is_bare,
    is_empty_iterable,
    is_numeric_change,
    is_self_assignment,
    unshared_names,
)
from sparring.recipes.purity import Purity, bound_names, free_names, target_names

Place = tuple["ast.stmt | ast.expr | ast.alias", str]  # what is dead, and why

# Each sweep carries a name over at least one more assignment; real programs need three or four.
MAX_SWEEPS = 16
_ALL = -1  # the set of all names


class Flow(NamedTuple):
    """The names that may be read where a statement leads to."""

    after: int
    on_break: int = 0
    on_continue: int = 0
    on_error: int = 0  # in handlers and finally blocks around it; a return passes through those too
    guarded: bool = False  # in a try block, where an error is an effect


class ScopeFlow:
    """The statements of one function, or of the top level."""

    def __init__(
        self,
        body: list[ast.stmt],
        parameters: frozenset[str],
        *,
        pinned: set[str],
        at_end: set[str],
        purity: Purity,
        at_top: bool,
        guarded: bool,
    ) -> None:
        self._body, self._purity, self._at_top = body, purity, at_top
        self._guarded = guarded  # an error may be caught by whoever calls this scope
        self._bits: dict[str, int] = {}
        self._pinned = _ALL if purity.reflects else self._set(pinned)  # read at times nobody knows: by closures
        self._at_end = self._set(at_end)
        self._unshared = unshared_names(body, parameters)
        self._docstring = body[0] if body and is_bare(body[0], str) else None
        self._loops: dict[int, int] = {}  # loop -> names that may be read when a turn begins
        self._reads: dict[int, int] = {}
        self._found: list[Place] = []

    def places(self) -> list[Place]:
        """Every dead place, in no particular order."""
        for _ in range(MAX_SWEEPS):
            before, self._found = dict(self._loops), []
            self._block(self._body, Flow(after=self._at_end, guarded=self._guarded))
            if self._loops == before:
                return self._found
        self._pinned, self._found = _ALL, []
        self._block(self._body, Flow(after=self._at_end, guarded=self._guarded))
        return self._found

    # --- sets

    def _set(self, names: Iterable[str]) -> int:
        return _union(self._bits.setdefault(name, 1 << len(self._bits)) for name in names)

    def _read(self, node: ast.AST | None) -> int:
        if node is None:
            return 0
        if id(node) not in self._reads:
            self._reads[id(node)] = self._set(free_names(node))
        return self._reads[id(node)]

    def _read_all(self, nodes: Iterable[ast.AST | None]) -> int:
        return _union(map(self._read, nodes))

    def _needed(self, bits: int, flow: Flow) -> bool:
        return bool(bits & (flow.after | flow.on_error | self._pinned))

    def _is_pure(self, expression: ast.expr, flow: Flow) -> bool:
        return isinstance(expression, ast.Constant) if flow.guarded else self._purity.is_pure(expression)

    # --- blocks

    def _block(self, block: list[ast.stmt], flow: Flow, *, optional: bool = False) -> tuple[int, bool]:
        """Names that may be read when ``block`` begins, and whether all of it is dead."""
        end = next((at + 1 for at, statement in enumerate(block) if not completes(statement)), len(block))
        if end < len(block):
            self._found.append((block[end], "is never reached"))
        live, all_dead = flow.after, True
        for statement in reversed(block[:end]):
            known = len(self._found)
            live, dead = self._statement(statement, flow._replace(after=live))
            live |= flow.on_error
            all_dead &= dead
            if dead and statement is not self._docstring:
                del self._found[known:]
                if len(block) > 1 or optional or not (isinstance(statement, ast.Pass) or is_bare(statement, type(...))):
                    self._found.append((statement, description(statement)))
        return live, all_dead

    def _statement(self, node: ast.stmt, flow: Flow) -> tuple[int, bool]:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return flow.after, True
            case ast.Expr(value=value) if self._is_pure(value, flow):
                return flow.after, True
            case ast.Assign(targets=targets, value=value):
                return self._assignment(node, targets, value, flow)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                return self._assignment(node, [target], value, flow)
            case ast.AugAssign():
                return self._augmented(node, flow)
            case ast.Return() | ast.Raise():
                return self._read(node), False
            case ast.Break():
                return flow.on_break, False
            case ast.Continue():
                return flow.on_continue, False
            case ast.If():
                return self._if(node, flow)
            case ast.For() | ast.AsyncFor():
                return self._for(node, flow)
            case ast.While():
                return self._while(node, flow)
            case ast.Try() | ast.TryStar():
                return self._try(node, flow), False
            case ast.With() | ast.AsyncWith():
                # What is entered may swallow an error and go on behind the block.
                inner = flow._replace(on_error=flow.on_error | flow.after, guarded=True)
                return self._block(node.body, inner)[0] | self._read_all(node.items), False
            case ast.Match():
                bodies = [self._block(case.body, flow)[0] for case in node.cases]
                patterns = [part for case in node.cases for part in (case.pattern, case.guard)]
                return _union([flow.after, *bodies, self._read_all([node.subject, *patterns])]), False
        return flow.after | self._read(node), False

    # --- statements

    def _assignment(
        self, node: ast.Assign | ast.AnnAssign, targets: list[ast.expr], value: ast.expr, flow: Flow
    ) -> tuple[int, bool]:
        if is_self_assignment(node) and not self._at_top:
            return flow.after, True
        names = self._names(targets)
        if names is None:
            return flow.after | self._read(node), False
        if not self._needed(names, flow) and self._is_pure(value, flow):
            return flow.after, True
        return flow.after & ~names | self._read(node), False

    def _augmented(self, node: ast.AugAssign, flow: Flow) -> tuple[int, bool]:
        names = self._names([node.target])
        if names is None or flow.guarded or self._purity.wild or self._needed(names, flow):
            return flow.after | self._read(node), False
        unshared = isinstance(node.target, ast.Name) and node.target.id in self._unshared
        dead = (unshared or is_numeric_change(node)) and self._is_pure(node.value, flow)
        return flow.after if dead else flow.after | self._read(node), dead

    def _if(self, node: ast.If, flow: Flow) -> tuple[int, bool]:
        if isinstance(node.test, ast.Constant):
            taken, other = (node.body, node.orelse) if node.test.value else (node.orelse, node.body)
            if other:
                self._found.append((other[0], "never runs: the condition is constant"))
            else:
                self._found.append((node.test, "is always true"))
            return self._block(taken, flow)
        body, body_dead = self._block(node.body, flow)
        orelse, orelse_dead = self._block(node.orelse, flow, optional=True)
        if body_dead and orelse_dead and self._is_pure(node.test, flow):
            return flow.after, True
        return body | orelse | self._read(node.test), False

    def _for(self, node: ast.For | ast.AsyncFor, flow: Flow) -> tuple[int, bool]:
        if is_empty_iterable(node.iter) and "range" not in self._purity.rebound:
            return self._without_turns(node, flow)
        names = self._names([node.target])
        head = self._loops.get(id(node), 0)
        body, body_dead = self._block(node.body, flow._replace(after=head, on_break=flow.after, on_continue=head))
        orelse, orelse_dead = self._block(node.orelse, flow, optional=True)
        head |= orelse | body & ~(names or 0) | self._read(node.target)
        self._loops[id(node)] = head
        dead = body_dead and orelse_dead and isinstance(node, ast.For) and self._is_pure(node.iter, flow)
        if dead and names is not None and not self._needed(names, flow):
            return flow.after, True
        return head | self._read(node.iter), False

    def _while(self, node: ast.While, flow: Flow) -> tuple[int, bool]:
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        if isinstance(node.test, ast.Constant) and not forever:
            return self._without_turns(node, flow)
        if forever and node.orelse:
            self._found.append((node.orelse[0], "never runs: the condition is constant"))
        head = self._loops.get(id(node), 0)
        body, _ = self._block(node.body, flow._replace(after=head, on_break=flow.after, on_continue=head))
        exit_live = 0 if forever else self._block(node.orelse, flow, optional=True)[0]
        head |= body | exit_live | self._read(node.test)
        self._loops[id(node)] = head
        return head, False

    def _without_turns(self, node: ast.For | ast.AsyncFor | ast.While, flow: Flow) -> tuple[int, bool]:
        self._found.append((node.body[0], "never runs: the loop has no turns"))
        return self._block(node.orelse, flow, optional=True)

    def _try(self, node: ast.Try | ast.TryStar, flow: Flow) -> int:
        final, _ = self._block(node.finalbody, flow, optional=True)
        inner = flow._replace(after=final)
        if node.finalbody:
            inner = inner._replace(on_error=flow.on_error | final | self._read_all(node.finalbody))
        handlers = _union(
            self._block(handler.body, inner)[0] & ~self._set(bound_names(handler)) | self._read(handler.type)
            for handler in node.handlers
        )
        orelse, _ = self._block(node.orelse, inner, optional=True)
        guarded = flow.guarded or bool(node.handlers)
        tried = inner._replace(after=orelse, on_error=inner.on_error | handlers, guarded=guarded)
        return self._block(node.body, tried)[0] | handlers

    def _names(self, targets: list[ast.expr]) -> int | None:
        """The names that an assignment binds; None if it also changes an object."""
        parts = [node for target in targets for node in ast.walk(target)]
        if any(isinstance(node, ast.Attribute | ast.Subscript) for node in parts):
            return None
        return self._set(name for target in targets for name in target_names(target))


def _union(sets: Iterable[int]) -> int:
    whole = 0
    for bits in sets:
        whole |= bits
    return whole
