"""How a recipe of program tasks speaks to a model: prompts out, completions in.

A dialect turns a task into a prompt and a completion into a `Reading`. It reads text only; nothing a
model wrote is run here. Two dialects exist: `prose` (the paper's, for instruction-following models) and
`compact` (role tokens, for the seed model).

Task kinds and the payload each carries (all program text defines ``f``; an argument is the text inside ``f(...)``):

    propose/deduction, propose/abduction   references: [{program, input, output}, ...]
    propose/induction                      program, input
    solve/deduction, solve/abduction       program, input, output
    solve/induction                        program, inputs: [...], outputs: [...], message
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sparring.core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a completion says, as text; a field is None or empty where the completion does not have it."""

    well_formed: bool  # the completion as a whole has the dialect's shape
    program: str | None = None  # propose deduction and abduction, solve induction
    inputs: tuple[str, ...] = ()  # propose: one argument (deduction, abduction) or several (induction)
    message: str = ""  # propose induction
    answer: str | None = None  # solve deduction: a value; solve abduction: an argument
    thoughts: str = ""  # what stands before the answer and is not graded: intermediate values, or reasoning

    @property
    def thinks(self) -> bool:
        """Whether it works something out before it answers."""
        return bool(self.thoughts)


class Dialect(ABC):
    """One way of asking and reading."""

    @abstractmethod
    def prompt(self, task: Task, *, num_inputs: int) -> str:
        """The text a role sees; ``num_inputs`` is how many arguments an induction proposal must give.

        A solver of an induction task sees the first half of the pairs; the rest stay hidden.
        """

    @abstractmethod
    def read(self, kind: str, text: str) -> Reading:
        """What the completion ``text`` of a task of ``kind`` says."""
