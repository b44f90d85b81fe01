"""The policy's tokenizer, checked before anything is started with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from sparring.core.errors import UsageError


def load_tokenizer(model: Path) -> Any:
    """The Hugging Face tokenizer of the model directory ``model``; it has an end and a pad token.

    Raises:   UsageError: no such directory, no model or tokenizer in it, or one of the two tokens is missing.
    """
    if not (model / "config.json").is_file():
        seen = "no such directory" if not model.is_dir() else "it holds no config.json"
        raise UsageError(
            f"model directory {model}: {seen}; expected a Hugging Face causal-LM directory (config.json, "
            "model.safetensors, tokenizer.json); set policy.model to one"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"model directory {model}: no tokenizer could be loaded ({type(error).__name__}: {error}); expected "
            "tokenizer.json and tokenizer_config.json beside the weights; save the model's tokenizer there"
        ) from error
    num_tokens = json.loads((model / "config.json").read_text()).get("vocab_size", len(tokenizer))
    for name in ("eos_token", "pad_token"):
        token_id = getattr(tokenizer, f"{name}_id")
        # Some tokenizer classes make up a missing token, with an id that the model does not know.
        if token_id is None or token_id >= num_tokens:
            raise UsageError(
                f"tokenizer of {model}: it has no {name} among the model's {num_tokens} tokens; expected one, because "
                "completions end with eos_token and batches are filled up with pad_token; "
                f"set {name} in {model / 'tokenizer_config.json'}"
            )
    return tokenizer


def end_token_ids(model: Path, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a completion: the tokenizer's, and those of the model's generation_config.json."""
    ids = {int(tokenizer.eos_token_id)}
    path = model / "generation_config.json"
    if path.is_file():
        more = json.loads(path.read_text()).get("eos_token_id") or []
        ids.update([more] if isinstance(more, int) else more)
    return tuple(sorted(ids))
