"""A public evaluation harness, lm-eval, speaks to the endpoint as to any completions service.

Its dependencies (pandas, pyarrow, ...) are not the project's: install it anywhere and name that interpreter in
SPARRING_LM_EVAL, or into this environment with `pip install "lm-eval[api]"`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from served import Served, environment

PYTHON = os.environ.get("SPARRING_LM_EVAL") or (sys.executable if importlib.util.find_spec("lm_eval") else "")

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not PYTHON, reason="lm-eval is not installed; SPARRING_LM_EVAL may name an interpreter with it"),
]

TASK = """
task: sparring_increment
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs:
  until: ["<eos>"]
  max_gen_toks: 16
  temperature: 0
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""


def test_lm_eval_scores_the_policy_on_a_task_of_its_own(served: Served, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    # An answer that is wrong on purpose: a harness that scores everything right would be noticed.
    lines = [{"question": f"<sd><p>def f(x):\n    return x + 1<i>{x}", "answer": f"<a>{x + 1}"} for x in range(1, 9)]
    lines.append({"question": lines[0]["question"], "answer": "<a>wrong"})
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "task.yaml").write_text(TASK.format(data=data))
    model = {
        "model": "policy@0", "base_url": f"{served.url}/v1/completions", "num_concurrent": 4,
        "tokenizer_backend": "None", "tokenized_requests": False,
    }  # fmt: skip
    settings = ",".join(f"{name}={value}" for name, value in model.items())
    command = [PYTHON, "-m", "lm_eval", "--model", "local-completions", "--model_args", settings]
    command += [
        "--tasks",
        "sparring_increment",
        "--include_path",
        str(tmp_path),
        "--output_path",
        str(tmp_path / "out"),
    ]
    variables = {**environment(), "OPENAI_API_KEY": served.key, "HF_HOME": str(tmp_path / "hf")}
    result = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=390, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    [found] = (tmp_path / "out").rglob("results_*.json")
    scores = json.loads(found.read_text())["results"]["sparring_increment"]
    [score] = [value for name, value in scores.items() if name.startswith("exact_match,")]
    expected = _right_answers(served, lines) / len(lines)
    assert score == pytest.approx(expected)
    assert 0 < score < 1


def _right_answers(served: Served, lines: list[dict[str, str]]) -> int:
    """The same questions through OpenAI's client."""
    questions = [line["question"] for line in lines]
    answer = served.client().completions.create(
        model="policy@0", prompt=questions, temperature=0, max_tokens=16, stop=["<eos>"]
    )
    return sum(choice.text == line["answer"] for choice, line in zip(answer.choices, lines, strict=True))
