"""Every attack against both tiers that separate: one attack a file, in attacks/programs; its header says what must
come of it (attacks/attack.py).

A run may end ``SPARRING_ATTACK_SLACK_S`` seconds (0.3) after its limit; the time in which the machine had too few
processors for all that was to be done comes on top, as Linux counts it in /proc/pressure/cpu.
"""

import importlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from sparring.verifiers.tiers import missing

pytestmark = pytest.mark.service  # real jails, and more than seconds

HERE = Path(__file__).parent / "attacks"
SOURCES = Path(__file__).parents[2] / "src"
sys.path.append(str(HERE))
arenas = importlib.import_module("arena")
attacks = importlib.import_module("attack")

TIERS = ("A", "B")
EVERY = attacks.every()
STUDIED = 78  # known attacks, numbered
NOT_ROOT = 60_123  # a user that runs nothing else
ONE_S = 60.0  # of one attack, about 1 s on an idle machine
LONGEST_S = 500  # of all of them, about 40 s on an idle machine


def cases():
    for tier in TIERS:
        for attack in EVERY:
            yield pytest.param(tier, attack, id=f"{tier}-{attack.name}")


def need(tier):
    if problem := missing(tier):
        pytest.skip(f"tier {tier} does not run here: {problem}")


@pytest.fixture(scope="module")
def arena():
    """``Arena.faults`` of a tier, in a process where nothing but the attacks opens or closes anything."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield lambda tier, attack: process.submit(arenas.faults_here, tier, attack).result(ONE_S)
        process.submit(arenas.close_here).result(ONE_S)


def test_every_attack_of_the_study_and_more_of_our_own_are_here():
    studied = {number for attack in EVERY for number in attack.study}
    assert studied == set(range(1, STUDIED + 1))
    assert len([attack for attack in EVERY if not attack.study]) >= 42
    assert len(EVERY) >= 120


@pytest.mark.parametrize(("tier", "attack"), list(cases()))
def test_nothing_is_stolen_changed_left_or_broken(arena, tier, attack):
    need(tier)
    assert arena(tier, attack) == []


def test_the_harness_sees_what_an_attack_does_where_nothing_is_defended(arena):
    """The tier of plain processes: if this holds, a passed test above says nothing."""
    by_name = {attack.name: attack for attack in EVERY}
    for name, sign in (
        ("files/read_the_host_secret", "'escaped' is in"),
        ("files/change_the_canary", "touched: file"),
        ("files/write_shared_memory", "left behind: /dev/shm/"),
        ("network/connect_to_the_host", "touched: socket 0"),
        ("kernel/shared_memory_segment", "left behind: shm segment"),
    ):
        assert sign in " ".join(arena("X", by_name[name])), name


@pytest.mark.timeout(LONGEST_S + 20)
@pytest.mark.parametrize("tier", TIERS)
def test_nothing_is_stolen_changed_left_or_broken_for_a_user_that_is_not_root(tier):
    command = as_another_user()
    environment = {"PYTHONPATH": os.pathsep.join([str(SOURCES), *site_packages()]), "PATH": os.defpath, "HOME": "/tmp"}
    ended = subprocess.run(
        [*command, str(HERE / "arena.py"), tier],
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    if "does not work here" in ended.stderr:
        pytest.skip(ended.stderr.strip().split("\n")[-1])
    assert f"0 failed tier={tier} uid={NOT_ROOT}" in ended.stdout, ended.stdout + ended.stderr


def as_another_user():
    """A command that starts an interpreter of our version as a user without rights."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("changing the user takes root and setpriv (util-linux)")
    user = [setpriv, f"--reuid={NOT_ROOT}", f"--regid={NOT_ROOT}", "--clear-groups"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        # setpriv itself may start what its user could not: the interpreter has to be able to start itself.
        tries = "import msgspec, pydantic, sparring, subprocess, sys\n"
        tries += "subprocess.run([sys.executable, '-c', ''], check=True)"
        path = {"PYTHONPATH": os.pathsep.join([str(SOURCES), *site_packages()])}
        with_it = [*user, interpreter, "-B"]
        if (
            Path(interpreter).exists()
            and not subprocess.run([*with_it, "-c", tries], env=path, capture_output=True, check=False).returncode
        ):
            return with_it
    pytest.skip(f"no {version} with Sparring's packages is readable to other users")


def site_packages():
    return [path for path in sys.path if path.endswith("site-packages")]
