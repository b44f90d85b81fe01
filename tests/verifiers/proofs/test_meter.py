"""What processes use, by files and by clocks."""

import subprocess
import time

from sparring.verifiers.proofs import meter
from sparring.verifiers.proofs.meter import Meter, computes


def test_processor_time_grows_with_work_and_clocks_between_two_looks_agree_with_files(monkeypatch):
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy, subprocess.Popen(["sleep", "100"]) as idle:
        try:
            both = Meter(lambda: [busy.pid, idle.pid])
            end = time.monotonic() + 20
            while both.usage().cpu_s < 0.3 and time.monotonic() < end:
                time.sleep(0.01)
            assert both.usage().memory_mib > 0
            monkeypatch.setattr(meter, "LOOK_S", 1000.0)
            looked = both.usage().cpu_s
            while (clocked := both.usage().cpu_s) < looked + 0.2 and time.monotonic() < end:
                time.sleep(0.01)
            assert clocked >= looked + 0.2  # no file was read for it
            began, clocked = time.monotonic(), both.usage().cpu_s
            filed = Meter(lambda: [busy.pid, idle.pid]).usage().cpu_s
            assert clocked - 0.05 < filed < clocked + time.monotonic() - began + 0.05
            assert Meter(lambda: [idle.pid]).usage().cpu_s < 0.1
            assert not computes([idle.pid])
        finally:
            busy.kill()
            idle.kill()
    assert Meter(lambda: [busy.pid]).usage() == meter.Usage()
    assert not computes([busy.pid])
