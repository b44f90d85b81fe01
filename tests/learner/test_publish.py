"""Published versions: whole or absent, and told apart from damaged ones by their manifest."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparring.core.errors import UsageError
from sparring.core.manifest import WEIGHTS, read_manifest
from sparring.core.types import PolicyVersion
from sparring.learner import publish as publishing
from sparring.learner.publish import default_store, publish


def weights(value: float = 1.0) -> dict[str, torch.Tensor]:
    return {"a": torch.full((2, 3), value), "b": torch.full((4,), value, dtype=torch.bfloat16)}


def version(number: int) -> PolicyVersion:
    return PolicyVersion(policy="base", number=number)


def test_a_published_version_reads_back_as_announced(tmp_path: Path) -> None:
    published = publish(weights(), version(41), tmp_path, step=40, keep_versions=2)

    directory = Path(published.announcement.path)
    manifest = read_manifest(directory)
    assert directory == tmp_path / "base" / "v00000041"
    assert manifest.sha256 == published.announcement.sha256
    assert manifest.num_bytes == published.num_bytes == (directory / WEIGHTS).stat().st_size
    assert {name: (info.dtype, info.shape) for name, info in manifest.tensors.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("BF16", (4,)),
    }
    torch.testing.assert_close(load_file(directory / WEIGHTS), weights())
    assert published.announcement.step == 40
    assert sorted(path.name for path in directory.iterdir()) == ["manifest.json", "model.safetensors"]


def test_equal_weights_have_equal_hashes_and_others_do_not(tmp_path: Path) -> None:
    hashes = [
        publish(weights(value), version(number), tmp_path, step=0, keep_versions=4).announcement.sha256
        for number, value in enumerate((1.0, 1.0, 2.0))
    ]

    assert hashes[0] == hashes[1] != hashes[2]


def test_only_the_newest_versions_are_kept(tmp_path: Path) -> None:
    for number in range(8, 13):
        publish(weights(), version(number), tmp_path, step=number, keep_versions=3)

    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == ["v00000010", "v00000011", "v00000012"]


def test_what_an_earlier_run_left_above_the_number_is_removed_and_never_the_new_version(tmp_path: Path) -> None:
    publish(weights(), version(120), tmp_path, step=120, keep_versions=2)

    publish(weights(), version(0), tmp_path, step=0, keep_versions=2)

    assert [path.name for path in (tmp_path / "base").iterdir()] == ["v00000000"]


def test_the_same_weights_again_leave_the_published_files_untouched(tmp_path: Path) -> None:
    directory = Path(publish(weights(), version(3), tmp_path, step=3, keep_versions=2).announcement.path)
    before = (directory / WEIGHTS).stat().st_ino

    publish(weights(), version(3), tmp_path, step=3, keep_versions=2)
    assert (directory / WEIGHTS).stat().st_ino == before

    publish(weights(2.0), version(3), tmp_path, step=3, keep_versions=2)
    assert (directory / WEIGHTS).stat().st_ino != before
    assert [path.name for path in (tmp_path / "base").iterdir()] == ["v00000003"]


def test_a_full_disk_leaves_no_half_version_and_names_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(weights(), version(1), tmp_path, step=1, keep_versions=2)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(publishing, "sync_file", full)
    with pytest.raises(UsageError, match=rf"publishing base@2 into {tmp_path} failed: No space left.*MiB free"):
        publish(weights(), version(2), tmp_path, step=2, keep_versions=2)

    assert [path.name for path in (tmp_path / "base").iterdir()] == ["v00000001"]
    assert read_manifest(tmp_path / "base" / "v00000001").number == 1


def test_a_store_that_can_not_be_made_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UsageError, match=r"publishing base@0 into .*file failed: Not a directory"):
        publish(weights(), version(0), tmp_path / "file", step=0, keep_versions=2)


def test_what_a_dead_run_left_under_the_number_is_replaced(tmp_path: Path) -> None:
    for name in ("v00000003", ".v00000003.unfinished"):
        (tmp_path / "base" / name).mkdir(parents=True)
        (tmp_path / "base" / name / "model.safetensors").write_bytes(b"torn")

    publish(weights(), version(3), tmp_path, step=3, keep_versions=2)

    assert read_manifest(tmp_path / "base" / "v00000003").number == 3
    assert [path.name for path in (tmp_path / "base").iterdir()] == ["v00000003"]


def test_the_default_store_is_one_per_run_directory_and_stays_the_same(tmp_path: Path) -> None:
    one, other = default_store(tmp_path / "a" / "run"), default_store(tmp_path / "b" / "run")

    assert one != other
    assert one == default_store(tmp_path / "a" / ".." / "a" / "run")


def test_without_shared_memory_versions_go_into_the_run_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "SHARED_MEMORY", tmp_path / "absent")

    assert default_store(tmp_path / "run") == tmp_path / "run" / "weights"
