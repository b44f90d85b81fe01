import json

import msgspec

from sparring.core.rundir import RunDirectory
from sparring.deploy.experiment_manifest import MANIFEST, ExperimentManifest
from sparring.deploy.experiment_page import write_results
from sparring.deploy.experiment_plots import learning_plot, shares_plot, thinking_plot
from sparring.deploy.experiment_results import read_results
from sparring.deploy.statistics import Evaluation
from sparring.deploy.test_set import RESULT, Claim

KINDS = ("deduction", "abduction", "induction")
ARMS = ("full", "shuffled", "synchronous", "staleness_8")
STEPS = (0, 10, 20)


def an_answer(kind, n, *, right, phase, step):
    return Evaluation(
        step=step,
        version=step,
        phase=phase,
        kind=kind,
        task_id=f"{phase == 'test'}-{kind}-{n}",
        num_statements=n % 4 + 1,
        greedy=right > n % 8,
        samples=tuple((at + n) % 8 < right for at in range(8)),
    )


def answers(*, right, phase, step=20):
    return [an_answer(kind, n, right=right, phase=phase, step=step) for kind in KINDS for n in range(8)]


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def write_test(root, *, right):
    lines = answers(right=right, phase="test")
    claim = Claim(test_set="", weights="", step=20, num_tasks=len(lines), num_samples=8, claimed=0.0)
    write_lines(root / RESULT, [claim, *lines])


def an_experiment(out, *, tested=True):
    """Four arms with two seeds, the first of which learns the most."""
    manifest = ExperimentManifest(
        run_file="quickstart.toml",
        hashes={},
        steps=20,
        seeds=(0, 1),
        overrides=(),
        arms={arm: (f"mark={arm}",) for arm in ARMS},
    )
    out.mkdir()
    (out / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    if tested:
        write_test(out / "seed_model", right=3)
    for at, arm in enumerate(ARMS):
        for seed in (0, 1):
            write_run(RunDirectory(out / arm / f"seed{seed}"), top=6 - at + seed, tested=tested)
    return out


def write_run(directory, *, top, tested):
    phases = dict(zip(STEPS, ("start", "during", "end"), strict=True))
    rights = dict(zip(STEPS, (2, (2 + top) // 2, top), strict=True))
    lines = [one for step in STEPS for one in answers(right=rights[step], phase=phases[step], step=step)]
    write_lines(directory.evaluations, lines)
    write_lines(
        directory.metrics,
        [
            {"step": n, "proposals/valid/deduction": 0.9, **{f"thinking/solver/{kind}": n / 20 for kind in KINDS}}
            for n in range(1, 21)
        ],
    )
    if tested:
        write_test(directory.root, right=top)


def test_the_results_are_a_table_a_file_of_numbers_and_a_page(tmp_path):
    paths = write_results(an_experiment(tmp_path / "e"))
    assert [path.name for path in paths] == ["table.md", "results.json", "report.html"]
    numbers = json.loads(paths[1].read_text())
    full = next(row for row in numbers["gains"] if (row["arm"], row["seed"]) == ("full", None))
    # 6 and 7 of 8 samples right against 3 of 8.
    assert full["gains"]["sampled"]["mean"] == (6.5 - 3) / 8
    assert "| full | all | 0.812 |" in paths[0].read_text()


def test_the_page_shows_every_plot_and_table_and_loads_nothing(tmp_path):
    page = write_results(an_experiment(tmp_path / "e"))[2].read_text()
    for name in ("validation", "gain-by-statements", "thinking"):
        assert f'id="plot-{name}"' in page
    assert page.count("* plotly.js v") == 1
    assert "Full minus each other arm" in page


def test_an_experiment_that_only_began_has_a_page_too(tmp_path):
    out = an_experiment(tmp_path / "e", tested=False)
    assert "No results yet" in write_results(out)[0].read_text()


def test_a_test_evaluation_that_broke_off_is_not_in_the_results(tmp_path):
    out = an_experiment(tmp_path / "e")
    path = out / "full" / "seed1" / RESULT
    path.write_bytes(path.read_bytes().split(b"\n", 1)[0] + b"\n")
    results = read_results(out)
    assert [run.seed for run in results.of("full")] == [0, 1]
    assert [run.seed for run in results.of("full", tested=True)] == [0]


def test_a_learning_curve_is_the_mean_over_seeds_in_a_band_from_the_lowest_to_the_highest(tmp_path):
    html = learning_plot(read_results(an_experiment(tmp_path / "e"))).html
    # The full arm's seeds end at 6/8 and 7/8.
    assert "[0.25,0.5,0.75]" in html.replace(" ", "")
    assert "0.8125]" in html
    assert "0.875]" in html


def test_there_is_no_plot_of_nothing(tmp_path):
    out = an_experiment(tmp_path / "e", tested=False)
    for path in out.glob("*/*/*.jsonl"):
        path.unlink()
    results = read_results(out)
    assert (learning_plot(results), shares_plot([]), thinking_plot(results)) == (None, None, None)
