"""One program of Lean's tool chain, run once in a process, a directory and a jail that nothing else uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from sparring.verifiers.proofs.backend import SessionLost
from sparring.verifiers.proofs.bounded import Limits, bounded
from sparring.verifiers.proofs.lean_replies import Message
from sparring.verifiers.proofs.lean_settings import LeanSettings
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process

OUTPUT_BYTES = 4 << 20  # of what the program says; the rest is cut off
RESULT_BYTES = 128 << 20
# First a line with the exit code and the size of what it said, then that, then the file it made, if it made one.
SCRIPT = """
({command}) >out 2>&1 </dev/null
code=$?
head -c {output_bytes} out >said
echo "$code $(wc -c <said)"
cat said
[ -z "{result}" ] || [ ! -f "{result}" ] || cat "{result}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended; above 128: by a signal."""

    code: int
    said: str
    result: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and within what such programs run."""

    settings: LeanSettings
    jail: bool
    limits: Limits  # of one program
    affinity: Sequence[int] = ()


async def run(bench: Bench, command: str, files: Mapping[str, str | bytes], *, result: str = "") -> Ended:
    """Run ``command``, words for a shell that hold nothing of a model, beside ``files``; read the file ``result``.

    Raises:   SessionLost: it could not be run to its end, or went past a limit.
    """
    settings = bench.settings
    script = SCRIPT.format(command=command, output_bytes=OUTPUT_BYTES, result=result)
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    prover = Command(
        argv=("/bin/sh", "-c", script),
        environment=settings.environment(),
        files=contents,
        read_only=settings.places(),
        proc=True,
    )
    try:
        process = Process(prover, jail=bench.jail, affinity=bench.affinity)
    except OSError as error:
        raise SessionLost(f"the re-check could not be started: {error}") from error
    try:
        data = await bounded(process.rest(at_most=OUTPUT_BYTES + RESULT_BYTES), of=process, limits=bench.limits)
        return _ended(data, process)
    except OSError as error:
        raise SessionLost(f"the re-check broke off: {error}") from error
    finally:
        await process.close()


def messages(ended: Ended) -> list[Message]:
    """What ``lean --json`` said: one message a line; other lines are of programs that it ran."""
    found = []
    for line in ended.said.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Message))
        except msgspec.DecodeError:  # also if it is JSON of another form
            continue
    return found


def _ended(data: bytes, process: Process) -> Ended:
    line, _, rest = data.partition(b"\n")
    try:
        code, size = map(int, line.split())
    except ValueError as error:
        said = process.complaint()[-400:] or data[:400].decode(errors="replace")
        raise SessionLost(f"the re-check did not come to its end: {said}") from error
    return Ended(code=code, said=rest[:size].decode(errors="replace"), result=rest[size:])
