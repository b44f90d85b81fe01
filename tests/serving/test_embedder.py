"""Embeddings of published versions against a forward pass of the causal LM, one text at a time."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparring.core.config import PolicyConfig
from sparring.core.errors import ComponentFailed, DamagedVersion
from sparring.core.manifest import WEIGHTS
from sparring.core.types import PolicyVersion
from sparring.learner.publish import publish
from sparring.replay.memory import MemoryStore
from sparring.serving.embedder import Embedder

MODEL = "deploy/models/seed"


@pytest.fixture
def feed():
    return MemoryStore(openings={"a": 1}, max_staleness=0, concurrency=1, archive_capacity=1).versions


def a_version(store, number, *, scale=1.0):
    weights = {name: (tensor * scale).contiguous() for name, tensor in load_file(f"{MODEL}/model.safetensors").items()}
    return publish(weights, PolicyVersion(policy="base", number=number), store, step=0, keep_versions=9).announcement


def slow_vector(text, *, scale=1.0):
    lm, tokenizer = AutoModelForCausalLM.from_pretrained(MODEL), AutoTokenizer.from_pretrained(MODEL)
    with torch.no_grad():
        for parameter in lm.parameters():
            parameter.mul_(scale)
        ids = torch.tensor([tokenizer(text, add_special_tokens=False).input_ids])
        hidden = lm(ids, output_hidden_states=True).hidden_states[-1][0]
    total = sum(hidden[at] for at in range(len(hidden))) / len(hidden)
    return (total / total.norm()).tolist()


def an_embedder(feed):
    return Embedder(PolicyConfig(model=MODEL, dtype="float32"), feed=feed)


async def test_a_text_is_the_mean_of_its_last_hidden_states_at_length_one(feed, tmp_path):
    await feed.announce(a_version(tmp_path, 0))
    texts = ["x + 1", "sorted(x)[::-1] and a much longer text than the other one", "7"]
    vectors = await an_embedder(feed)(texts)
    for text, vector in zip(texts, vectors, strict=True):
        assert vector == pytest.approx(slow_vector(text), abs=1e-4)
        assert sum(number**2 for number in vector) == pytest.approx(1.0, abs=1e-5)


async def test_the_newest_version_embeds(feed, tmp_path):
    embedder = an_embedder(feed)
    await feed.announce(a_version(tmp_path, 0))
    [before] = await embedder(["x + 1"])
    await feed.announce(a_version(tmp_path, 1, scale=0.5))
    [after] = await embedder(["x + 1"])
    assert after == pytest.approx(slow_vector("x + 1", scale=0.5), abs=1e-4)
    assert after != pytest.approx(before, abs=1e-3)


async def test_without_a_version_or_with_changed_weights_nothing_is_embedded(feed, tmp_path):
    with pytest.raises(ComponentFailed, match="no version of base"):
        await an_embedder(feed)(["x"])
    announcement = a_version(tmp_path, 0)
    await feed.announce(announcement)
    path = f"{announcement.path}/{WEIGHTS}"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    with pytest.raises(DamagedVersion):
        await an_embedder(feed)(["x"])
