"""Measures the seed model on held-out tasks and describes it in a model card."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sparring.core.types import Task
from sparring.deploy.seed_claims import canonical, is_plain, run_claims
from sparring.recipes.compact import CompactDialect
from sparring.recipes.corpus import NUM_PAIRS, draw_specimen, heldout, normalised

_DIALECT = CompactDialect()
MAX_NEW_TOKENS = 80
# What is appended to a prompt: nothing (the model decides), or the mark that makes it answer at once or think first.
MODES = {"free": "", "direct": "<a>", "thinking": "<t>"}


@dataclass(frozen=True, slots=True)
class Score:
    """Share of tasks solved in one setting."""

    kind: str
    mode: str
    greedy: bool
    num_statements: int
    solved: float


def write_heldout(directory: Path) -> None:
    """Writes the held-out sets: ``validation.jsonl`` to choose settings, ``test.jsonl`` to be touched once."""
    directory.mkdir(parents=True, exist_ok=True)
    for split in ("validation", "test"):
        lines = [
            json.dumps({"task_id": task.task_id, "kind": task.kind, "payload": task.payload}) for task in heldout(split)
        ]
        (directory / f"{split}.jsonl").write_text("\n".join(lines) + "\n")


def read_heldout(path: Path) -> list[Task]:
    """The tasks of a held-out file."""
    return [Task(**json.loads(line)) for line in path.read_text().splitlines()]


@torch.no_grad()
def complete(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str], *, greedy: bool
) -> list[str]:
    """One completion for each prompt."""
    encoded = tokenizer(list(prompts), add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    choices: dict[str, Any] = {"do_sample": False} if greedy else {"do_sample": True, "temperature": 1.0, "top_k": 0}
    tokens = model.generate(
        input_ids=encoded["input_ids"],
        attention_mask=encoded["attention_mask"],
        max_new_tokens=MAX_NEW_TOKENS,
        **choices,
    )
    texts = tokenizer.batch_decode(tokens[:, encoded["input_ids"].shape[1] :])
    return [text.split("<eos>")[0].removesuffix("<pad>") for text in texts]


def solved(kind: str, tasks: Sequence[Task], completions: Sequence[str]) -> list[bool]:
    """Whether each completion solves its task: the right value, or whatever Python confirms."""
    readings = [_DIALECT.read(kind, text) for text in completions]
    if kind == "solve/deduction":
        return [canonical(r.answer) == task.payload["output"] for r, task in zip(readings, tasks, strict=True)]
    if kind == "solve/abduction":
        claims = [(task.payload["program"], r.answer or "") for r, task in zip(readings, tasks, strict=True)]
        wanted = [task.payload["output"] for task in tasks]
        return [a is not None and a == w for a, w in zip(run_claims(claims), wanted, strict=True)]
    programs = [reading.program or "" for reading in readings]
    arguments = [task.payload["inputs"] for task in tasks]
    claims = [(program, argument) for program, given in zip(programs, arguments, strict=True) for argument in given]
    answers = iter(run_claims(claims))
    return [list(islice(answers, len(task.payload["outputs"]))) == task.payload["outputs"] for task in tasks]


def score(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Sequence[Task]) -> list[Score]:
    """Solve rates by kind, mode, temperature and number of statements."""
    scores = []
    for kind in ("solve/deduction", "solve/abduction", "solve/induction"):
        chosen = [task for task in tasks if task.kind == kind]
        prompts = [_DIALECT.prompt(task, num_inputs=NUM_PAIRS) for task in chosen]
        for mode, prefix in MODES.items():
            if kind == "solve/induction" and mode != "free":
                continue
            for greedy in (True, False):
                texts = complete(model, tokenizer, [prompt + prefix for prompt in prompts], greedy=greedy)
                right = solved(kind, chosen, [prefix + text for text in texts])
                scores += _by_size(kind, mode, greedy, chosen, right)
    return scores


def _by_size(kind: str, mode: str, greedy: bool, tasks: Sequence[Task], right: Sequence[bool]) -> list[Score]:
    groups: dict[int, list[bool]] = defaultdict(list)
    for task, success in zip(tasks, right, strict=True):
        groups[task.payload["num_statements"]].append(success)
        groups[0].append(success)  # 0: all sizes
    return [Score(kind, mode, greedy, size, statistics.fmean(group)) for size, group in sorted(groups.items())]


def score_proposals(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, *, num_proposals: int = 240, seed: int = 0
) -> dict[str, float]:
    """How good sampled proposals are: share that runs, share of distinct programs, mean number of lines."""
    random = Random(f"proposals/{seed}")
    programs = [draw_specimen(random, random.randint(1, 4), split="validation").program for _ in range(num_proposals)]
    references = [[{"program": p} for p in random.sample(programs, random.randint(0, 2))] for _ in programs]
    asked = [Task(task_id="", kind="propose/deduction", payload={"references": given}) for given in references]
    texts = complete(model, tokenizer, [_DIALECT.prompt(t, num_inputs=NUM_PAIRS) for t in asked], greedy=False)
    readings = [_DIALECT.read("propose/deduction", text) for text in texts]
    claims = [(reading.program or "", "".join(reading.inputs)) for reading in readings]
    outputs = run_claims(claims)
    valid = [program for (program, _), output in zip(claims, outputs, strict=True) if output is not None]
    asked = [Task(task_id="", kind="propose/induction", payload={"program": program}) for program in programs]
    texts = complete(model, tokenizer, [_DIALECT.prompt(t, num_inputs=NUM_PAIRS) for t in asked], greedy=False)
    return {
        "valid programs": len(valid) / num_proposals,
        "distinct among valid": len({normalised(p) for p in valid if is_plain(p)}) / max(1, len(valid)),
        "mean lines after def": statistics.fmean(p.count("\n") for p in valid) if valid else 0.0,
        "valid inputs for induction": _share_of_valid_inputs(programs, texts),
    }


def _share_of_valid_inputs(programs: Sequence[str], texts: Iterable[str]) -> float:
    """Share of proposals with ``NUM_PAIRS`` inputs on which the program runs."""
    given = [_DIALECT.read("propose/induction", text).inputs for text in texts]
    claims = [(program, argument) for program, inputs in zip(programs, given, strict=True) for argument in inputs]
    answers = iter(run_claims(claims))
    runs = [list(islice(answers, len(inputs))) for inputs in given]
    return statistics.fmean(len(run) == NUM_PAIRS and None not in run for run in runs)


def card(facts: Mapping[str, str], scores: Sequence[Score], proposals: Mapping[str, float]) -> str:
    """The README of the model directory."""
    template = (Path(__file__).parent / "seed_card.md").read_text()
    return template.format(
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        scores="\n".join(_score_rows(scores)),
        proposals="\n".join(f"| {name} | {value:.2f} |" for name, value in proposals.items()),
    )


def _score_rows(scores: Sequence[Score]) -> list[str]:
    table: dict[tuple[str, str, bool], dict[int, float]] = defaultdict(dict)
    for entry in scores:
        table[entry.kind, entry.mode, entry.greedy][entry.num_statements] = entry.solved
    return [
        f"| {kind.removeprefix('solve/')} | {mode} | {'greedy' if greedy else 'T=1'} | "
        + " | ".join(f"{cells[size]:.2f}" if size in cells else "" for size in range(5))
        + " |"
        for (kind, mode, greedy), cells in table.items()
    ]
