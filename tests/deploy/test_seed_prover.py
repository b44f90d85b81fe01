from random import Random

import msgspec
import pytest

from sparring.core.types import Task
from sparring.deploy.prover_targets import TARGETS, target_names, write_targets
from sparring.deploy.prover_tokenizer import VOCABULARY, make_tokenizer
from sparring.deploy.seed_prover import draw_corpus, draw_samples, renamed
from sparring.recipes.fragment import canonical, parse, variables
from sparring.recipes.fragment_tactics import to_script
from sparring.recipes.stp_marks import EOS


def targets():
    return [msgspec.json.decode(line, type=Task) for line in TARGETS.read_bytes().splitlines()]


def test_there_are_a_thousand_targets_of_six_levels_each_another_statement():
    assert len(targets()) == len(target_names()) == 1000
    assert {task.payload["level"] for task in targets()} == {1, 2, 3, 4, 5, 6}


def test_the_first_targets_are_drawn_again_alike(tmp_path):
    write_targets(tmp_path / "t.jsonl", num_targets=30)
    again = [msgspec.json.decode(line, type=Task) for line in (tmp_path / "t.jsonl").read_bytes().splitlines()]
    assert [task.payload["family"] for task in again[:5]] == ["prop", "nat", "list", "order", "given"]
    assert again[0].payload["statement"] == targets()[0].payload["statement"]


def test_no_target_is_in_the_warm_start_whatever_its_variables_are_called():
    first = canonical(parse(draw_corpus(num_theorems=1, seed=0, excluded=frozenset())[0].statement))
    without = draw_corpus(num_theorems=40, seed=0, excluded=frozenset({first}))
    assert first not in {canonical(parse(theorem.statement)) for theorem in without}


def test_renaming_keeps_statement_and_proof_together():
    random = Random(0)
    for theorem in draw_corpus(num_theorems=40, seed=0, excluded=frozenset()):
        other = renamed(theorem, random)
        assert canonical(parse(other.statement)) == canonical(parse(theorem.statement))
        assert to_script(parse(other.statement), other.proof)
        assert len(variables(parse(other.statement))) == len(variables(parse(theorem.statement)))


@pytest.mark.parametrize("extend_them", [False, True])
def test_every_sample_is_written_in_the_vocabulary_and_comes_back(extend_them):
    tokenizer = make_tokenizer(256)
    samples = draw_samples(
        draw_corpus(num_theorems=200, seed=0, excluded=frozenset()), Random(0), extend_them=extend_them
    )
    for _ in range(200):
        prompt, completion, _ = next(samples)
        ids = tokenizer(prompt + completion, add_special_tokens=False)["input_ids"]
        assert VOCABULARY.index("<unk>") not in ids
        assert tokenizer.decode(ids) == prompt + completion
        assert completion.endswith(EOS)


@pytest.mark.parametrize("text", ["<prove>=+xyx<by>RaxyE<eos>", "<lemma>T<seed><xx<by>P1<new><0x<eos>"])
def test_marks_and_the_sign_of_order_are_told_apart(text):
    tokens = make_tokenizer(256).tokenize(text)
    assert "".join(tokens) == text
    assert tokens[0] in ("<prove>", "<lemma>")
    assert tokens[-1] == "<eos>"
