"""A run directory as training writes it, with a tokenizer whose tokens are bytes."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from sparring.core.config import RunConfig
from sparring.core.metrics import JsonlMetrics
from sparring.core.rundir import RunDirectory
from sparring.core.types import Cohort, Episode, FinishReason, Rollout, ScoredRollout, Task, VersionSpan
from sparring.deploy.records import SampleRecord
from sparring.recipes.credit import trajectory

KINDS = ("deduction", "abduction")


def byte_tokenizer():
    """One token a byte, so that letters beyond ASCII are cut."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


class RunWriter:
    """Writes what a run of ``num_steps`` steps writes, a step at a time."""

    def __init__(self, root, *, num_steps=10, text="def f(x): return x"):
        self.directory, self.text, self.tokenizer = RunDirectory(root), text, byte_tokenizer()
        self.directory.root.mkdir()
        config = RunConfig(steps=num_steps).model_dump(mode="json")
        config["policy"]["model"] = str(root / "no model")
        self.directory.config.write_text(json.dumps(config))
        self.tokenizer.save(str(self.directory.tokenizer))
        self.record = SampleRecord(self.directory)

    def rollout(self, role, *, name, task_id, text, step):
        ids = tuple(self.tokenizer.encode(text).ids)
        spans = (VersionSpan(number=step, num_tokens=2), VersionSpan(number=step + 1, num_tokens=len(ids) - 2))
        return Rollout(
            rollout_id=f"{name}/{role}",
            role=role,
            task_id=task_id,
            policy="base",
            prompt_ids=tuple(self.tokenizer.encode("propose one").ids),
            completion_ids=ids,
            behaviour_logprobs=(-0.5,) * len(ids),
            version_spans=spans,
            text=text,
            finish_reason=FinishReason.STOP,
        )

    def episode(self, kind, *, at, step, num_right=1, valid=True):
        name = f"propose/{kind}#{step}-{at}"
        minted_id, parents = f"{name}/minted", (f"propose/{kind}#{step - 1}-{at}/minted",)
        opening = ScoredRollout(
            rollout=self.rollout("proposer", name=name, task_id=name, text=self.text, step=step),
            kind=kind,
            reward=0.75,
            verdict=f"valid {self.text}" if valid else "runtime_error",
        )
        answers = [
            ScoredRollout(
                rollout=self.rollout(
                    "solver", name=f"{name}/{n}", task_id=minted_id, text=f"[{n}] {self.text}", step=step
                ),
                kind=kind,
                reward=float(n < num_right),
                solved=n < num_right,
                verdict="ok" if n < num_right else "ok: another value",
            )
            for n in range(2 if valid else 0)
        ]
        payload = {"program": f"def f(x): return x + {step}  # {self.text}", "input": "[1]", "output": "[2]"}
        minted = Task(task_id=minted_id, kind=kind, payload=payload, parents=parents, minted_by=f"base@{step}/proposer")
        task = Task(task_id=name, kind=f"propose/{kind}", payload={"references": [payload]}, parents=parents)
        return Episode(
            episode_id=name,
            task=task,
            rollouts=(opening, *answers),
            minted=(minted,) if valid else (),
            metrics={"proposals/valid": float(valid)},
        )

    def step(self, number):
        """Credit a cohort of each kind and log the step."""
        for kind in KINDS:
            episodes = [self.episode(kind, at=at, step=number - 1, valid=at != 1) for at in range(3)]
            trained = [
                trajectory(episode, scored, advantage=0.5 - at)
                for episode in episodes
                for at, scored in enumerate(episode.rollouts)
            ]
            cohort = Cohort(cohort_id=f"{kind}@{number}", key=kind, trajectories=tuple(trained))
            self.record.keep(episodes, cohort, step=number - 1)
        values = {"version": number, "time/step": 2.0, "time/wait_for_batch": 0.5, "time/wait_for_policy": 0.1 * number}
        values |= {"staleness/mean": 1.0, "staleness/max": 2.0, "weights/sync_s": 0.03, "time/publish": 0.01}
        values |= {"throughput/rollout_tokens_per_s": 900.0, "throughput/learner_tokens_per_s": 700.0}
        for kind in KINDS:
            values |= {f"reward/mean/proposer/{kind}": 0.1 * number, f"solve_rate/proposed/{kind}": 0.25}
            values |= {
                f"solve_rate/solver/{kind}": 0.5,
                f"learnability/{kind}": 0.3,
                f"proposals/duplicate/{kind}": 0.1,
            }
        with JsonlMetrics(self.directory.metrics) as metrics:
            metrics.log(values, step=number)


@pytest.fixture
def write_run(tmp_path):
    """Starts a run directory and writes so many steps of it."""

    def write(*, steps=3, **settings):
        run = RunWriter(tmp_path / "watched", **settings)
        for number in range(1, steps + 1):
            run.step(number)
        return run

    return write
