"""What the seed model is taught: prompts and completions of all six roles and kinds, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import torch

from sparring.core.types import Task
from sparring.recipes.compact import EOS, CompactDialect
from sparring.recipes.corpus import NUM_PAIRS, Specimen, draw_specimen

# Kind, share of the samples, and weights of programs of one to four statements.
MIX = (
    ("solve/deduction", 0.38, (0.42, 0.30, 0.18, 0.10)),
    ("solve/abduction", 0.26, (0.42, 0.30, 0.18, 0.10)),
    ("solve/induction", 0.23, (0.45, 0.35, 0.20, 0.00)),
    ("propose/deduction", 0.04, (0.15, 0.30, 0.30, 0.25)),
    ("propose/abduction", 0.04, (0.15, 0.30, 0.30, 0.25)),
    ("propose/induction", 0.05, (0.25, 0.35, 0.25, 0.15)),
)
# Share of the answers to longer programs that follow the values between the statements, from each step on. The skill is
# practised, then the habit is made rare again: that it is worth its tokens is left for self-play to find out.
THINKS = ((0, 0.35), (7_760, 0.75), (9_600, 0.25))
EASY = (0.7, 0.3, 0.0, 0.0)  # the curriculum's first part
EASY_STEPS = 1_200
PROPOSER_WEIGHT = 0.3  # a proposal's tokens are free choices: mostly noise as a gradient
_ASKED_AGAIN = ("solve/deduction", "solve/abduction")
QUESTIONS = 4  # about one program in one sequence, from step QUESTIONS_FROM on; one before
QUESTIONS_FROM = 6_400
CHUNK = 16  # batches drawn together and sorted by length: a sixteenth of the spread is padded
_DIALECT = CompactDialect()


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt, its completion and the weight of its loss.

    ``more``: further questions about the same program with their answers. They follow the completion, so that reading
    a program once teaches several answers; only the first question is what the model will be asked.
    """

    prompt: str
    completion: str
    weight: float
    more: tuple[tuple[str, str], ...] = ()


def draw_sample(random: Random, *, easy: bool = False, questions: int = 1, thinks: float = 0.5) -> Sample:
    """One random sample: ``questions`` about a program that is shown; ``thinks`` is the share that thinks first."""
    ((kind, _, sizes),) = random.choices(MIX, weights=[share for _, share, _ in MIX])
    (size,) = random.choices((1, 2, 3, 4), weights=EASY if easy else sizes)
    specimen = draw_specimen(random, size)
    prompt = _DIALECT.prompt(
        Task(task_id="", kind=kind, payload=_payload(kind, specimen, random)), num_inputs=NUM_PAIRS
    )
    weight = PROPOSER_WEIGHT if kind.startswith("propose/") else 1.0

    def answer(at: int) -> str:
        return completion(kind, specimen, at, thinks=size > 1 and random.random() < thinks) + EOS

    more = [(_question(kind, specimen, at), answer(at)) for at in range(1, questions)] if kind in _ASKED_AGAIN else []
    return Sample(prompt, answer(0), weight, tuple(more))


def _question(kind: str, specimen: Specimen, at: int) -> str:
    """What is asked once the program has been read."""
    return f"<i>{specimen.inputs[at]!r}" if kind == "solve/deduction" else f"<o>{specimen.outputs[at]!r}"


def _payload(kind: str, specimen: Specimen, random: Random) -> dict[str, object]:
    if kind in ("propose/deduction", "propose/abduction"):
        return {"references": _references(specimen.program, random)}
    if kind == "solve/induction":
        return {"inputs": list(map(repr, specimen.inputs)), "outputs": list(map(repr, specimen.outputs))}
    return {"program": specimen.program, "input": repr(specimen.inputs[0]), "output": repr(specimen.outputs[0])}


def _references(program: str, random: Random) -> list[dict[str, str]]:
    drawn = [draw_specimen(random, random.randint(1, 4)).program for _ in range(random.randint(0, 2))]
    return [{"program": reference} for reference in drawn if reference != program]


def completion(kind: str, specimen: Specimen, at: int = 0, *, thinks: bool) -> str:
    """What the model should say; thinking writes the values between the statements, backwards for abduction."""
    between = list(map(repr, specimen.values[at][:-1]))
    match kind:
        case "solve/deduction":
            return (f"<t>{';'.join(between)}" if thinks else "") + f"<a>{specimen.outputs[at]!r}"
        case "solve/abduction":
            return (f"<t>{';'.join(reversed(between))}" if thinks else "") + f"<a>{specimen.inputs[at]!r}"
        case "solve/induction":
            return f"<a>{specimen.program}"
        case "propose/induction":
            return "".join(f"<i>{value!r}" for value in specimen.inputs)
        case _:
            return f"<p>{specimen.program}<i>{specimen.inputs[0]!r}"


@dataclass(frozen=True, slots=True)
class SeedBatch:
    """Right-padded token ids and a loss weight for each position's next token."""

    ids_BT: torch.Tensor
    weights_BT: torch.Tensor  # weights_BT[b, t] weighs the prediction of ids_BT[b, t + 1]

    @property
    def num_tokens(self) -> int:
        """Positions computed, padding included."""
        return self.ids_BT.numel()


Encode = Callable[[list[str]], list[list[int]]]


def batches(encode: Encode, *, seed: int, first_step: int, num_steps: int, batch_size: int) -> Iterator[SeedBatch]:
    """The batches of the steps from ``first_step`` on: a function of seed and step alone, so training can resume."""
    for chunk in range(first_step // CHUNK, -(-num_steps // CHUNK)):
        random = Random(f"{seed}/{chunk}")
        step = chunk * CHUNK
        easy, questions = step < EASY_STEPS, QUESTIONS if step >= QUESTIONS_FROM else 1
        thinks = next(share for start, share in reversed(THINKS) if step >= start)
        samples = [
            draw_sample(random, easy=easy, questions=questions, thinks=thinks) for _ in range(CHUNK * batch_size)
        ]
        rows = sorted(_rows(encode, samples), key=lambda row: len(row[0]))
        groups = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        random.shuffle(groups)
        for offset, group in enumerate(groups):
            if first_step <= chunk * CHUNK + offset < num_steps:
                yield collate(group)


def _rows(encode: Encode, samples: list[Sample]) -> list[tuple[list[int], list[float]]]:
    """Token ids and the weight of each; a prompt's tokens weigh nothing."""
    turns = [[(sample.prompt, sample.completion), *sample.more] for sample in samples]
    encoded = iter(encode([text for sample in turns for turn in sample for text in turn]))
    rows = []
    for sample, questions in zip(samples, turns, strict=True):
        ids: list[int] = []
        weights: list[float] = []
        for prompt, answer in ((next(encoded), next(encoded)) for _ in questions):
            ids += prompt + answer
            # An answer counts like the root of its length: programs are long, values short, both must be learned.
            weights += [0.0] * len(prompt) + [sample.weight / len(answer) ** 0.5] * len(answer)
        rows.append((ids, weights))
    return rows


def collate(rows: list[tuple[list[int], list[float]]]) -> SeedBatch:
    """Rows of token ids and the weight of each token, padded to the longest."""
    longest = max(len(ids) for ids, _ in rows)
    ids_BT = torch.zeros(len(rows), longest, dtype=torch.long)  # 0 is <pad>
    weights_BT = torch.zeros(len(rows), longest)
    for row, (ids, weights) in enumerate(rows):
        ids_BT[row, : len(ids)] = torch.tensor(ids)
        weights_BT[row, : len(ids) - 1] = torch.tensor(weights[1:])
    return SeedBatch(ids_BT, weights_BT)
