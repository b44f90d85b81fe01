"""STP on the real prover, engine and learner: two rounds, of which the second starts again from the base model."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from sparring.core.config import ExecutorConfig, ProofConfig
from sparring.core.metrics import read_metrics
from sparring.core.run_file import load_config
from sparring.core.rundir import RunDirectory
from sparring.recipes.stp_dialects import CompactDialect
from sparring.recipes.stp_targets import read_targets
from sparring.verifiers.pools import BlockingVerifiers

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
ROOT = Path(__file__).parents[2]
RUN_FILE = ROOT / "deploy" / "runs" / "stp_quickstart.toml"
TARGETS = ROOT / "deploy" / "data" / "stp_targets.jsonl"


@pytest.fixture(scope="module")
def verify():
    verifiers = BlockingVerifiers(ExecutorConfig(), ProofConfig(sessions=1))
    yield verifiers
    verifiers.close()


async def test_targets_have_proofs_and_their_terms_name_the_lemmas(verify):
    dialect, targets = CompactDialect(), Random(0).sample(list(read_targets(TARGETS)), 40)
    claims = [dialect.claim(task.payload, task.payload["reference"]) for task in targets]
    verdicts = await asyncio.gather(*map(verify, claims))
    assert [task.task_id for task, verdict in zip(targets, verdicts, strict=True) if not verdict.passed] == []
    for task, verdict in zip(targets, verdicts, strict=True):
        # A lemma of the term was named in the proof, after a tactic that takes one.
        named = {f"{mark}{letter}" for letter in dialect.lemmas(verdict.premises) for mark in "RWP"}
        used = {pair for pair in named if pair in task.payload["reference"]}
        assert {pair[1] for pair in used} == set(dialect.lemmas(verdict.premises))


@pytest.mark.parametrize(
    ("conjecture", "follows"),
    [("=z+xy", True), ("=+yxz", True), ("=S+xySz", False), (">=+xyw=+xyw", True), ("<+xyz", False)],
)
async def test_what_follows_from_its_seed_in_one_step_is_recognised(verify, conjecture, follows):
    verdict = await verify(CompactDialect().equivalence("=+xyz", conjecture))
    assert verdict.passed is follows


def test_two_rounds_prove_conjecture_learn_and_start_again(tmp_path):
    from sparring.deploy.launch import train

    sets = ["steps=2", "recipe.options.refresh_every=2", "recipe.options.conjectures_per_round=8"]
    config = load_config(RUN_FILE, [*sets, "recipe.options.targets_per_round=16", "recipe.options.num_proofs=4"])
    directory = RunDirectory(tmp_path / "run")
    assert train(config, directory, resume=False, fresh=True) == 0
    first, second = read_metrics(directory.metrics)
    assert first["budget/proofs"] == 24 * 4  # no seeds yet: all for targets
    assert second["targets/proved"] >= first["targets/proved"] > 0
    assert 0 < second["conjectures/valid"] <= 1
    assert second["tokens/trained"] > 0
    episodes = [json.loads(line)["episode"] for line in directory.samples.read_text().splitlines()]
    proofs = [task["payload"] for episode in episodes for task in episode["minted"] if task["kind"] == "proof"]
    assert proofs
    assert all(proof["num_correct"] > 0 for proof in proofs)
