import hashlib

import msgspec
import pytest

from sparring.core.errors import DamagedVersion
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, read_manifest


def a_version(directory, weights=b"some weights"):
    (directory / WEIGHTS).write_bytes(weights)
    manifest = Manifest(
        policy="base", number=3, sha256=hashlib.sha256(weights).hexdigest(), num_bytes=len(weights), tensors={}
    )
    (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return manifest


def test_an_undamaged_version_gives_its_manifest(tmp_path):
    assert a_version(tmp_path) == read_manifest(tmp_path)


def test_one_flipped_bit_is_refused(tmp_path):
    a_version(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"some weighus")
    with pytest.raises(DamagedVersion, match="base@3: weights hash to"):
        read_manifest(tmp_path)


def test_a_torn_file_is_refused(tmp_path):
    a_version(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"some")
    with pytest.raises(DamagedVersion, match="4 bytes of weights where 12 were published"):
        read_manifest(tmp_path)


def test_a_missing_or_broken_manifest_is_refused(tmp_path):
    a_version(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(DamagedVersion):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(DamagedVersion):
        read_manifest(tmp_path)
