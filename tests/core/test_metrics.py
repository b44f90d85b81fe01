import pytest

from sparring.core.metrics import JsonlMetrics, declared, read_metrics, rows_until


def test_a_metric_is_declared_by_its_front_part():
    assert declared("reward/mean")
    assert declared("reward/mean/solver/deduction")
    assert not declared("reward/median")
    assert not declared("rewards")


def test_an_undeclared_name_is_refused(tmp_path):
    with JsonlMetrics(tmp_path / "m.jsonl") as sink, pytest.raises(ValueError, match="reward/median"):
        sink.log({"reward/median": 1.0}, step=1)


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "m.jsonl"
    with JsonlMetrics(path) as sink:
        sink.log({"loss": 0.5}, step=1)
    with path.open("a") as file:
        file.write('{"time": 1, "st')
    assert [(row["step"], row["loss"]) for row in read_metrics(path)] == [(1, 0.5)]


def test_of_a_step_made_twice_the_last_row_counts_and_later_steps_do_not(tmp_path):
    path = tmp_path / "m.jsonl"
    assert rows_until(path, step=2) == []
    with JsonlMetrics(path) as sink:
        for step, loss in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.4)):
            sink.log({"loss": loss}, step=step)
    assert [(row["step"], row["loss"]) for row in rows_until(path, step=2)] == [(1, 0.1), (2, 0.4)]
