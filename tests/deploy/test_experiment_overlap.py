"""What self-play wrote of the test set, on an archive made by hand."""

import msgspec
import pytest

from sparring.core.rundir import RunDirectory
from sparring.core.types import Task
from sparring.core.wire import encode
from sparring.deploy.experiment_overlap import minted_programs, overlaps
from sparring.deploy.experiment_results import Results, RunResult
from sparring.deploy.statistics import Evaluation
from sparring.learner.checkpoint import Commit, Record
from sparring.recipes.syntax import program_fingerprint
from sparring.replay.memory_state import MemoryState

ONE, TWO = "def f(x):\n    return x + 1", "def f(x):\n    return x * 2"


def evaluation(task_id, *, solved):
    return Evaluation(
        step=0, version=0, phase="test", kind="deduction", task_id=task_id, greedy=solved, samples=(solved,) * 8
    )


@pytest.fixture
def out(tmp_path):
    """An experiment whose only full run wrote program ONE under other names."""
    directory = RunDirectory(tmp_path / "full" / "seed0")
    place = directory.checkpoints / "step-00000003"
    place.mkdir(parents=True)
    state = MemoryState()
    written = "def f(value):\n    return value + 1"
    state.store(
        Task(task_id="m", kind="deduction", payload={"program": written}, family=program_fingerprint(written)),
        capacity=8,
    )
    commit = Commit(step=3, version=3, entries=(), trajectory_ids=(), extra=encode(state))
    (place / "commit.json").write_bytes(msgspec.json.encode(Record(commit, {})))
    tasks = [
        Task(task_id=f"test-{name}", kind="solve/deduction", payload={"program": program, "input": "1", "output": "2"})
        for name, program in (("one", ONE), ("two", TWO))
    ]
    (tmp_path / "test.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, tasks)))
    return tmp_path


def test_a_program_written_under_other_names_counts_as_written(out):
    assert minted_programs(RunDirectory(out / "full" / "seed0")) == {program_fingerprint(ONE)}


def test_the_gain_is_counted_again_on_tasks_of_other_programs(out):
    before = [evaluation("test-one", solved=False), evaluation("test-two", solved=False)]
    after = [evaluation("test-one", solved=True), evaluation("test-two", solved=False)]
    results = Results(seed_model=before, runs=[RunResult(arm="full", seed=0, test=after)], steps=3)
    [row] = overlaps(results, out, tasks=out / "test.jsonl")
    assert (row.num_minted, row.num_written, row.num_left) == (1, 1, 1)
    assert row.gains["sampled"].mean == 0.0


def test_a_run_without_a_checkpoint_wrote_nothing_that_is_known(tmp_path):
    assert minted_programs(RunDirectory(tmp_path / "run")) == frozenset()
