"""Weights of a published version on their way into a running engine.

    version directory ──stage()──► StagedWeights ──► vLLM's weight transfer ──► model
      (hash, names, shapes)         (in memory)        (DirectoryTransfer, in every worker)

Everything that can fail or take long happens in ``stage``, beside decoding. vLLM imports this module in every worker
(it is named as worker extension), which registers the transfer backend there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
    layerwise_groups,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

from sparring.core.errors import DamagedVersion, UsageError, boundary
from sparring.core.manifest import WEIGHTS, TensorInfo, read_manifest
from sparring.serving.port import StagedWeights

BACKEND = "sparring_directory"

# What ``stage`` of this process has read, by directory: a worker in this process need not read it again.
_STAGED: dict[str, Mapping[str, Tensor]] = {}


class Stager:
    """Reads published versions and refuses those that are not weights of ``model``."""

    def __init__(self, model: Path, *, policy: str) -> None:
        self._policy = policy
        self._shapes = _shapes_of(model)
        self._dtypes: dict[str, str] | None = None  # of the first version; a learner never changes its precision

    def stage(self, directory: Path, *, sha256: str | None = None) -> StagedWeights:
        """The version in ``directory``, verified and in memory; callable from any thread.

        Raises:   DamagedVersion: files missing or changed, another policy's, or tensors that do not fit the model.
        """
        manifest = read_manifest(directory)
        if manifest.policy != self._policy:
            raise DamagedVersion(f"{manifest.version} at {directory}: weights of another policy than {self._policy}")
        if sha256 is not None and manifest.sha256 != sha256:
            raise DamagedVersion(f"{manifest.version}: hash {manifest.sha256[:12]}, announced as {sha256[:12]}")
        with boundary(DamagedVersion, f"{manifest.version} at {directory}"):
            tensors = load_file(directory / WEIGHTS)
        self._check(str(manifest.version), manifest.tensors, tensors)
        _STAGED[str(directory)] = tensors
        return StagedWeights(number=manifest.number, directory=directory, tensors=tensors, num_bytes=manifest.num_bytes)

    def _check(self, version: str, promised: Mapping[str, TensorInfo], tensors: Mapping[str, Tensor]) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if shapes != {name: info.shape for name, info in promised.items()}:
            raise DamagedVersion(f"{version}: tensors that differ from its manifest; publish it again")
        if shapes != self._shapes:
            wrong = sorted({*shapes.items()} ^ {*self._shapes.items()})
            raise DamagedVersion(f"{version}: tensors do not fit the running model, such as {wrong[:2]}")
        dtypes = {name: info.dtype for name, info in promised.items()}
        if self._dtypes is None:
            self._dtypes = dtypes
        if dtypes != self._dtypes:
            others = sorted({*dtypes.items()} ^ {*self._dtypes.items()})
            raise DamagedVersion(f"{version}: precision differs from earlier versions, such as {others[:2]}")


def _shapes_of(model: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every trained tensor of a model directory, from the headers of its safetensors files."""
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise UsageError(f"model directory {model} holds no safetensors file; save the model with safetensors")
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        with path.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        shapes.update({name: tuple(info["shape"]) for name, info in header.items() if name != "__metadata__"})
    if json.loads((model / "config.json").read_text()).get("tie_word_embeddings"):
        shapes.pop("lm_head.weight", None)  # the same tensor as the embedding, published once
    return shapes


def portions(staged: StagedWeights) -> list[list[str]]:
    """Tensor names in portions of one decoder layer."""
    return layerwise_groups(list(staged.tensors))


def forget(staged: StagedWeights) -> None:
    """Free the memory of a version that was loaded, or never will be."""
    _STAGED.pop(str(staged.directory), None)


@dataclass
class DirectoryInit(WeightTransferInitInfo):
    """Nothing to set up."""


@dataclass
class DirectoryUpdate(WeightTransferUpdateInfo):
    """Some tensors of one version."""

    directory: str
    names: list[str]


class DirectoryTransfer(WeightTransferEngine[DirectoryInit, DirectoryUpdate]):
    """vLLM's side: loads tensors of a version directory through the model's own weight loaders.

    The CPU engine repacks weights for its matrix kernels and keeps no plain copy, so they can not be written in
    place; vLLM's layerwise reload unpacks, loads and packs one layer at a time, and serves GPUs just as well.
    """

    init_info_cls = DirectoryInit
    update_info_cls = DirectoryUpdate

    def init_transfer_engine(self, init_info: DirectoryInit) -> None:
        pass

    def start_weight_update(self) -> None:
        initialize_layerwise_reload(self.model)

    def receive_weights(self, update_info: DirectoryUpdate) -> None:
        tensors = _STAGED.get(update_info.directory)
        if tensors is None:  # a worker process of its own
            tensors = load_file(Path(update_info.directory) / WEIGHTS)
        self.model.load_weights((name, tensors[name]) for name in update_info.names)

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)
        if getattr(self.model_config.hf_config, "tie_word_embeddings", False):
            _rebuild_tied_head(self.model)
        self._repack_tied_head()

    def _repack_tied_head(self) -> None:
        """Pack a tied output head anew: it has no tensor of its own to load, so the reload leaves its old packing."""
        head = getattr(self.model, "lm_head", None)
        if head is not None and getattr(self.model.config, "tie_word_embeddings", False):
            head.weight = self.model.model.embed_tokens.weight
            head.quant_method.process_weights_after_loading(head)

    def shutdown(self) -> None:
        pass


def _rebuild_tied_head(model: Any) -> None:
    """Make an output head that shares the embedding's weights compute with the new ones.

    A version holds those weights once, so the reload sees nothing to load for the head and leaves it as it was: with
    the kernel's own copy of the old weights.
    """
    embeddings = [
        module
        for module in model.modules()
        if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead)
    ]
    for head in model.modules():
        if isinstance(head, ParallelLMHead):
            head.weight = embeddings[0].weight
            head.quant_method.process_weights_after_loading(head)


class WorkerExtension:
    """Named to vLLM so that its workers import this module."""


if BACKEND not in WeightTransferEngineFactory._registry:
    WeightTransferEngineFactory.register_engine(BACKEND, DirectoryTransfer)
