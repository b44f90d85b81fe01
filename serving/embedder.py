"""``Embed``: what the learning policy makes of a text, as a vector.

    versions ──► newest announced ──► hidden states of the last layer ──► mean over tokens ──► length 1

It reads published versions as a replica does, beside the collector that asks, so nothing flows back from the learner
(docs/decisions/0007-embeddings.md). The model is loaded at the first question: recipes that never ask pay nothing.

    B texts of a batch   T tokens   D size of a hidden state
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar

from sparring.core.config import PolicyConfig
from sparring.core.errors import ComponentFailed, DamagedVersion
from sparring.core.manifest import WEIGHTS, read_manifest, sha256_of
from sparring.core.ports import Announcement, VersionFeed
from sparring.serving.tokenizer import load_tokenizer

MAX_TOKENS = 512  # of a text: the rest is not looked at; STP, arXiv:2502.00212
BATCH = 64


class Embedder:
    """Embeds texts by the newest announced version of a policy."""

    def __init__(self, policy: PolicyConfig, *, feed: VersionFeed) -> None:
        self._policy, self._feed = policy, feed
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model: Any = None
        self._number = -1

    async def __call__(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """A vector of length 1 for each text.

        Raises:   ComponentFailed: no version is announced.
                  DamagedVersion: the announced version is not what was published.
        """
        announcement = await self._feed.latest(self._policy.name)
        if announcement is None:
            raise ComponentFailed("embedder", f"no version of {self._policy.name} is announced")
        self._take(announcement)
        return [vector for start in range(0, len(texts), BATCH) for vector in self._embed(texts[start : start + BATCH])]

    def _take(self, announcement: Announcement) -> None:
        if announcement.version.number == self._number:
            return
        if self._model is None:
            disable_progress_bar()
            self._tokenizer = load_tokenizer(self._policy.model)
            dtype = getattr(torch, self._policy.dtype)
            self._model = AutoModel.from_pretrained(self._policy.model, dtype=dtype, local_files_only=True)
            self._model.to(self._device).eval()
        weights = Path(announcement.path) / WEIGHTS
        if sha256_of(weights) != announcement.sha256 or read_manifest(weights.parent).version != announcement.version:
            raise DamagedVersion(f"{announcement.version} at {announcement.path}: not what was announced")
        # Published under the causal LM's names; its head is not part of this model.
        named = {
            name.removeprefix(f"{self._model.base_model_prefix}."): tensor
            for name, tensor in load_file(weights).items()
        }
        missing, _ = self._model.load_state_dict(named, strict=False)
        if missing:
            raise DamagedVersion(f"{announcement.version} at {announcement.path}: lacks {sorted(missing)[:3]}")
        self._number = announcement.version.number

    @torch.inference_mode()
    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        ids = [self._tokenizer(text, add_special_tokens=False).input_ids[:MAX_TOKENS] for text in texts]
        longest = max(map(len, ids))
        ids_BT = torch.zeros(len(ids), longest, dtype=torch.long)
        mask_BT = torch.zeros(len(ids), longest, dtype=torch.long)
        for row, tokens in enumerate(ids):
            # Padding comes last, and attention is causal: no token sees it.
            ids_BT[row, : len(tokens)] = torch.tensor(tokens)
            mask_BT[row, : len(tokens)] = 1
        given = {"input_ids": ids_BT.to(self._device), "attention_mask": mask_BT.to(self._device)}
        hidden_BTD = self._model(**given, use_cache=False).last_hidden_state.float()
        means_BD = mean_over_tokens(hidden_BTD, given["attention_mask"])
        vectors: list[list[float]] = torch.nn.functional.normalize(means_BD, dim=-1).tolist()
        return vectors


def mean_over_tokens(hidden_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """The mean hidden state of each text's own tokens."""
    weights_BT1 = mask_BT.unsqueeze(-1).to(hidden_BTD.dtype)
    return (hidden_BTD * weights_BT1).sum(1) / weights_BT1.sum(1).clamp(min=1)
