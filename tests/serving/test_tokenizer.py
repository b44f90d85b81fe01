"""What is wrong with a model directory is said before anything starts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sparring.core.errors import UsageError
from sparring.serving.tokenizer import end_token_ids, load_tokenizer

# transformers' own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_a_missing_model_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such directory; expected a Hugging Face causal-LM directory"):
        load_tokenizer(tmp_path / "nothing")


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["eos_token", "pad_token"])
def test_a_tokenizer_without_an_end_or_pad_token_is_refused(tiny_model: Path, tmp_path: Path, name: str) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    settings = json.loads((model / "tokenizer_config.json").read_text())
    del settings[name]
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match=f"has no {name} among the model's 99 tokens; expected one"):
        load_tokenizer(model)


def test_the_models_own_end_tokens_count_too(tiny_model: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 7]}))
    assert end_token_ids(model, load_tokenizer(model)) == (2, 7)
