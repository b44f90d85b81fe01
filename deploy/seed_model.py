"""Makes the seed model: a transformer of under a million parameters that half knows a small world of programs.

    corpus  ->  samples of six roles, batched  ->  supervised steps, a checkpoint a minute  ->  Hugging Face directory

Run again with the same arguments, it goes on where it stopped; every batch is a function of seed and step, so the
weights do not depend on interruptions. The result is measured and described by ``seed_card``.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sparring.deploy.seed_card import card, score, score_proposals
from sparring.deploy.seed_optimizers import COOL_DOWN, Optimizers
from sparring.deploy.seed_samples import SeedBatch, batches
from sparring.deploy.seed_tokenizer import BOS, PAD, VOCABULARY, make_tokenizer
from sparring.recipes.compact import EOS
from sparring.recipes.corpus import heldout

log = logging.getLogger(__name__)
CHECKPOINT = "training.pt"
# The shipped model's. The stages of its curriculum (seed_samples.py) are steps of a run of this length.
NUM_STEPS = 10_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedConfig:
    """Shape of the model and of its training."""

    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    intermediate_size: int = 384
    max_tokens: int = 512
    batch_size: int = 48
    # Of the matrices, by Muon with AdamW's scale. At 1e-2 attention never learned to look at positions.
    learning_rate: float = 3e-3
    adam_learning_rate: float = 3e-3  # of embeddings, norms and biases
    warmup_steps: int = 100
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0


def make_model(config: SeedConfig, *, seed: int, vocabulary: Sequence[str] = VOCABULARY) -> LlamaForCausalLM:
    """A fresh model in an architecture that vLLM and transformers know.

    Llama with biases on queries, keys and values: what Qwen2 is, but transformers gives every Qwen2 directory Qwen's
    own tokenizer.
    """
    torch.manual_seed(seed)
    tokens = {token: number for number, token in enumerate(vocabulary)}
    shape = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        max_position_embeddings=config.max_tokens,
        attention_bias=True,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokens[PAD],
        bos_token_id=tokens[BOS],
        eos_token_id=tokens[EOS],
    )
    model = LlamaForCausalLM(shape).float()
    for layer in model.model.layers:
        layer.self_attn.o_proj.bias.requires_grad_(False)  # Llama has it, Qwen2 has not: it stays zero
    return model


def loss_of(model: LlamaForCausalLM, backbone: Any, batch: SeedBatch) -> torch.Tensor:
    """Weighted mean cross-entropy of the completion tokens; padding is on the right, so causal attention suffices."""
    hidden_BTH = backbone(input_ids=batch.ids_BT).last_hidden_state
    chosen_BT = batch.weights_BT > 0
    targets = batch.ids_BT.roll(-1, 1)[chosen_BT]
    weights = batch.weights_BT[chosen_BT]
    losses = cross_entropy(model.lm_head(hidden_BTH[chosen_BT]), targets, reduction="none")
    return (losses * weights).sum() / weights.sum()


def train_seed_model(
    out_dir: Path,
    *,
    seed: int = 0,
    num_steps: int,
    config: SeedConfig | None = None,
    checkpoint_every_s: float = 60.0,
    compiled: bool = False,
    stop_after: int | None = None,
) -> Path:
    """Trains the seed model and writes it as a Hugging Face directory.

    Args:     out_dir: where model, tokenizer and, while it trains, ``training.pt`` are written.
              compiled: fuse the forward pass with torch.compile: needs a C++ compiler, 1.4 times as fast on a CPU.
              stop_after: stop at this step, with a checkpoint; a later call goes on.
    Returns:  out_dir.
    """
    config = config or SeedConfig()
    out_dir.mkdir(parents=True, exist_ok=True)
    tokenizer, model = make_tokenizer(config.max_tokens), make_model(config, seed=seed)
    optimizers = Optimizers(
        model,
        num_steps=num_steps,
        warmup_steps=config.warmup_steps,
        learning_rate=config.learning_rate,
        adam_learning_rate=config.adam_learning_rate,
        weight_decay=config.weight_decay,
    )
    start = {
        "recipe": {"seed": seed, **asdict(config)},
        "num_steps": num_steps,
        "step": 0,
        "num_tokens": 0,
        "loss": 0.0,
    }
    state = _resume(out_dir / CHECKPOINT, model, optimizers, start)
    stream = batches(
        lambda texts: tokenizer(texts, add_special_tokens=False)["input_ids"],
        seed=seed,
        first_step=state["step"],
        num_steps=num_steps,
        batch_size=config.batch_size,
    )
    backbone: Any = torch.compile(model.model, dynamic=True) if compiled else model.model
    saved = time.monotonic()
    for step, batch in enumerate(stream, start=state["step"]):
        if step == stop_after:
            break
        loss = loss_of(model, backbone, batch)
        loss.backward()
        clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizers.step(step)
        state = _advance(state, batch, loss.item())
        if state["step"] % 100 == 0:
            log.info("trained seed model step=%(step)d tokens=%(num_tokens)d loss=%(loss).4f", state)
        if time.monotonic() - saved > checkpoint_every_s:
            _save(out_dir / CHECKPOINT, model, optimizers, state)
            saved = time.monotonic()
    _save(out_dir / CHECKPOINT, model, optimizers, state)
    return write_model(out_dir, model, tokenizer)


def _advance(state: dict[str, Any], batch: SeedBatch, loss: float) -> dict[str, Any]:
    smoothed = loss if state["step"] == 0 else 0.98 * state["loss"] + 0.02 * loss
    return state | {"step": state["step"] + 1, "num_tokens": state["num_tokens"] + batch.num_tokens, "loss": smoothed}


def _resume(path: Path, model: LlamaForCausalLM, optimizers: Optimizers, start: dict[str, Any]) -> dict[str, Any]:
    """The training state to go on from: the checkpoint's, or the beginning.

    A run may be made longer or shorter as long as its cool-down has not begun.
    """
    if not path.exists():
        return start
    saved = torch.load(path, weights_only=True)
    state: dict[str, Any] = saved["state"]
    lengths = (state["num_steps"], start["num_steps"])
    late = lengths[0] != lengths[1] and state["step"] > (1 - COOL_DOWN) * min(lengths)
    if state["recipe"] != start["recipe"] or late:
        raise ValueError(
            f"{path} holds step {state['step']} of {lengths[0]} with {state['recipe']}; asked for {lengths[1]} steps "
            f"with {start['recipe']}; choose another directory"
        )
    model.load_state_dict(saved["model"])
    optimizers.load_state_dict(saved["optimizers"])
    return state | {"num_steps": lengths[1]}


def _save(path: Path, model: LlamaForCausalLM, optimizers: Optimizers, state: dict[str, Any]) -> None:
    """Writes the checkpoint beside the old one, then swaps them: a kill in between loses nothing."""
    partial = path.with_suffix(".partial")
    torch.save({"model": model.state_dict(), "optimizers": optimizers.state_dict(), "state": state}, partial)
    partial.replace(path)


def write_model(out_dir: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Writes what transformers and vLLM load: configuration, one safetensors file, tokenizer."""
    model.save_pretrained(out_dir)
    tokenizer.save_pretrained(out_dir)
    return out_dir


def describe(out_dir: Path) -> None:
    """Measures the finished model on the validation set and writes its card; the checkpoint goes."""
    state = torch.load(out_dir / CHECKPOINT, weights_only=True)["state"]
    model, tokenizer = LlamaForCausalLM.from_pretrained(out_dir).eval(), AutoTokenizer.from_pretrained(out_dir)
    seed = state["recipe"]["seed"]
    torch.manual_seed(seed)
    facts = {
        "made by": f"`make_seed_model(out_dir, seed={seed}, num_steps={state['num_steps']})`",
        "architecture": f"Llama with attention biases, {model.num_parameters():,} parameters, float32",
        "vocabulary": f"{len(VOCABULARY)} entries",
        "trained": f"{state['step']:,} steps, {state['num_tokens'] / 1e6:.1f} million tokens, padding included",
        "hardware": "one CPU core",
    }
    text = card(facts, score(model, tokenizer, list(heldout("validation"))), score_proposals(model, tokenizer))
    (out_dir / "README.md").write_text(text)
    (out_dir / CHECKPOINT).unlink()


def make_seed_model(out_dir: Path, *, seed: int = 0, num_steps: int = NUM_STEPS, compiled: bool | None = None) -> Path:
    """Trains the seed model, measures it and writes its card; call it again to resume.

    Args:     compiled: as in ``train_seed_model``; by default where there is a compiler.
    Returns:  out_dir.
    """
    torch.set_num_threads(1)  # a model this small is no faster on two
    compiled = shutil.which("g++") is not None if compiled is None else compiled
    train_seed_model(out_dir, seed=seed, num_steps=num_steps, compiled=compiled)
    describe(out_dir)
    return out_dir
