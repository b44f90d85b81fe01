"""The policy as the learner sees it: a Hugging Face causal LM that scores given tokens.

B rows   T tokens of a row   D hidden size   V vocabulary   N scored tokens
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from sparring.core.errors import UsageError

# Logits of one chunk: 128 MiB in float32. Above it they are recomputed in the backward pass instead of kept.
MAX_LOGITS = 1 << 25


class ScoringModel(nn.Module):
    """A causal LM whose forward pass returns logprobs and entropies of chosen tokens, and nothing else.

    Logits exist only where the next token is scored: with a vocabulary of 150 000, logits of all tokens would be the
    largest tensor of the step by far.
    """

    def __init__(self, lm: Any, *, max_logits: int = MAX_LOGITS) -> None:
        super().__init__()
        self.lm = lm
        self._max_logits = max_logits

    def forward(
        self, token_ids_BT: Tensor, *, position_ids_BT: Tensor, attention_mask: Tensor | None, targets_N: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Natural logprob of each target token given what precedes it, and the entropy it was drawn from; float32.

        Args:     targets_N: flat indices into [B * T] of the tokens to score; never the first of a segment.
        """
        hidden_BTD = self.lm.base_model(
            input_ids=token_ids_BT, attention_mask=attention_mask, position_ids=position_ids_BT, use_cache=False
        ).last_hidden_state
        hidden_ND = hidden_BTD.flatten(0, 1)[targets_N - 1]
        token_ids_N = token_ids_BT.flatten()[targets_N]
        chunk = max(1, self._max_logits // self.lm.config.vocab_size)
        if len(targets_N) <= chunk:
            return self._score(hidden_ND, token_ids_N)
        parts = [
            checkpoint(self._score, hidden, ids, use_reentrant=False)
            for hidden, ids in zip(hidden_ND.split(chunk), token_ids_N.split(chunk), strict=True)
        ]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _score(self, hidden_ND: Tensor, token_ids_N: Tensor) -> tuple[Tensor, Tensor]:
        logprobs_NV = self.lm.get_output_embeddings()(hidden_ND).float().log_softmax(-1)
        entropies_N = -(logprobs_NV.exp() * logprobs_NV).sum(-1)
        return logprobs_NV.gather(-1, token_ids_N[:, None]).squeeze(-1), entropies_N


def load_model(directory: Path, *, dtype: torch.dtype) -> ScoringModel:
    """The model in ``directory``, without dropout.

    Raises:   UsageError: no such directory, no causal LM in it, or weights missing from its files.
    """
    disable_progress_bar()
    if not (directory / "config.json").is_file():
        raise UsageError(f"policy.model {directory}: no config.json there; give a Hugging Face causal-LM directory")
    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True, attention_dropout=0.0)
        lm, info = AutoModelForCausalLM.from_pretrained(
            directory, config=config, dtype=dtype, local_files_only=True, output_loading_info=True,
            attn_implementation=attention(),
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"policy.model {directory}: not a causal LM that can be loaded: {error}") from error
    if info["missing_keys"]:
        raise UsageError(f"policy.model {directory}: its files lack {sorted(info['missing_keys'])[:3]}; save it again")
    check_names(lm, directory)
    # Own-version tokens must score as the sampler scored them: no dropout, ever.
    return ScoringModel(lm).eval()


def attention() -> str:
    """Packed rows need a mask of their own; flash attention finds the segments by position ids instead."""
    if not torch.cuda.is_available():
        return "sdpa"
    try:
        import flash_attn  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        return "sdpa"
    return "flash_attention_2"


def weight_names(lm: Any) -> list[str]:
    """Names to publish: as in the checkpoint, a tied tensor once."""
    return [name for name, _ in lm.named_parameters(remove_duplicate=True)]


def check_names(lm: Any, directory: Path) -> None:
    """Replicas load published weights by the names of the checkpoint's own files.

    Raises:   UsageError: the loaded model names a tensor that the files do not have.
    """
    stored: set[str] = set()
    for path in directory.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            stored |= set(file.keys())
    if stored and (unknown := sorted(set(weight_names(lm)) - stored)):
        raise UsageError(
            f"policy.model {directory}: the loaded model has {unknown[:3]}, its safetensors do not; "
            "save it again with the installed transformers (model.save_pretrained)"
        )
