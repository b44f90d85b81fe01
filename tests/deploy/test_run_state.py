"""What a run says of itself, however it ends."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.records import Ending
from sparring.deploy.run_state import Phase, mark_running, marked, path_of, read_state


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def an_ending(*, interrupted: bool = False) -> Ending:
    return Ending(step=2, interrupted=interrupted, lines=[])


def commit(directory: RunDirectory, *steps: int, torn: str = "") -> None:
    lines = "".join(json.dumps({"step": step}) + "\n" for step in steps)
    directory.journal.write_text(lines + torn)


@pytest.mark.parametrize(("interrupted", "phase"), [(False, Phase.FINISHED), (True, Phase.STOPPED)])
def test_an_ended_run_says_how_and_after_which_committed_step(
    directory: RunDirectory, interrupted: bool, phase: Phase
) -> None:
    with marked(directory) as endings:
        mark_running(directory)
        state = read_state(directory)
        assert state is not None
        assert (state.phase, state.step) == (Phase.RUNNING, 0)
        commit(directory, 1, 2, torn='{"step": 3')
        endings.append(an_ending(interrupted=interrupted))
    state = read_state(directory)
    assert state is not None
    assert (state.phase, state.step) == (phase, 2)


def test_a_failed_run_says_why(directory: RunDirectory) -> None:
    def fail() -> None:
        with marked(directory):
            mark_running(directory)
            raise UsageError("no room")

    with pytest.raises(UsageError):
        fail()
    state = read_state(directory)
    assert state is not None
    assert (state.phase, state.reason) == (Phase.FAILED, "UsageError: no room")


def test_a_second_process_that_finds_the_run_taken_leaves_its_state_alone(directory: RunDirectory) -> None:
    mark_running(directory)
    state = read_state(directory)
    assert state is not None
    other = msgspec.structs.replace(state, owner="elsewhere/1")
    path_of(directory).write_bytes(msgspec.json.encode(other))
    with pytest.raises(UsageError), marked(directory):
        raise UsageError("the run is in use")
    assert read_state(directory) == other


def test_a_run_that_never_began_has_no_state(directory: RunDirectory) -> None:
    with pytest.raises(UsageError), marked(directory):
        raise UsageError("no model")
    assert read_state(directory) is None


def test_a_file_that_is_no_state_is_named(directory: RunDirectory) -> None:
    path_of(directory).write_text("[]")
    with pytest.raises(UsageError, match=r"state\.json can not be read"):
        read_state(directory)
