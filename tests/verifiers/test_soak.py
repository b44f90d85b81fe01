"""Many programs of every kind while interpreters are killed: see attacks/soak.py.

``SPARRING_SOAK_PROGRAMS=50000`` makes it as long as a release wants it.
"""

import importlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

pytestmark = pytest.mark.service  # real jails, and more than seconds

sys.path.append(str(Path(__file__).parent / "attacks"))
soak = importlib.import_module("soak")

PROGRAMS = int(os.environ.get("SPARRING_SOAK_PROGRAMS", "1500"))
LONGEST_S = 120 + PROGRAMS // 10


@pytest.mark.timeout(LONGEST_S + 60)
def test_every_program_gets_one_right_verdict_though_interpreters_are_killed_and_nothing_grows():
    # In a process where nothing but the soak opens or closes anything.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        assert process.submit(soak.faults, PROGRAMS).result(LONGEST_S) == []
