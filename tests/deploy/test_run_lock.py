"""One process at a time works on a run directory, and a run keeps its name."""

from __future__ import annotations

import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch
from sparring.deploy.run_lock import delete, held, name_run
from sparring.replay import ground

HOLD = """
import sys, time
from pathlib import Path
from sparring.core.rundir import RunDirectory
from sparring.deploy.run_lock import held
with held(RunDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "LOCK_S", 0.1)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def everything(directory: RunDirectory) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["asynchronous", "single_process"])
@pytest.mark.parametrize(("resume", "fresh"), [(False, False), (True, False), (False, True)])
def test_a_second_run_on_a_live_one_is_refused_before_it_changes_a_byte(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, mode: str, resume: bool, fresh: bool
) -> None:
    monkeypatch.setattr(launch, "check", lambda config: None)
    config = RunConfig.model_validate({"mode": mode})
    with held(directory):
        launch.prepare(config, directory, resume=False, fresh=False)
        directory.metrics.write_text("so far")
        before = everything(directory)
        other = config.model_copy(update={"steps": 7})
        with pytest.raises(UsageError, match=r"in use by the run with pid \d+ on .*another process works on this run"):
            launch.train(other, directory, resume=resume, fresh=fresh)
        assert everything(directory) == before


def test_a_killed_run_holds_its_directory_no_more(directory: RunDirectory) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(directory.root)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"in use by the run with pid {run.pid} on"), held(directory):
            pass
        run.send_signal(signal.SIGKILL)
        run.wait()
    with held(directory):
        assert directory.lock.exists()


def test_a_run_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match=r"can not be written: .*MiB free"),
        held(RunDirectory(tmp_path / "file" / "run")),
    ):
        pass


def test_deleting_a_run_leaves_its_lock_and_its_name(directory: RunDirectory) -> None:
    with held(directory):
        launch.prepare(RunConfig(), directory, resume=False, fresh=False)
        name = name_run(directory, new=False)
        (directory.redis / "appendonlydir").mkdir(parents=True)
        delete(directory)
        assert {path.name for path in directory.root.iterdir()} == {"run.lock", "run_id"}
        launch.prepare(RunConfig(), directory, resume=False, fresh=True)
        assert name_run(directory, new=False) == name


def test_a_run_whose_redis_still_writes_is_not_deleted(directory: RunDirectory) -> None:
    launch.prepare(RunConfig(), directory, resume=False, fresh=False)
    directory.redis.mkdir()
    with (directory.redis / "redis.lock").open("w") as lock:
        ground.lock_for(lock, directory.redis)
        with pytest.raises(UsageError, match="in use by the redis-server"):
            launch.prepare(RunConfig(), directory, resume=False, fresh=True)
        assert directory.config.exists()


def test_a_run_keeps_its_name_wherever_its_directory_is(directory: RunDirectory) -> None:
    launch.prepare(RunConfig(), directory, resume=False, fresh=False)
    name = name_run(directory, new=False)
    moved = RunDirectory(directory.root.rename(directory.root.with_name("better")))
    launch.prepare(RunConfig(), moved, resume=True, fresh=False)
    assert name_run(moved, new=False) == name
    assert name.startswith("run-")
    launch.prepare(RunConfig(), directory, resume=False, fresh=False)
    assert name_run(directory, new=False) != name


@pytest.mark.parametrize(("resume", "fresh"), [(True, False), (False, True)])
def test_a_run_of_before_names_were_given_keeps_the_one_after_its_path(
    directory: RunDirectory, resume: bool, fresh: bool
) -> None:
    launch.prepare(RunConfig(), directory, resume=False, fresh=False)
    directory.identity.unlink()
    launch.prepare(RunConfig(), directory, resume=resume, fresh=fresh)
    root = directory.root.resolve()
    assert name_run(directory, new=True) == f"run-{sha256(bytes(root)).hexdigest()[:8]}"


def test_an_empty_name_is_refused(directory: RunDirectory) -> None:
    directory.root.mkdir()
    directory.identity.write_text("")
    with pytest.raises(UsageError, match="run_id is empty"):
        name_run(directory, new=True)
