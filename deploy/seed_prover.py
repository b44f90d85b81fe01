"""Makes the seed prover: a transformer of half a million parameters that proves the easy part of a small language.

    corpus of levels 1 and 2  ->  proofs, and conjectures beside a theorem that shares a lemma  ->  supervised steps
                              ->  proofs, and conjectures one step further than a theorem       ->  a fifth as many

The targets of the quickstart are never in the corpus, whatever their variables are called. What is left for self-play
is the way from two essential steps to six. Weights are a function of the arguments alone.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sparring.deploy.prover_targets import target_names
from sparring.deploy.prover_tokenizer import VOCABULARY, make_tokenizer
from sparring.deploy.seed_model import SeedConfig, loss_of, make_model, write_model
from sparring.deploy.seed_optimizers import Optimizers
from sparring.deploy.seed_samples import SeedBatch, collate
from sparring.recipes.fragment import VARIABLES, canonical, parse
from sparring.recipes.fragment_corpus import FAMILIES, MAX_STATEMENT, Theorem, draw_theorem
from sparring.recipes.fragment_extend import extend
from sparring.recipes.fragment_lemmas import LEMMAS
from sparring.recipes.stp_marks import EOS, TRIVIAL, conjecturer_prompt, prover_prompt

log = logging.getLogger(__name__)
SHAPE = SeedConfig(hidden_size=128, num_layers=3, num_heads=4, intermediate_size=384, max_tokens=256, batch_size=64)
NUM_STEPS = 800
NUM_THEOREMS = 8_000
# Share of the theorems at each level. Level 3 is conjectured and never proved.
LEVELS = {1: 0.45, 2: 0.45, 3: 0.10}
PROVED = 2
CONJECTURES = 0.3  # share of the samples
EXTENSIONS = 0.5  # the same, in the last part, where a conjecture goes on from its seed
CONJECTURE_WEIGHT = 0.3  # most of a conjecture is free choice: noise as a gradient
Sample = tuple[str, str, float]  # prompt, completion and the weight of its loss
CHUNK = 16  # batches drawn together and sorted by length


def draw_corpus(*, num_theorems: int, seed: int, excluded: frozenset[str]) -> list[Theorem]:
    """Theorems of the warm start; none is in ``excluded`` (canonical forms)."""
    random, found = Random(f"warm start/{seed}"), list[Theorem]()
    while len(found) < num_theorems:
        (level,) = random.choices(list(LEVELS), weights=list(LEVELS.values()))
        theorem = draw_theorem(random, random.choice(list(FAMILIES)), level)
        if canonical(parse(theorem.statement)) not in excluded:
            found.append(theorem)
    return found


def draw_samples(corpus: Sequence[Theorem], random: Random, *, extend_them: bool = False) -> Iterator[Sample]:
    """Prompts, completions and weights without end.

    Args:     extend_them: a conjecture goes one step further than its seed, instead of being any theorem of its kind.
    """
    proved = [theorem for theorem in corpus if theorem.level <= PROVED]
    by_lemma: Mapping[tuple[str, str], list[Theorem]] = _by_lemma(corpus)
    while True:
        theorem = renamed(random.choice(proved), random)
        if random.random() >= (EXTENSIONS if extend_them else CONJECTURES):
            yield prover_prompt(theorem.statement), theorem.proof + EOS, 1.0
            continue
        letter = random.choice(theorem.lemmas) if theorem.lemmas and random.random() < 0.5 else TRIVIAL
        others = [other for other in by_lemma[theorem.family, letter] if other.level >= theorem.level]
        lemma = TRIVIAL if letter == TRIVIAL else str(LEMMAS[letter].statement)
        if extend_them:
            further = extend(parse(theorem.statement), random, lemma=None if letter == TRIVIAL else letter)
            if further is not None and len(str(further)) <= MAX_STATEMENT:
                prompt = conjecturer_prompt(lemma=lemma, statement=theorem.statement, proof=theorem.proof)
                yield prompt, str(further) + EOS, 1.0
            continue
        prompt = conjecturer_prompt(lemma=lemma, statement=theorem.statement, proof=theorem.proof)
        yield prompt, renamed(random.choice(others), random).statement + EOS, CONJECTURE_WEIGHT


def _by_lemma(corpus: Sequence[Theorem]) -> Mapping[tuple[str, str], list[Theorem]]:
    found: dict[tuple[str, str], list[Theorem]] = defaultdict(list)
    for theorem in corpus:
        for letter in (*theorem.lemmas, TRIVIAL):
            found[theorem.family, letter].append(theorem)
    return found


def renamed(theorem: Theorem, random: Random) -> Theorem:
    """The theorem with its variables named at random: the names of letters mean nothing."""
    table: dict[int, int] = {}
    for sort in dict.fromkeys(VARIABLES.values()):
        letters = [letter for letter, other in VARIABLES.items() if other == sort]
        table |= dict(zip(map(ord, letters), map(ord, random.sample(letters, len(letters))), strict=True))
    statement, proof = theorem.statement.translate(table), theorem.proof.translate(table)
    return Theorem(theorem.family, theorem.level, statement, proof, theorem.lemmas)


def batches(
    corpus: Sequence[Theorem],
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    num_steps: int,
    batch_size: int,
    extend_them: bool = False,
) -> Iterator[SeedBatch]:
    """The batches of a whole training, each of samples of similar length."""
    random = Random(f"samples/{seed}/{extend_them}" if extend_them else f"samples/{seed}")
    samples = draw_samples(corpus, random, extend_them=extend_them)
    for first in range(0, num_steps, CHUNK):
        count = min(CHUNK, num_steps - first)
        drawn = [next(samples) for _ in range(count * batch_size)]
        rows = sorted((_row(tokenizer, *sample) for sample in drawn), key=lambda row: len(row[0]))
        groups = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        yield from (collate(group) for group in random.sample(groups, count))


def _row(
    tokenizer: PreTrainedTokenizerFast, prompt: str, completion: str, weight: float
) -> tuple[list[int], list[float]]:
    asked, answer = tokenizer([prompt, completion], add_special_tokens=False)["input_ids"]
    return asked + answer, [0.0] * len(asked) + [weight / len(answer) ** 0.5] * len(answer)


def make_seed_prover(
    out_dir: Path, *, seed: int = 0, num_steps: int = NUM_STEPS, num_theorems: int = NUM_THEOREMS
) -> Path:
    """Train the seed prover and write it as a Hugging Face directory.

    Returns:  out_dir.
    """
    torch.set_num_threads(1)  # a model this small is no faster on two
    corpus = draw_corpus(num_theorems=num_theorems, seed=seed, excluded=target_names())
    tokenizer, model = make_tokenizer(SHAPE.max_tokens), make_model(SHAPE, seed=seed, vocabulary=VOCABULARY)
    for extend_them, steps in ((False, num_steps), (True, num_steps // 5)):
        stream = batches(
            corpus, tokenizer, seed=seed, num_steps=steps, batch_size=SHAPE.batch_size, extend_them=extend_them
        )
        _train(model, stream, num_steps=steps)
    return write_model(out_dir, model, tokenizer)


def _train(model: LlamaForCausalLM, stream: Iterable[SeedBatch], *, num_steps: int) -> None:
    optimizers = Optimizers(
        model,
        num_steps=num_steps,
        warmup_steps=min(SHAPE.warmup_steps, num_steps // 8 + 1),
        learning_rate=SHAPE.learning_rate,
        adam_learning_rate=SHAPE.adam_learning_rate,
        weight_decay=SHAPE.weight_decay,
    )
    smoothed = 0.0
    for step, batch in enumerate(stream):
        loss = loss_of(model, model.model, batch)
        loss.backward()
        clip_grad_norm_(model.parameters(), SHAPE.max_grad_norm)
        optimizers.step(step)
        smoothed = loss.item() if step == 0 else 0.98 * smoothed + 0.02 * loss.item()
        if (step + 1) % 100 == 0:
            log.info("trained seed prover step=%d loss=%.4f", step + 1, smoothed)
