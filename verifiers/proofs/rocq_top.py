"""Talking to a coqtop: commands go in, what they printed and the prompts behind them come out.

    standard output   messages, cut at marks nobody can foresee; the last mark ends an exchange and wakes us, once
    standard error    a prompt behind every command, with its error before it; looked at when the mark has come

Text of a model's can print, and so forge anything but what comes after it: a mark is made for one exchange and printed
only behind that text. By errors prompts can be added but none can be taken away. The prompt behind the last mark is
written after it, and so comes with its own exchange or with the next one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import SessionLost, Usage
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process

ARGUMENTS = ("-q", "-emacs", "-w", "-all")
PROMPT = re.compile(r"<prompt>\S+ < (\d+) \|([^|\n]*)\| \d+ < </prompt>")
ANSWER = "No object of basename "  # to Locate of a name that nothing has
# Of one exchange; a tactic in a loop can print without end.
OUTPUT_BYTES = 4 << 20


class Reply(NamedTuple):
    """The error of one command, and the prompt behind it: the state, and the proofs that are open."""

    error: str
    state: int
    open_proofs: str


@dataclass(frozen=True, slots=True)
class Section:
    """The replies to some commands and perhaps to the mark behind them, and the state before the first of them."""

    before: int
    replies: tuple[Reply, ...]

    @property
    def failed(self) -> int | None:
        """The first command that was refused: its prompt shows the state before it. None: there is none."""
        state = self.before
        for number, reply in enumerate(self.replies):
            if reply.state == state:
                return number
            state = reply.state
        return None

    def all_succeeded(self, count: int) -> bool:
        """Whether there are exactly ``count`` replies and perhaps the mark's, each one state after the one before."""
        found = len(self.replies)
        states = [reply.state for reply in self.replies]
        return count <= found <= count + 1 and states == list(range(self.before + 1, self.before + found + 1))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said in one exchange."""

    printed: tuple[str, ...]  # messages, of each part
    replies: tuple[Reply, ...]  # to all commands, marks among them; see the module for the first and the last

    def behind_start(self) -> Section:
        """Of the first exchange: before it stands the prompt that coqtop begins with.

        Raises:   SessionLost: it does not.
        """
        if not self.replies:
            raise SessionLost("a prover without a prompt")
        return Section(self.replies[0].state, self.replies[1:])


def replies(text: str) -> tuple[Reply, ...]:
    """``text`` cut at its prompts."""
    cut = PROMPT.split(text)  # before a prompt, its state, its open proofs, and so on
    return tuple(
        Reply(error.strip(), int(state), open_proofs)
        for error, state, open_proofs in zip(cut[:-1:3], cut[1::3], cut[2::3], strict=True)
    )


class RocqTop:
    """One coqtop process, and the exchanges with it; close it in the end.

    Raises:   OSError: it could not be started.
    """

    def __init__(self, command: Command, *, jail: bool, affinity: Sequence[int] = ()) -> None:
        self.process = Process(command, jail=jail, errors="recorded", affinity=affinity)

    async def exchange(self, *parts: Sequence[str]) -> Answer:
        """Send the commands of every part, one part after the other, and return what was said.

        Raises:   SessionLost: coqtop ended, or prints past all bounds.
        """
        marks = [f"mark_{secrets.token_hex(12)}" for _ in parts]
        lines = [line for part, mark in zip(parts, marks, strict=True) for line in (*part, f"Locate {mark}.")]
        data = ("\n".join(lines) + "\n").encode()
        answer = await self.process.ask(data, f"{ANSWER}{marks[-1]}\n".encode(), at_most=OUTPUT_BYTES)
        # The prompts of all commands before the mark were written before the mark was.
        errors = self.process.recorded(at_most=OUTPUT_BYTES)
        text, printed = answer.decode(errors="replace"), []
        for mark in marks:
            found, separator, text = text.partition(f"{ANSWER}{mark}\n")
            if not separator:
                raise SessionLost(f"the mark of a part is missing in {found[-200:]!r}")
            printed.append(found.strip())
        return Answer(tuple(printed), replies(errors.decode(errors="replace")))

    async def printed(self, commands: Sequence[str]) -> tuple[str, ...]:
        """What each of ``commands`` prints; nothing: it is refused, or silent.

        Raises:   SessionLost: as ``exchange``.
        """
        return (await self.exchange(*([command] for command in commands))).printed

    def usage(self) -> Usage:
        return self.process.usage()

    def computes(self) -> bool:
        return self.process.computes()

    async def close(self) -> None:
        await self.process.close()


def shown(output: str, *, chars: int = 1000) -> str:
    """An error of coqtop's without the lines of the input it repeats."""
    kept = [line for line in output.splitlines() if not line.startswith((">", "Toplevel input, characters"))]
    return re.sub(r"</?(?:infomsg|warning)>", "", " ".join(" ".join(kept).split()))[:chars]


def outcome_of_error(output: str) -> Outcome:
    """An error of the prover's that is about a limit rather than about the proof."""
    return Outcome.MEMORY if shown(output).startswith("Error: Out of memory") else Outcome.FAILED
