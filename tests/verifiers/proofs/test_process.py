"""A prover's process that can not be started."""

import os
import subprocess

import pytest

from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process


@pytest.mark.parametrize("errors", ["drained", "merged", "recorded"])
async def test_a_start_that_fails_leaves_no_descriptor(monkeypatch, errors):
    def fail(*arguments, **options):
        raise OSError("no process")

    monkeypatch.setattr(subprocess, "Popen", fail)
    before = len(os.listdir("/proc/self/fd"))
    for jail in (True, False):
        with pytest.raises(OSError, match="no process"):
            Process(Command(argv=("/bin/true",), files={"a.v": b"x"}), jail=jail, errors=errors)
    assert len(os.listdir("/proc/self/fd")) == before
