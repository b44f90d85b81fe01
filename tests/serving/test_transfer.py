"""Versions that must be refused before they come near an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sparring.core.errors import DamagedVersion
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore"),  # of vLLM and what it imports, not of ours
]


@pytest.fixture
def stager(tiny_model: Path) -> Any:
    from sparring.serving.transfer import Stager

    return Stager(tiny_model, policy="base")


def flip_a_bit(directory: Path) -> None:
    data = bytearray((directory / WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 1
    (directory / WEIGHTS).write_bytes(data)


def cut_off(directory: Path) -> None:
    (directory / WEIGHTS).write_bytes((directory / WEIGHTS).read_bytes()[:-100])


def lose_the_weights(directory: Path) -> None:
    (directory / WEIGHTS).unlink()


def lose_the_manifest(directory: Path) -> None:
    (directory / MANIFEST).unlink()


@pytest.mark.parametrize("damage", [flip_a_bit, cut_off, lose_the_weights, lose_the_manifest])
def test_a_damaged_version_is_refused(
    stager: Any, publish: Callable[..., Path], damage: Callable[[Path], None]
) -> None:
    directory = publish(1)
    damage(directory)
    with pytest.raises(DamagedVersion):
        stager.stage(directory)


def test_a_whole_version_is_staged(stager: Any, publish: Callable[..., Path]) -> None:
    directory = publish(4)
    staged = stager.stage(directory)
    assert (staged.number, staged.num_bytes) == (4, (directory / WEIGHTS).stat().st_size)


def test_a_tensor_of_another_shape_is_refused(stager: Any, publish: Callable[..., Path]) -> None:
    def widen(tensors: dict[str, Any]) -> None:
        tensors["model.norm.weight"] = tensors["model.norm.weight"].repeat(2)

    with pytest.raises(DamagedVersion, match=r"model\.norm\.weight"):
        stager.stage(publish(1, change=widen))


def test_a_missing_tensor_is_refused(stager: Any, publish: Callable[..., Path]) -> None:
    with pytest.raises(DamagedVersion, match=r"model\.norm\.weight"):
        stager.stage(publish(1, change=lambda tensors: tensors.pop("model.norm.weight")))


def test_another_precision_than_before_is_refused(stager: Any, publish: Callable[..., Path]) -> None:
    stager.stage(publish(1))
    directory = publish(2)
    manifest = msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)
    halved = {name: msgspec.structs.replace(info, dtype="BF16") for name, info in manifest.tensors.items()}
    (directory / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, tensors=halved)))
    with pytest.raises(DamagedVersion, match="precision differs"):
        stager.stage(directory)


def test_another_policys_weights_are_refused(stager: Any, publish: Callable[..., Path]) -> None:
    with pytest.raises(DamagedVersion, match="another policy"):
        stager.stage(publish(1, policy="other"))


def test_other_weights_than_announced_are_refused(stager: Any, publish: Callable[..., Path]) -> None:
    with pytest.raises(DamagedVersion, match="announced as 000000000000"):
        stager.stage(publish(1), sha256="0" * 64)
