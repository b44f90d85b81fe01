"""Whose stores in shared memory are removed; processes that hold them are real, and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparring.deploy import shared_memory
from sparring.deploy.shared_memory import held, sweep

HOLD = """
import sys, time
from pathlib import Path
from sparring.deploy import shared_memory
shared_memory.SHARED_MEMORY = Path(sys.argv[1]).parent
with shared_memory.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory in the part of shared memory."""
    monkeypatch.setattr(shared_memory, "SHARED_MEMORY", tmp_path)
    return tmp_path


def a_store(place, name="sparring-run-0123abcd", *, days=2.0):
    """A store with one version, last written some days ago."""
    version = place / name / "base" / "v00000001"
    version.mkdir(parents=True)
    (version / "model.safetensors").write_bytes(b"weights")
    for path in (version / "model.safetensors", version, version.parent, place / name):
        os.utime(path, (time.time() - days * 86_400,) * 2)
    return place / name


def left(place):
    return sorted(path.name for path in place.iterdir())


def test_a_store_that_nobody_has_written_to_for_a_day_is_removed(place):
    old, young = a_store(place), a_store(place, "sparring-other-0123abcd", days=0.5)
    assert sweep(place) == [old]
    assert left(place) == [young.name]


def test_one_new_file_in_it_makes_a_store_young(place):
    store = a_store(place)
    (store / "base" / "v00000001" / "manifest.json").write_text("{}")
    assert sweep(place) == []


def test_what_is_not_a_store_of_ours_is_left_alone(place, monkeypatch):
    others = ["psm_1234", "sparring", "sparring-run-nothexad", "sparring-run-0123abcd-more"]
    for name in others:
        a_store(place, name)
    elsewhere = a_store(place, "elsewhere")
    (place / "sparring-link-0123abcd").symlink_to(elsewhere)
    assert sweep(place) == []
    a_store(place)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert sweep(place) == []
    assert (elsewhere / "base" / "v00000001" / "model.safetensors").exists()


def test_a_store_is_kept_as_long_as_its_owner_lives_and_removed_once_it_was_killed(place):
    store = a_store(place)
    # It was there before its owner, as after a resume: taking it does not remove it.
    os.utime(store)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    owner = subprocess.Popen([sys.executable, "-c", HOLD, store], stdout=subprocess.PIPE, env=environment)
    with owner:
        assert owner.stdout.readline() == b"held\n"
        os.utime(store, (0, 0))
        assert sweep(place) == []
        owner.send_signal(signal.SIGKILL)
    assert left(place) == [store.name, f"{store.name}.lock"]
    assert sweep(place) == [store]
    assert left(place) == []


def test_whoever_holds_a_store_removes_those_of_others_and_leaves_no_lock(place):
    a_store(place, "sparring-gone-0123abcd")
    store = place / "sparring-run-0123abcd"
    with held(store):
        assert left(place) == [f"{store.name}.lock"]
        store.mkdir()
    assert left(place) == [store.name]


def test_a_store_in_another_place_needs_no_lock(place, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("run")
    a_store(place)
    with held(elsewhere / "weights"):
        assert left(elsewhere) == []
    assert len(left(place)) == 1
