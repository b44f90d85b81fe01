import msgspec

from sparring.core.types import Cohort, Episode, Task
from sparring.deploy import records
from sparring.deploy.live_run import LiveRun
from sparring.deploy.run_files import Minted, Sample, read_lines


def test_a_kept_episode_holds_the_advantages_of_its_tokens(write_run):
    run = write_run(steps=1, text="abc")
    samples = read_lines(run.directory.samples, msgspec.json.Decoder(Sample).decode).values
    # Of each cohort the first that minted a task, and the first that did not.
    assert [bool(one.episode.minted) for one in samples] == [True, False] * 2
    credited = samples[0].advantages
    ids = [scored.rollout.rollout_id for scored in samples[0].episode.rollouts]
    assert list(credited) == ids
    # The opening has 3 tokens, the answers "[0] abc" have 7.
    assert list(credited.values()) == [((0.5, 3),), ((-0.5, 7),), ((-1.5, 7),)]


def test_every_minted_task_is_recorded_in_short_with_its_difficulty(write_run):
    run = write_run(steps=2)
    minted = read_lines(run.directory.minted, msgspec.json.Decoder(Minted).decode).values
    assert len(minted) == 2 * 2 * 2
    last = minted[-1]
    assert (last.task_id, last.parents) == ("propose/abduction#1-2/minted", ("propose/abduction#0-2/minted",))
    assert (last.step, last.kind, last.minted_by, last.solve_rate) == (1, "abduction", "base@1/proposer", 0.5)
    assert last.text.startswith("def f(x): return x + 1")


def test_long_texts_of_minted_tasks_are_cut(write_run, monkeypatch):
    monkeypatch.setattr(records, "MINTED_TEXT", 5)
    run = write_run(steps=1)
    assert {one.text for one in read_lines(run.directory.minted, msgspec.json.Decoder(Minted).decode).values} == {
        "def f"
    }


def test_the_record_of_samples_is_bounded(write_run, monkeypatch):
    monkeypatch.setattr(records, "SAMPLE_BYTES", 20_000)
    run = write_run(steps=12)
    assert run.directory.samples.stat().st_size <= 20_000
    steps = [one.step for one in read_lines(run.directory.samples, msgspec.json.Decoder(Sample).decode).values]
    assert steps[-1] == 11


def test_an_episode_in_which_nothing_was_sampled_is_not_kept(write_run):
    run = write_run(steps=0)
    recalled = Episode(episode_id="recall#1", task=Task(task_id="r", kind="recall", payload={}), rollouts=())
    cohort = Cohort(cohort_id="c", key="recall", trajectories=())
    run.record.keep([recalled, run.episode("deduction", at=0, step=0)], cohort, step=0)
    assert [
        one.episode.episode_id for one in read_lines(run.directory.samples, msgspec.json.Decoder(Sample).decode).values
    ] == ["propose/deduction#0-0"]
    assert [entry.kind for entry in LiveRun(run.directory).entries] == ["deduction"]
