"""From a proposer's completion to a task that exists: read, check, run, mint."""

from __future__ import annotations

from dataclasses import replace

from sparring.core.claims import ProgramRun
from sparring.core.errors import UsageError
from sparring.core.ports import Archive
from sparring.core.recipe import Verify
from sparring.core.types import Payload, PolicyVersion, Rollout, Task
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.dialect import Dialect, Reading
from sparring.recipes.liveness import dead_statements
from sparring.recipes.programs import Duplicate, IllFormed, Rejected, normalised_argument
from sparring.recipes.syntax import program_fingerprint, stripped, task_fingerprint


class Mint:
    """Makes tasks out of proposals."""

    def __init__(self, options: AbsoluteZeroOptions, dialect: Dialect) -> None:
        self._options, self._dialect = options, dialect

    async def mint(
        self, task: Task, rollout: Rollout, *, verify: Verify, archive: Archive | None = None, seeding: bool = False
    ) -> Task:
        """The task that ``rollout`` proposes in answer to ``task``, with the outputs its program returned.

        Raises:   Rejected: a check failed; IllFormed: there was nothing to check; Duplicate: ``archive`` knows it.
                  VerificationFailed: the executor could not run it.
        """
        kind = task.kind.removeprefix("propose/")
        reading = self._dialect.read(task.kind, rollout.text)
        if not reading.well_formed:
            raise IllFormed(f"ill-formed completion, finish reason {rollout.finish_reason}")
        program = self._program(task, reading)
        if seeding and self._options.strip_comments_in_seeding:
            program = stripped(program)
        # The program of an induction task was judged when it was proposed.
        if self._options.reject_dead_code and kind != "induction" and (dead := dead_statements(program)):
            raise Rejected(f"dead code, {dead[0]}")
        inputs = self._inputs(kind, reading)
        fingerprint = task_fingerprint(program, inputs, by=self._options.deduplicate)
        # The program of an induction task was given: what must not repeat is the whole task.
        family = fingerprint if kind == "induction" else program_fingerprint(program)
        if self._options.reject_known_programs and not seeding:
            await _check_unknown(kind, family, archive)
        outputs = await self._run(program, inputs, verify=verify)
        payload = _payload(kind, program, inputs, outputs, reading.message)
        self._check_size(payload)
        return Task(
            task_id=f"{task.task_id}/minted",
            kind=kind,
            payload=payload,
            parents=task.parents,
            fingerprint=fingerprint,
            minted_by=_author(rollout),
            family=family,
        )

    def _program(self, task: Task, reading: Reading) -> str:
        if task.kind == "propose/induction":
            return str(task.payload["program"])  # the proposer was given one, checked when it was proposed
        return self._options.rules.program(reading.program or "")

    def _inputs(self, kind: str, reading: Reading) -> tuple[str, ...]:
        wanted = self._options.num_inputs if kind == "induction" else 1
        # Inputs that repeat would show the solver what is meant to stay hidden.
        distinct = {normalised_argument(text): text for text in map(self._options.rules.argument, reading.inputs)}
        if len(distinct) < wanted or (kind != "induction" and len(reading.inputs) != 1):
            raise Rejected(f"{len(distinct)} distinct inputs of {len(reading.inputs)}, but {wanted} are needed")
        return tuple(distinct.values())[-wanted:]

    async def _run(self, program: str, inputs: tuple[str, ...], *, verify: Verify) -> tuple[str, ...]:
        verdict = await verify(ProgramRun(program=program, arguments=inputs, check_determinism=True))
        if not verdict.passed:
            raise Rejected(f"{verdict.outcome}: {verdict.message}")
        longest = max(map(len, verdict.outputs))
        if longest > self._options.max_output_chars:
            raise Rejected(f"an output of {longest} characters, but {self._options.max_output_chars} are allowed")
        return verdict.outputs

    def _check_size(self, payload: Payload) -> None:
        size, limit = content_bytes(payload), self._options.max_content_bytes
        if size > limit:
            raise Rejected(f"a task of {size} bytes, but {limit} fit into a prompt")


async def _check_unknown(kind: str, family: str, archive: Archive | None) -> None:
    if archive is None:
        raise UsageError("recipe.options.reject_known_programs needs the archive; pass it to Recipe.play")
    if await archive.knows(kind, family):
        raise Duplicate(f"its {'task' if kind == 'induction' else 'program'} is already in the archive")


def content_bytes(payload: Payload) -> int:
    """Bytes of a task's text in the longest prompt it may appear in; no tokenizer makes more tokens than bytes."""
    shown = len(payload.get("inputs", ())) // 2
    if shown:
        texts = [*payload["inputs"][:shown], *payload["outputs"][:shown], payload["message"]]
    else:
        texts = [payload["program"], payload["input"], payload["output"]]
    return sum(len(text.encode(errors="replace")) for text in texts)


def as_question(task: Task) -> Task:
    """A minted task as it is put to the solver."""
    return replace(task, kind=f"solve/{task.kind}")


def _payload(kind: str, program: str, inputs: tuple[str, ...], outputs: tuple[str, ...], message: str) -> Payload:
    if kind == "induction":
        return {"program": program, "inputs": list(inputs), "outputs": list(outputs), "message": message}
    return {"program": program, "input": inputs[0], "output": outputs[0]}


def _author(rollout: Rollout) -> str:
    newest = max((span.number for span in rollout.version_spans), default=0)
    return f"{PolicyVersion(policy=rollout.policy, number=newest)}/{rollout.role}"
