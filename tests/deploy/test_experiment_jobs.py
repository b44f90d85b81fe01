import os
import signal
import sys
import threading
import time

import pytest

from sparring.deploy.experiment_jobs import Job, Runner, Stage, launch_pinned, usable_cores

MAKE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('made')"
FAIL = "import sys; print('no such thing'); sys.exit(3)"
CORES = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(str(sorted(os.sched_getaffinity(0))))"
SLEEP = """
import pathlib, signal, sys, time
path = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: (path.with_suffix(".ended").write_text("SIGINT"), sys.exit(130)))
path.with_suffix(".started").write_text("")
for _ in range(int(sys.argv[2])):
    time.sleep(0.01)
path.write_text("made")
"""


def a_stage(script, path, *words, **changes):
    command = [sys.executable, "-c", script, str(path), *words]
    return Stage(name=path.stem, command=lambda: command, done=path.exists, **changes)


def a_job(*stages, tmp_path, name="job"):
    return Job(name=name, log=tmp_path / f"{name}.log", stages=stages)


def a_runner(*, num_jobs=1, launch=launch_pinned, said=None):
    return Runner(launch=launch, cores=usable_cores()[:1] * num_jobs, poll_s=0.01, say=(said or []).append)


def test_the_stages_of_a_job_follow_each_other(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    copy = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.with_name('first').read_text())"
    runner = a_runner()
    runner.run([a_job(a_stage(MAKE, first), a_stage(copy, second), tmp_path=tmp_path)])
    assert second.read_text() == "made"
    assert runner.failures == {}


def test_what_is_done_is_skipped(tmp_path):
    path = tmp_path / "done"
    path.write_text("before")
    a_runner().run([a_job(a_stage(MAKE, path), tmp_path=tmp_path)])
    assert path.read_text() == "before"


def test_a_job_that_fails_is_reported_and_the_others_go_on(tmp_path):
    runner = a_runner()
    jobs = [
        a_job(a_stage(FAIL, tmp_path / "never"), a_stage(MAKE, tmp_path / "after"), tmp_path=tmp_path, name="bad"),
        a_job(a_stage(MAKE, tmp_path / "good"), tmp_path=tmp_path, name="good"),
    ]
    runner.run(jobs)
    assert runner.failures == {"bad": f"never: exit code 3; see {tmp_path / 'bad.log'}"}
    assert "no such thing" in (tmp_path / "bad.log").read_text()
    assert (tmp_path / "good").exists()
    assert not (tmp_path / "after").exists()


def test_a_stage_that_ends_well_without_what_it_was_to_make_has_failed(tmp_path):
    runner = a_runner()
    runner.run([a_job(a_stage("pass", tmp_path / "nothing"), tmp_path=tmp_path)])
    assert "without what it was to make" in runner.failures["job"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system can not pin a process")
def test_a_child_runs_on_its_one_core(tmp_path):
    a_runner().run([a_job(a_stage(CORES, tmp_path / "cores"), tmp_path=tmp_path)])
    assert (tmp_path / "cores").read_text() == str(usable_cores()[:1])


def test_no_more_jobs_run_at_once_than_there_are_places(tmp_path):
    alive, most = set(), []

    class Fake:
        def __init__(self, path):
            self.path, self.polls = path, 0
            alive.add(path)
            most.append(len(alive))

        def poll(self):
            self.polls += 1
            if self.polls < 3:
                return None
            self.path.write_text("made")
            alive.discard(self.path)
            return 0

    def launch(command, log, core):
        return Fake(tmp_path / command[0])

    def stage(name):
        return Stage(name=name, command=lambda: [name], done=(tmp_path / name).exists)

    jobs = [a_job(stage(f"s{n}"), tmp_path=tmp_path, name=f"s{n}") for n in range(5)]
    a_runner(num_jobs=2, launch=launch).run(jobs)
    assert max(most) == 2
    assert len(most) == 5


def interrupt_once(path):
    """Send this process a Ctrl-C as soon as ``path`` is there."""

    def wait():
        while not path.exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_ctrl_c_ends_the_children_and_waits_for_them(tmp_path):
    path = tmp_path / "slow"
    interrupt_once(path.with_suffix(".started"))
    with pytest.raises(KeyboardInterrupt):
        a_runner().run([a_job(a_stage(SLEEP, path, "1000"), tmp_path=tmp_path)])
    assert path.with_suffix(".ended").read_text() == "SIGINT"


def test_ctrl_c_lets_a_stage_that_can_not_be_made_again_finish(tmp_path):
    path = tmp_path / "precious"
    interrupt_once(path.with_suffix(".started"))
    with pytest.raises(KeyboardInterrupt):
        a_runner().run([a_job(a_stage(SLEEP, path, "10", interruptible=False), tmp_path=tmp_path)])
    assert path.read_text() == "made"
