import fcntl
import json
from pathlib import Path

import msgspec
import pytest

from sparring.core.errors import UsageError
from sparring.core.manifest import MANIFEST, Manifest
from sparring.core.run_file import load_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.experiment import run_experiment, train_command
from sparring.deploy.experiment_arms import ARMS, DEFAULT_ARMS, arm_overrides, choose
from sparring.deploy.experiment_manifest import plan, run_file_named
from sparring.deploy.test_set import RESULT, Claim
from sparring.learner.checkpoint import Commit, Record

QUICKSTART = run_file_named("quickstart")


def an_experiment(out, *, arms=("full", "shuffled"), num_seeds=2, steps=3, overrides=()):
    return plan(out, QUICKSTART, arms=arms, num_seeds=num_seeds, steps=steps, overrides=overrides)


def commit(root, *, step, steps=3):
    """Leave what training leaves after ``step``: a whole run if that is the last."""
    directory = RunDirectory(root)
    (root / "policy").mkdir(parents=True, exist_ok=True)
    directory.config.write_text(json.dumps({"steps": steps, "evaluation": {"tasks": None}}))
    checkpoint = directory.checkpoints / f"step-{step:08d}"
    checkpoint.mkdir(parents=True, exist_ok=True)
    record = Record(Commit(step=step, version=step, entries=(), trajectory_ids=()), {})
    (checkpoint / "commit.json").write_bytes(msgspec.json.encode(record))
    manifest = Manifest(policy="base", number=step, sha256="", num_bytes=0, tensors={})
    (root / "policy" / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def claim(root):
    """Leave what a test evaluation of no task at all leaves."""
    whole = Claim(test_set="", weights="", step=3, num_tasks=0, num_samples=8, claimed=0.0)
    with (root / RESULT).open("xb") as file:
        file.write(msgspec.json.encode(whole) + b"\n")


class Children:
    """Stands for the commands: does at once what they do, and remembers what was asked."""

    def __init__(self, *, failing=()):
        self.commands, self._failing = [], failing

    def __call__(self, command, log, core):
        self.commands.append(list(command))
        code = 0
        if "train" in command:
            root = Path(command[command.index("--run") + 1])
            code = 1 if f"{root.parent.name}/{root.name}" in self._failing else 0
            commit(root, step=3 if code == 0 else 1)
        else:
            claim(Path(command[-1]))
        return Ended(code)

    def of(self, word):
        return [command for command in self.commands if word in command]


class Ended:
    def __init__(self, code):
        self._code = code

    def poll(self):
        return self._code


def run(experiment, children, said=None):
    say = (said if said is not None else []).append
    return run_experiment(experiment, num_jobs=1, write=lambda out: [], launch=children, say=say)


def test_every_arm_and_seed_is_trained_and_tested_and_the_starting_model_tested(tmp_path):
    children = Children()
    assert run(an_experiment(tmp_path / "e"), children) == 0
    trained = [command[command.index("--run") + 1] for command in children.of("train")]
    assert trained == [str(tmp_path / "e" / arm / f"seed{k}") for k in (0, 1) for arm in ("full", "shuffled")]
    assert len(children.of("sparring.deploy.test_set")) == 5
    assert len(children.of("--seed-model")) == 1


def test_a_finished_experiment_runs_nothing_again(tmp_path):
    run(an_experiment(tmp_path / "e"), Children())
    children = Children()
    assert run(an_experiment(tmp_path / "e"), children) == 0
    assert children.commands == []


def test_an_interrupted_run_is_taken_up_and_one_that_committed_nothing_begins_anew(tmp_path):
    experiment = an_experiment(tmp_path / "e")
    commit(tmp_path / "e" / "full" / "seed0", step=2)
    assert train_command(experiment, "full", 0)[-1] == "--resume"
    anew = train_command(experiment, "full", 1)
    assert "--fresh" in anew
    assert anew[-2:] == ["--set", "seed=1"]


def test_a_run_that_fails_makes_the_exit_code_1_and_the_others_go_on(tmp_path):
    children, said = Children(failing=["full/seed0"]), []
    assert run(an_experiment(tmp_path / "e"), children, said) == 1
    assert len(children.of("train")) == 4
    assert [line for line in said if line.startswith("failed: ")] == [
        f"failed: full/seed0, training: exit code 1; see {tmp_path / 'e' / 'full' / 'seed0.log'}"
    ]


def test_a_broken_off_test_evaluation_is_reported_with_the_way_on(tmp_path):
    root, said = tmp_path / "e" / "full" / "seed0", []
    commit(root, step=3)
    (root / RESULT).write_text("")

    class Refusing(Children):
        def __call__(self, command, log, core):
            return Ended(2) if command[-1] == str(root) else super().__call__(command, log, core)

    assert run(an_experiment(tmp_path / "e"), Refusing(), said) == 1
    assert "counts as used: make another run" in said[-1]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"steps": 4}, "steps: started with 3, asked for 4"),
        ({"num_seeds": 3}, "seeds: started with"),
        ({"overrides": ["learner.learning_rate=1e-3"]}, "overrides: started with"),
    ],
)
def test_an_experiment_goes_on_with_the_settings_it_was_started_with_or_not_at_all(tmp_path, changed, named):
    run(an_experiment(tmp_path / "e"), Children())
    children = Children()
    with pytest.raises(UsageError, match=named):
        run(an_experiment(tmp_path / "e", **changed), children)
    assert children.commands == []


def test_an_experiment_is_refused_when_the_run_file_changed(tmp_path):
    text = QUICKSTART.read_text().replace("../", f"{QUICKSTART.parent.parent}/")
    path = tmp_path / "mine.toml"
    for seed_factor in ("seed_factor = 4", "seed_factor = 5"):
        path.write_text(text.replace("seed_factor = 4", seed_factor))
        experiment = plan(tmp_path / "e", path, arms=["full"], num_seeds=1, steps=3, overrides=[])
        if seed_factor.endswith("5"):
            with pytest.raises(UsageError, match="sha256 of the run file"):
                run(experiment, Children())
        else:
            assert run(experiment, Children()) == 0


def test_further_arms_may_join_an_experiment(tmp_path):
    run(an_experiment(tmp_path / "e", arms=["full"]), Children())
    children = Children()
    assert run(an_experiment(tmp_path / "e", arms=["synchronous"]), children) == 0
    assert len(children.of("train")) == 2
    assert set(json.loads((tmp_path / "e" / "experiment.json").read_text())["arms"]) == {"full", "synchronous"}


def test_an_experiment_that_is_running_is_not_run_twice(tmp_path):
    (tmp_path / "e").mkdir()
    with (tmp_path / "e" / "experiment.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is running"):
            run(an_experiment(tmp_path / "e"), Children())


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_a_valid_configuration_of_one_process(tmp_path, arm):
    experiment = an_experiment(tmp_path, arms=[arm], steps=7)
    config = load_config(QUICKSTART, experiment.overrides(arm, 2))
    assert (config.mode, config.steps, config.seed) == ("single_process", 7, 2)


def test_arms_differ_from_the_full_one_in_what_they_name_alone(tmp_path):
    full = load_config(QUICKSTART, arm_overrides("full", load_config(QUICKSTART)))
    frozen = load_config(QUICKSTART, arm_overrides("frozen", load_config(QUICKSTART)))
    assert frozen.policy.frozen["snapshot"] == full.policy.model
    assert frozen.model_copy(update={"policy": full.policy, "recipe": full.recipe}) == full


def test_the_run_made_to_collapse_is_not_run_unless_asked_for():
    assert "collapse" not in DEFAULT_ARMS
    assert choose(["collapse", "full", "full"]) == ("collapse", "full")


def test_an_unknown_arm_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match=r"no such arm: ful; the arms are full, shuffled"):
        choose(["ful"])


def test_an_unknown_run_file_is_answered_with_the_shipped_ones():
    with pytest.raises(UsageError, match="azr_7b, quickstart"):
        run_file_named("quikstart")
