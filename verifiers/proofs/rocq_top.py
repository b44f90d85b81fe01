"""Talking to a coqtop: commands go in, what each of them printed comes out, cut at marks nobody can foresee.

Text of a model's can print, and so forge anything but what comes after it: a mark is made for one exchange and printed
only behind that text. Prompts can be added to the output of a section but none can be taken away.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import SessionLost, Usage
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process

ARGUMENTS = ("-q", "-emacs", "-w", "-all")
PROMPT = re.compile(r"<prompt>(\S+) < (\d+) \|([^|\n]*)\| \d+ < </prompt>")
ANSWER = "No object of basename "  # to Locate of a name that nothing has
# Of one exchange; a tactic in a loop can print without end.
OUTPUT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What one command printed, and the prompt behind it: the state, and the proofs that are open."""

    output: str
    state: int
    open_proofs: str


@dataclass(frozen=True, slots=True)
class Section:
    """The replies to the commands of one section, and the state before the first of them."""

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
        """Whether there are exactly ``count`` replies, each one state further than the one before."""
        states = [reply.state for reply in self.replies]
        return states == list(range(self.before + 1, self.before + count + 1))


def section(text: str) -> Section:
    """``text`` cut at its prompts; the first of them is the one before the first command.

    Raises:   SessionLost: there is no prompt.
    """
    prompts = list(PROMPT.finditer(text))
    if not prompts:
        raise SessionLost(f"no prompt in {text[-200:]!r}")
    replies = tuple(
        Reply(text[before.end() : prompt.start()].strip(), int(prompt[2]), prompt[3])
        for before, prompt in pairwise(prompts)
    )
    return Section(int(prompts[0][2]), replies)


class RocqTop:
    """One coqtop process, and the exchanges with it; close it in the end.

    Raises:   OSError: it could not be started.
    """

    def __init__(self, command: Command, *, jail: bool, affinity: Sequence[int] = ()) -> None:
        self.process = Process(command, jail=jail, merge_errors=True, affinity=affinity)

    async def exchange(self, *parts: Sequence[str]) -> list[Section]:
        """Send the commands of every part, one part after the other, and return what they printed.

        Raises:   SessionLost: coqtop ended, or prints past all bounds.
        """
        marks = [f"mark_{secrets.token_hex(12)}" for _ in parts]
        lines = [line for part, mark in zip(parts, marks, strict=True) for line in (*part, f"Locate {mark}.")]
        data = ("\n".join(lines) + "\n").encode()
        answer = await self.process.ask(data, (ANSWER + marks[-1]).encode(), at_most=OUTPUT_BYTES)
        text, sections = answer.decode(errors="replace"), []
        for mark in marks:
            # An error shows the line that it is in, so the mark alone may stand elsewhere.
            found, separator, text = text.partition(f"</prompt>{ANSWER}{mark}")
            if not separator:
                raise SessionLost(f"the mark of a section is missing in {found[-200:]!r}")
            sections.append(section(f"{found}</prompt>"))
        return sections

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
    return Outcome.MEMORY if "Out of memory" in output else Outcome.FAILED
