import io
import json

import msgspec
import pytest
from rich.console import Console

from sparring.core.rundir import RunDirectory
from sparring.core.types import Task
from sparring.deploy import launch
from sparring.deploy.closing import MAX_THOUGHTS, show_before_after
from sparring.deploy.records import Ending, closing_lines
from sparring.recipes.compact import CompactDialect

PROGRAM = "def f(x):\n    x = x + 1\n    return x * 2"
TASK = Task(task_id="test-7", kind="solve/deduction", payload={"program": PROGRAM, "input": "3", "output": "8"})
PROMPT = CompactDialect().prompt(TASK, num_inputs=6)


def a_line(phase, *, step=0, greedy=False, right=0, answer="<a>7", kind="deduction", task_id="test-7"):
    line = {"step": step, "version": step, "phase": phase, "kind": kind, "task_id": task_id, "num_statements": 2}
    samples = [True] * right + [False] * (4 - right)
    return line | {"greedy": greedy, "samples": samples, "prompt": PROMPT, "answer": answer}


START = a_line("start", right=1)
END = a_line("end", step=9, greedy=True, right=4, answer="<t>4<a>8<eos>")


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    directory.root.mkdir()
    (tmp_path / "tasks.jsonl").write_bytes(msgspec.json.encode(TASK))
    recipe = {"name": "absolute_zero", "options": {"dialect": "compact"}}
    directory.config.write_text(json.dumps({"recipe": recipe, "evaluation": {"tasks": str(tmp_path / "tasks.jsonl")}}))
    return directory


def write(run, *lines):
    run.evaluations.write_text("".join(json.dumps(line) + "\n" for line in lines))


def shown(run, *, terminal=False, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show_before_after(run, Console(file=file, force_terminal=terminal, width=100))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def test_a_recipe_without_a_dialect_shows_raw_answers_and_no_column_of_thinking(run):
    run.config.write_text(json.dumps({"recipe": {"name": "of my own"}}))
    write(run, START, END)
    text = shown(run)
    assert "<t>4<a>8<eos>\n" in text
    assert "ill-formed" not in text
    assert "thinks" not in text


def test_the_end_of_a_run_shows_rates_with_their_interval_and_what_was_learned(run):
    write(run, START, END)
    text = shown(run)
    assert "mean over kinds: 0.250 -> 1.000\npaired difference +0.750, 95 % interval +0.750 to +0.750\n" in text
    assert "deduction         all      1  0.250 -> 1.000  0.000 -> 1.000  0.000 -> 1.000" in text
    assert "learned: 1 of 1 tasks; forgotten: 0" in text
    assert "deduction, 2 statements, test-7\n  def f(x):\n      x = x + 1\n      return x * 2\n  f(3) -> ?\n" in text
    assert "  before  wrong, samples 1 of 4\n          7\n" in text
    assert "  after   right, samples 4 of 4\n          thinks 4\n          8\n" in text


def test_without_a_terminal_the_text_is_plain(run):
    write(run, START, END)
    text = shown(run)
    assert "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert "╭" not in text  # no box around what was learned


def test_the_plot_shows_every_moment_that_asked_the_same_tasks(run):
    write(run, START, a_line("during", step=5, right=3), END)
    text = shown(run)
    assert "held-out solve rate, sampled, against learner steps" in text
    assert any("deduction" in line and "│" in line for line in text.splitlines())


def test_one_moment_is_no_plot(run):
    write(run, START)
    assert "against learner steps" not in shown(run)


def test_on_a_terminal_it_has_colour_and_boxes(run):
    write(run, START, END)
    text = shown(run, terminal=True)
    assert "\x1b[" in text
    assert "╭" in text


def test_an_interrupted_run_shows_its_start(run):
    write(run, START, a_line("during", step=5, right=4))
    text = shown(run)
    assert "0.250 -> n/a" in text
    assert "has not both an evaluation at its start and one at its end" in text
    assert "1.000" not in text
    assert "learned" not in text


def test_a_run_that_evaluated_nothing_says_nothing(run):
    assert shown(run) == ""
    write(run)
    assert shown(run) == ""


def test_a_damaged_run_shows_what_is_left(run):
    write(run, START, END)
    run.evaluations.write_bytes(run.evaluations.read_bytes() + b'{"step": 9, "ph')
    run.config.write_text("{")
    assert "0.250 -> 1.000" in shown(run)


def test_what_a_model_wrote_can_not_steer_a_terminal(run):
    write(run, a_line("start", answer="\x1b[31mred\x07 [bold]not markup[/bold]"), END)
    text = shown(run)
    assert "?[31mred? [bold]not markup[/bold]  (ill-formed)" in text


def test_letters_that_the_output_can_not_hold_are_replaced(run):
    write(run, a_line("start", answer="<a>'é'"), END)
    assert "'?'" in shown(run, encoding="ascii")


def test_long_reasoning_is_cut(run):
    write(run, START, END | {"answer": f"<t>{'9;' * 1000}<a>8"})
    assert shown(run).count("9;") == MAX_THOUGHTS // 2


def test_the_line_with_the_solve_rates_is_the_last_one_printed(run, monkeypatch, capsys, tmp_path):
    write(run, START, END)
    lines = closing_lines(run, peak_mib=2048.0, step=9)
    ending = Ending(step=9, interrupted=False, lines=lines)

    async def trained(*_, **__):
        return ending

    monkeypatch.setattr(launch, "_train", trained)
    monkeypatch.setattr(launch, "check", lambda config: None)
    monkeypatch.setattr(launch, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(launch, "holds_run", lambda directory: False)
    config = launch.RunConfig()
    assert launch.train(config, run, resume=False, fresh=False) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("report: ")
    assert printed[1:3] == ["steps: 9", "peak memory of all processes: 2.00 GiB"]
    assert printed[-1] == "solve rate: deduction 0.250->1.000"
    assert any(line.startswith("learned: 1 of 1") for line in printed)
