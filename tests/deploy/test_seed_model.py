import json
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import sparring.deploy
from sparring.core.types import Task
from sparring.deploy.seed_card import card, read_heldout, score, score_proposals, solved, write_heldout
from sparring.deploy.seed_claims import canonical, is_plain, run_claims
from sparring.deploy.seed_model import CHECKPOINT, SeedConfig, make_model, make_seed_model, train_seed_model
from sparring.deploy.seed_optimizers import orthogonalised
from sparring.deploy.seed_samples import batches, draw_sample
from sparring.deploy.seed_tokenizer import CHARACTERS, VOCABULARY, make_tokenizer
from sparring.recipes.compact import ROLE_TOKENS, CompactDialect
from sparring.recipes.corpus import heldout

TINY = SeedConfig(hidden_size=16, num_layers=1, num_heads=1, intermediate_size=32, batch_size=4, warmup_steps=2)
TOKENIZER = make_tokenizer(512)
DATA = Path(sparring.deploy.__file__).parent / "data"
INCREMENT = "def f(x):\n    return x + 1"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def short_completions(monkeypatch):
    monkeypatch.setattr("sparring.deploy.seed_card.MAX_NEW_TOKENS", 3)


def encode(texts):
    return TOKENIZER(texts, add_special_tokens=False)["input_ids"]


def task(kind, **payload):
    return Task(task_id="t", kind=kind, payload={"program": INCREMENT, **payload})


def test_the_vocabulary_is_small_and_has_no_entry_twice():
    assert len(set(VOCABULARY)) == len(VOCABULARY) <= 250


@given(st.lists(st.sampled_from([*CHARACTERS, *VOCABULARY[4:]])).map("".join))
def test_any_printable_text_comes_back_unchanged(text):
    assert TOKENIZER.decode(encode([text])[0], skip_special_tokens=False) == text


def test_samples_come_back_unchanged_and_hold_nothing_unknown():
    random = Random(0)
    for sample in (draw_sample(random) for _ in range(200)):
        text = sample.prompt + sample.completion
        (ids,) = encode([text])
        assert TOKENIZER.decode(ids) == text
        assert TOKENIZER.unk_token_id not in ids


def test_role_tokens_and_statements_are_short():
    assert all(len(ids) == 1 for ids in encode(list(ROLE_TOKENS)))
    assert len(encode(["def f(x):\n    x = x[::-1]\n    return sorted(x)"])[0]) == 5


def test_a_saved_tokenizer_loads_by_its_directory_alone(tmp_path):
    train_seed_model(tmp_path, num_steps=1, config=TINY)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = f"<sd><p>{INCREMENT}<i>3<a>4<eos>"
    assert loaded(text)["input_ids"] == encode([text])[0]
    assert loaded.decode(loaded(text)["input_ids"]) == text
    assert loaded.apply_chat_template([{"role": "user", "content": "<sd>"}], tokenize=False) == "<sd>"


def test_every_completion_is_what_the_dialect_reads():
    random = Random(1)
    for _ in range(200):
        sample = draw_sample(random)
        opener = sample.prompt[:4]
        kind = {"d": "deduction", "a": "abduction", "f": "induction"}[opener[2]]
        assert (
            CompactDialect().read(f"{'solve' if opener[1] == 's' else 'propose'}/{kind}", sample.completion).well_formed
        )


def test_the_curriculum_begins_with_short_programs():
    random = Random(2)
    early = [draw_sample(random, easy=True) for _ in range(300)]
    longest = max(s.prompt.split("<p>")[-1].count("\n") for s in early if s.prompt.startswith("<sd>"))
    assert longest <= 3  # two statements, and a return where the last is a condition or a loop


def test_a_program_that_is_shown_may_be_asked_about_several_times():
    random = Random(5)
    for sample in (draw_sample(random, questions=3) for _ in range(200)):
        shown = sample.prompt[:4] in ("<sd>", "<sa>")
        assert len(sample.more) == (2 if shown else 0)
        for prompt, completion in sample.more:
            assert prompt[:3] == ("<i>" if sample.prompt.startswith("<sd>") else "<o>")
            assert completion.endswith("<eos>")


def test_thinking_is_as_rare_as_asked_for_and_never_about_one_statement():
    random = Random(6)
    for thinks in (0.0, 1.0):
        for sample in (draw_sample(random, thinks=thinks) for _ in range(200)):
            long = sample.prompt.startswith(("<sd>", "<sa>")) and "x = " in sample.prompt
            if sample.completion.startswith("<t>"):
                assert long
                assert thinks == 1.0


def test_batches_do_not_depend_on_where_they_start():
    whole = list(batches(encode, seed=3, first_step=0, num_steps=20, batch_size=4))
    rest = list(batches(encode, seed=3, first_step=17, num_steps=20, batch_size=4))
    assert len(whole) == 20
    for batch, again in zip(whole[17:], rest, strict=True):
        assert torch.equal(batch.ids_BT, again.ids_BT)
        assert torch.equal(batch.weights_BT, again.weights_BT)


def test_only_the_completion_carries_loss():
    (batch, *_) = batches(encode, seed=4, first_step=0, num_steps=1, batch_size=4)
    for ids, weights in zip(batch.ids_BT, batch.weights_BT, strict=True):
        targets = ids[1:][weights[:-1] > 0]
        assert TOKENIZER.decode(targets)[:3] in ("<a>", "<t>", "<p>", "<i>")
        assert TOKENIZER.decode(targets).endswith("<eos>")


def test_orthogonalised_matrices_have_singular_values_near_one():
    matrices = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert values.min() > 0.5  # the iteration trades exactness for speed: it settles between 0.7 and 1.2
    assert values.max() < 1.3


def test_training_lowers_the_loss(tmp_path):
    first = train_seed_model(tmp_path / "short", num_steps=1, config=TINY)
    later = train_seed_model(tmp_path / "long", num_steps=32, config=TINY)
    losses = [torch.load(path / CHECKPOINT)["state"]["loss"] for path in (first, later)]
    assert losses[1] < losses[0] - 0.1


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    train_seed_model(tmp_path / "whole", num_steps=6, config=TINY)
    train_seed_model(tmp_path / "parts", num_steps=6, config=TINY, stop_after=3)
    train_seed_model(tmp_path / "parts", num_steps=6, config=TINY)
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_training_can_be_made_longer_before_its_cool_down(tmp_path):
    train_seed_model(tmp_path / "whole", num_steps=8, config=TINY)
    train_seed_model(tmp_path / "longer", num_steps=6, config=TINY, stop_after=4)
    train_seed_model(tmp_path / "longer", num_steps=8, config=TINY)
    whole, longer = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "longer"))
    assert all(torch.equal(whole[name], longer[name]) for name in whole)


def test_a_checkpoint_of_another_recipe_or_of_a_finished_run_is_refused(tmp_path):
    train_seed_model(tmp_path, num_steps=1, config=TINY)
    with pytest.raises(ValueError, match="choose another directory"):
        train_seed_model(tmp_path, num_steps=2, config=TINY)
    with pytest.raises(ValueError, match="choose another directory"):
        train_seed_model(tmp_path, num_steps=1, seed=1, config=TINY)


def test_the_default_model_is_small_and_written_as_one_file(tmp_path):
    config = SeedConfig()
    assert sum(p.numel() for p in make_model(config, seed=0).parameters()) < 1_500_000
    train_seed_model(tmp_path, num_steps=0, config=config)
    (weights,) = tmp_path.glob("*.safetensors")
    assert weights.stat().st_size <= 8_000_000
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.config.eos_token_id == TOKENIZER.eos_token_id
    assert model.config.pad_token_id == TOKENIZER.pad_token_id


def test_an_answer_counts_by_value_and_an_input_by_what_python_says_of_it():
    assert solved("solve/deduction", [task("solve/deduction", output="[1, 2]")], ["<a>[1,2]"]) == [True]
    abductions = [task("solve/abduction", output="4")] * 3
    assert solved("solve/abduction", abductions, ["<a>3", "<a>4", "<a>'a'"]) == [True, False, False]


def test_a_program_counts_if_it_fits_the_hidden_pairs_too():
    induction = task("solve/induction", inputs=["1", "2"], outputs=["2", "3"])
    assert solved("solve/induction", [induction] * 3, [f"<a>{INCREMENT}", "<a>def f(x):\n    return 2", "<a>x"]) == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "program",
    [
        "import os",
        "def f(x):\n    return open(x)",
        "def f(x):\n    return x.__class__",
        "def g(x):\n    return x",
        "def",
    ],
)
def test_a_program_that_reaches_for_more_than_the_corpus_is_not_run(program):
    assert not is_plain(program)
    assert run_claims([(program, "'a'"), (INCREMENT, "1")]) == [None, "2"]


def test_a_text_that_is_no_literal_has_no_canonical_form():
    assert canonical("[1,2]") == "[1, 2]"
    assert canonical("1 +") is None
    assert canonical(None) is None


def test_the_frozen_held_out_sets_are_what_the_corpus_makes(tmp_path):
    write_heldout(tmp_path)
    for split in ("validation", "test"):
        assert (DATA / f"{split}.jsonl").read_text() == (tmp_path / f"{split}.jsonl").read_text()


def test_a_held_out_file_is_read_as_tasks():
    tasks = read_heldout(DATA / "validation.jsonl")
    assert tasks[:3] == list(islice(heldout("validation"), 3))


@pytest.mark.usefixtures("short_completions")
def test_a_model_is_scored_by_kind_mode_and_size():
    model = make_model(TINY, seed=0).eval()
    tasks = list(heldout("validation", num_per_kind=4))
    scores = score(model, TOKENIZER, tasks)
    assert Counter(s.kind for s in scores if s.num_statements == 0) == {
        "solve/deduction": 6,
        "solve/abduction": 6,
        "solve/induction": 2,
    }
    proposals = score_proposals(model, TOKENIZER, num_proposals=4)
    text = card({"seed": "0"}, scores, proposals)
    assert "| deduction | thinking | greedy |" in text
    assert "valid programs" in text


@pytest.mark.usefixtures("short_completions")
def test_making_the_model_leaves_a_directory_with_a_card_and_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("sparring.deploy.seed_model.heldout", lambda split: heldout(split, num_per_kind=2))
    make_seed_model(tmp_path, num_steps=1, compiled=False)
    assert "num_steps=1)" in (tmp_path / "README.md").read_text()
    assert not (tmp_path / CHECKPOINT).exists()
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
