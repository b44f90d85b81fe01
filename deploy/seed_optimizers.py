"""Muon for the seed model's matrices, AdamW for its embeddings, norms and biases, on one schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

# Newton-Schulz iteration that sends every singular value near one in five rounds (Keller Jordan, Muon, 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5
# Share of the steps. Up to it a run does not depend on its length, and so can be made longer or shorter.
COOL_DOWN = 0.3


def orthogonalised(matrices_NRC: torch.Tensor) -> torch.Tensor:
    """Each matrix with its singular values replaced by about one; R <= C."""
    x_NRC = matrices_NRC / (matrices_NRC.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram_NRR = x_NRC @ x_NRC.mT
        x_NRC = _A * x_NRC + (_B * gram_NRR + _C * gram_NRR @ gram_NRR) @ x_NRC
    return x_NRC


class Muon:
    """Momentum, orthogonalised, scaled to AdamW's usual update size.

    Unlike ``torch.optim.Muon``: in float32, matrices of one shape at once. Without bfloat16 hardware that is four
    times as fast.

    Source:   Keller Jordan et al., "Muon"; the scale 0.2 sqrt(max(R, C)) is Moonlight's, arXiv:2502.16982
    """

    def __init__(self, matrices: list[torch.nn.Parameter], *, weight_decay: float, momentum: float = 0.95) -> None:
        self._groups: dict[tuple[int, int], list[torch.nn.Parameter]] = {}
        for matrix in matrices:
            self._groups.setdefault((min(matrix.shape), max(matrix.shape)), []).append(matrix)
        self._momenta = {shape: torch.zeros(len(group), *shape) for shape, group in self._groups.items()}
        self._weight_decay, self._momentum = weight_decay, momentum

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update with the gradients at hand, which are then dropped."""
        for shape, group in self._groups.items():
            gradients = torch.stack([_wide(gradient) for p in group if (gradient := p.grad) is not None])
            momentum = self._momenta[shape].lerp_(gradients, 1 - self._momentum)
            updates = orthogonalised(gradients.lerp(momentum, self._momentum))
            size = learning_rate * 0.2 * math.sqrt(shape[1])
            for parameter, update in zip(group, updates, strict=True):
                parameter.mul_(1 - learning_rate * self._weight_decay)
                parameter.sub_((update if parameter.shape == update.shape else update.mT), alpha=size)
                parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The momenta."""
        return {"momenta": list(self._momenta.values())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up the momenta of an earlier run."""
        self._momenta = dict(zip(self._momenta, state["momenta"], strict=True))


def _wide(matrix: torch.Tensor) -> torch.Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


class Optimizers:
    """Both optimizers of a model and their schedule."""

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        num_steps: int,
        warmup_steps: int,
        learning_rate: float,
        adam_learning_rate: float,
        weight_decay: float,
    ) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._num_steps, self._warmup_steps = num_steps, warmup_steps
        self._learning_rate, self._adam_learning_rate = learning_rate, adam_learning_rate
        self._muon = Muon([p for name, p in named if p.ndim == 2 and "embed" not in name], weight_decay=weight_decay)
        others = [p for name, p in named if p.ndim != 2 or "embed" in name]
        self._adam = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, step: int) -> None:
        """One update with the gradients at hand: linear warm-up, a plateau, and at the end a linear cool-down."""
        warmup, left = (step + 1) / self._warmup_steps, (self._num_steps - step) / self._num_steps
        scale = min(1.0, warmup, left / COOL_DOWN)
        self._muon.step(self._learning_rate * scale)
        for group in self._adam.param_groups:
            group["lr"] = self._adam_learning_rate * scale
        self._adam.step()
        self._adam.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Momenta and moments."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up the state of an earlier run."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])
