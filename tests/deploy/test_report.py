import json
import math
import random
import re

import msgspec
import pytest

from sparring.core.config import RunConfig
from sparring.core.metrics import JsonlMetrics
from sparring.core.rundir import RunDirectory
from sparring.core.types import Episode, FinishReason, Rollout, ScoredRollout, Task, VersionSpan
from sparring.deploy import report
from sparring.deploy.report_figures import smoothed
from sparring.deploy.report_samples import MAX_EPISODES, spread
from sparring.deploy.run_files import read_run

KINDS = ("deduction", "abduction", "induction")
PAYLOAD = "</pre></script><script>alert('payload')</script>"
PROGRAM = "def f(x):\n    x = x[::-1]\n    if len(x) > {}: x = [v * 2 for v in x]\n    return x[1:]"


def a_rollout(role, *, text, version=3, rollout_id="r"):
    return Rollout(
        rollout_id=rollout_id,
        role=role,
        task_id="t",
        policy="base",
        prompt_ids=(1, 2),
        completion_ids=(3, 4, 5),
        behaviour_logprobs=(-0.1, -0.2, -0.3),
        version_spans=(VersionSpan(number=version, num_tokens=2), VersionSpan(number=version + 1, num_tokens=1)),
        text=text,
        finish_reason=FinishReason.STOP,
    )


def a_minted(kind, *, at, parents=()):
    payload = {"program": PROGRAM.format(at), "input": f"[{at}, 4, 9]", "output": f"[8, {2 * at}]"}
    return Task(task_id=f"{kind}-{at}/minted", kind=kind, payload=payload, parents=parents, minted_by="base@3/proposer")


def a_proposal(kind="deduction", *, at=0, parents=(), text=PROGRAM, num_right=3, valid=True):
    references = [{"program": PROGRAM.format(9), "input": "[1, 2]", "output": "[2]"}]
    task = Task(task_id=f"{kind}-{at}", kind=f"propose/{kind}", payload={"references": references}, parents=parents)
    proposal = ScoredRollout(
        rollout=a_rollout("proposer", text=text.replace("{}", str(at)), version=at),
        kind=kind,
        reward=1 - num_right / 8 if valid else -0.5,
        verdict=f"valid, solve rate {num_right / 8:g}" if valid else "runtime_error: ZeroDivisionError on line 3",
    )
    solves = tuple(
        ScoredRollout(
            rollout=a_rollout("solver", text=f"[8, {2 * at}]" if n < num_right else f"[{n}, {at}]", version=at),
            kind=kind,
            reward=float(n < num_right),
            solved=n < num_right,
            trained=n == 7,
            verdict="ok" if n < num_right else "ok: expected another value",
        )
        for n in range(8 if valid else 0)
    )
    minted = (a_minted(kind, at=at, parents=parents),) if valid else ()
    metrics = {"proposals/valid": float(valid)}
    return Episode(episode_id=task.task_id, task=task, rollouts=(proposal, *solves), minted=minted, metrics=metrics)


def a_solve(kind="abduction", *, at=0, solved=True, parents=()):
    payload = {"program": PROGRAM.format(at), "input": "[1, 2, 3]", "output": "[4, 2]"}
    scored = ScoredRollout(
        rollout=a_rollout("solver", text="[1, 2, 3]", version=at),
        kind=kind,
        reward=float(solved),
        solved=solved,
        verdict="ok" if solved else "ok: output 0 differs",
    )
    task = Task(task_id=f"solve-{kind}-{at}", kind=f"solve/{kind}", payload=payload, parents=parents)
    return Episode(episode_id=task.task_id, task=task, rollouts=(scored,))


def write_samples(run, episodes):
    lines = [msgspec.json.encode({"step": step, "episode": episode}) for step, episode in episodes]
    run.samples.write_bytes(b"\n".join(lines) + b"\n")


def write_evaluations(run, *, phases=(("start", 0), ("during", 40), ("during", 80), ("end", 120)), answer="[8]"):
    rng = random.Random("evaluations/0")
    hardness = {kind: [rng.random() for _ in range(200)] for kind in KINDS}
    lines = []
    for phase, step in phases:
        for number, kind in enumerate(KINDS):
            for at, hard in enumerate(hardness[kind][: 64 if phase == "during" else 200]):
                skill = 0.45 - 0.1 * number + 0.3 * (1 - math.exp(-step / 50))
                chance = 1 / (1 + math.exp(8 * (hard - skill)))
                samples = [rng.random() < chance for _ in range(4)]
                lines.append(
                    {
                        "step": step,
                        "version": step,
                        "phase": phase,
                        "kind": kind,
                        "task_id": f"test-{kind}-{at}",
                        "num_statements": 1 + at % 4,
                        "greedy": rng.random() < chance,
                        "samples": samples,
                        "prompt": f"{PROGRAM.format(at)}\nf([1, {at}]) ->",
                        "answer": f"{answer} at step {step}",
                    }
                )
    run.evaluations.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_metrics(run, *, num_steps=120):
    rng = random.Random("metrics/0")
    waited = 0.0
    with JsonlMetrics(run.metrics) as metrics:
        for step in range(1, num_steps + 1):
            learned = 1 - math.exp(-step / 50)
            noise = lambda size: rng.gauss(0, size)  # noqa: E731
            values = {
                "version": step,
                "staleness/mean": 1.4 + noise(0.2),
                "staleness/max": rng.choice([2, 3, 3, 4]),
                "time/step": 3.2 + noise(0.3),
                "time/wait_for_batch": max(0.0, 0.5 + noise(0.2)),
                "throughput/rollout_tokens_per_s": 4200 + noise(300),
                "throughput/learner_tokens_per_s": 1900 + noise(150),
                "entropy": 0.7 - 0.25 * learned + noise(0.02),
                "mismatch_kl": 0.002 + abs(noise(0.001)),
                "clip_fraction": 0.01 + abs(noise(0.004)),
                "grad_norm": 1.1 + abs(noise(0.3)),
                "tokens/trained": 6000 + noise(300),
                "tokens/sampled": step * 13000,
                "memory/rss_mib": 4300 + step + noise(20),
                "memory/peak_mib": 4400 + step,
            }
            waited += max(0.0, 0.4 + noise(0.1))
            values["time/wait_for_policy"] = waited
            for number, kind in enumerate(KINDS):
                skill = 0.35 - 0.08 * number + 0.3 * learned
                values |= {
                    f"reward/mean/solver/{kind}": skill + noise(0.09),
                    f"reward/mean/proposer/{kind}": 0.15 + 0.2 * learned + noise(0.08),
                    f"solve_rate/solver/{kind}": min(1, max(0, skill + noise(0.1))),
                    f"solve_rate/proposed/{kind}": min(1, max(0, skill - 0.05 + noise(0.06))),
                    f"learnability/{kind}": 0.3 + 0.1 * learned + noise(0.05),
                    f"proposals/valid/{kind}": min(1, 0.6 + 0.3 * learned + noise(0.08)),
                    f"proposals/distinct/{kind}": min(1, 0.95 + noise(0.04)),
                    f"proposals/duplicate/{kind}": max(0, 0.1 * learned + noise(0.02)),
                    f"proposals/statements/{kind}": 2 + 0.5 * learned + noise(0.1),
                    f"proposals/extreme/{kind}": max(0, 0.4 - 0.2 * learned + noise(0.05)),
                    f"thinking/solver/{kind}": 0.0 if kind == "induction" else min(1, 0.1 + 0.7 * learned),
                    f"alarm/statements/{kind}": float(60 < step < 70),
                    f"alarm/duplicate/{kind}": 0.0,
                    f"response_length/solver/{kind}": 9 + 6 * number + noise(0.6),
                    f"response_length/proposer/{kind}": 42 - 6 * number + noise(2),
                    f"archive/size/{kind}": 64 + step * (12 - number),
                }
            metrics.log(values, step=step)


def spread_over(run, minutes):
    """As if the metrics had been written over ``minutes``."""
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    for at, row in enumerate(rows):
        row["time"] = 1.7e9 + 60 * minutes * at / (len(rows) - 1)
    run.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parity(run):
    edges = [(-40 + n) / 1e6 for n in range(81)]
    counts = [round(90000 * math.exp(-(((low + 5e-7) / 6e-6) ** 2))) for low in edges[:-1]]
    (run.root / "parity.json").write_text(json.dumps({"bin_edges": edges, "counts": counts}))


def a_run(tmp_path):
    """A finished run with everything a report shows."""
    run = RunDirectory(tmp_path / "demo")
    run.root.mkdir()
    config = RunConfig(steps=120, seed=7).model_dump(mode="json")
    config["recipe"]["options"] = {"dialect": "compact", "batch_size": 16}
    config["policy"]["model"] = str(tmp_path / "seed")
    config["replay"]["max_staleness"] = 4
    run.config.write_text(json.dumps(config))
    write_metrics(run)
    spread_over(run, 7.5)
    write_evaluations(run)
    write_parity(run)
    episodes = []
    for step in range(0, 120, 3):
        for kind in KINDS:
            parents = (f"{kind}-{step - 3}/minted", "seed-0") if step else ("seed-0",)
            episodes.append((step, a_proposal(kind, at=step, parents=parents, num_right=step % 9, valid=step % 5 > 0)))
            episodes.append((step, a_solve(kind, at=step, solved=step % 2 == 0, parents=parents[:1])))
    write_samples(run, episodes)
    return run


def an_empty_run(tmp_path):
    run = RunDirectory(tmp_path / "empty")
    run.root.mkdir()
    return run


def page_of(run):
    return report.write_report(run).read_text()


def without_plotly(page):
    """The page less the library, whose source holds words that tests look for."""
    return re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


def test_the_report_of_a_whole_run_shows_every_section(tmp_path):
    page = without_plotly(page_of(a_run(tmp_path)))
    for plot in ("held-out", "reward-mean", "solve_rate", "proposals", "staleness", "bubbles", "throughput", "health"):
        assert f'id="plot-{plot}"' in page
    assert 'id="plot-parity"' in page
    assert 'id="plot-archive"' in page
    for plot in ("held-out-length", "thinking", "alarms"):
        assert f'id="plot-{plot}"' in page
    assert "No held-out evaluation yet" not in page
    assert "120 of 120" in page
    assert "<dt>minutes</dt><dd>7.5</dd>" in page
    assert "missing" not in page


def test_plotly_is_in_the_page_once_and_nothing_is_loaded_from_elsewhere(tmp_path):
    page = page_of(a_run(tmp_path))
    assert page.count("* plotly.js v") == 1
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", without_plotly(page))


def test_a_script_in_a_completion_can_not_run(tmp_path):
    run = an_empty_run(tmp_path)
    episode = a_proposal(text=PAYLOAD, parents=(PAYLOAD,))
    write_samples(run, [(1, episode)])
    page = without_plotly(page_of(run))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;payload&#39;)" in page


def test_a_script_in_a_held_out_answer_or_a_name_can_not_run(tmp_path):
    run = RunDirectory(tmp_path / "<script>alert(1)<")
    run.root.mkdir()
    write_evaluations(run, answer=PAYLOAD)
    run.config.write_text(json.dumps({"recipe": {"name": PAYLOAD}}))
    page = without_plotly(page_of(run))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page


def test_a_metric_name_can_not_end_the_script_that_draws_it(tmp_path):
    run = an_empty_run(tmp_path)
    run.metrics.write_text(json.dumps({"step": 1, f"learnability/{PAYLOAD}": 0.5}) + "\n")
    page = without_plotly(page_of(run))
    assert "<script>alert" not in page
    # plotly writes the name into JSON with < > and / as escapes.
    assert r"\u003cscript\u003ealert" in page


def test_a_run_that_wrote_nothing_yet_gets_a_page_of_notes(tmp_path):
    page = page_of(an_empty_run(tmp_path))
    for name in ("config.json", "metrics.jsonl", "samples.jsonl", "evaluations.jsonl"):
        assert f"{name} is missing" in page
    assert "No held-out evaluation yet" in page
    assert "No sampled task was kept" in page


@pytest.mark.parametrize("name", ["metrics", "evaluations", "samples"])
def test_a_torn_last_line_is_a_note_and_the_lines_before_are_shown(tmp_path, name):
    run = a_run(tmp_path)
    path = getattr(run, name)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:40])
    page = page_of(run)
    assert f"{path.name}: 1 unreadable line was left out" in page
    assert 'id="plot-held-out"' in page
    assert "120 of 120" in page


def test_a_torn_multibyte_character_is_no_crash(tmp_path):
    run = an_empty_run(tmp_path)
    write_samples(run, [(1, a_solve())])
    with run.samples.open("ab") as file:
        file.write('{"step": 2, "episode": "é'.encode()[:-1])
    assert "1 unreadable line was left out" in page_of(run)


def test_a_diverged_run_with_nan_is_plotted(tmp_path):
    run = an_empty_run(tmp_path)
    with JsonlMetrics(run.metrics) as metrics:
        metrics.log({"entropy": 0.5, "grad_norm": math.nan}, step=1)
    assert 'id="plot-health"' in page_of(run)


def test_a_text_with_half_a_surrogate_pair_is_written(tmp_path):
    page = report._write(tmp_path / "page.html", "half \ud83d pair").read_text()
    assert page == "half ? pair"


def test_a_damaged_parity_file_is_a_note(tmp_path):
    run = an_empty_run(tmp_path)
    (run.root / "parity.json").write_text('{"bin_edges": [0, 1], "counts": [1, 2]}')
    assert "2 edges for 2 bins" in page_of(run)


def test_a_run_without_an_end_says_why_there_is_no_comparison(tmp_path):
    run = an_empty_run(tmp_path)
    write_evaluations(run, phases=(("start", 0), ("during", 20)))
    page = page_of(run)
    assert 'id="plot-held-out"' in page
    assert "this run has not both" in page


def test_before_and_after_shows_rates_by_length_and_the_tasks_that_were_learned(tmp_path):
    run = a_run(tmp_path)
    page = without_plotly(page_of(run))
    section = page[page.index('<h2 id="before-after">') : page.index('<h2 id="training">')]
    assert "mean over kinds: 0." in section
    # Of each kind a row for all tasks and one for each of four lengths.
    assert section.count("<tr") == 1 + 3 * 5
    assert section.count('class="card example"') == 3
    assert [kind for kind in KINDS if f"<h3>{kind}, " in section] == list(KINDS)
    assert section.count("badge bad") == section.count("badge good") == 3
    assert "of 600 tasks were learned" in section


def test_a_script_in_an_answer_that_was_learned_can_not_run(tmp_path):
    run = an_empty_run(tmp_path)
    lines = [
        {"step": 0, "version": 0, "phase": "start", "kind": "deduction", "task_id": PAYLOAD, "num_statements": 1}
        | {"greedy": False, "samples": [False] * 4, "prompt": PAYLOAD, "answer": PAYLOAD}
    ]
    lines.append(lines[0] | {"step": 9, "phase": "end", "greedy": True, "samples": [True] * 4})
    run.evaluations.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = without_plotly(page_of(run))
    assert 'class="card example"' in page
    assert "<script>alert" not in page


def test_the_start_of_an_interrupted_run_is_shown_by_length(tmp_path):
    run = an_empty_run(tmp_path)
    write_evaluations(run, phases=(("start", 0),))
    page = without_plotly(page_of(run))
    section = page[page.index('<h2 id="before-after">') : page.index('<h2 id="training">')]
    assert "This run has not both an evaluation" in section
    assert 'id="plot-held-out-length"' in section
    assert "were learned" not in section


def test_comparisons_pair_only_tasks_that_both_evaluations_have():
    def one(task_id, phase, right):
        line = {"step": 0 if phase == "start" else 9, "version": 0, "phase": phase, "kind": "deduction"}
        line |= {"task_id": task_id, "greedy": right, "samples": [right] * 4}
        return msgspec.convert(line, report.Evaluation)

    evaluations = [one("a", "start", False), one("b", "start", True), one("b", "end", True), one("c", "end", True)]
    rows = report.comparisons(evaluations, seed=0)
    assert [(row.kind, row.measure, row.num_tasks) for row in rows] == [
        ("deduction", "greedy", 1),
        ("deduction", "sampled", 1),
        ("deduction", "pass@4", 1),
    ]
    # Task b alone is in both, right in both.
    assert (rows[0].before, rows[0].after, rows[0].difference.mean) == (1.0, 1.0, 0.0)


def test_the_browser_shows_program_input_gold_output_reward_versions_and_verdict(tmp_path):
    run = an_empty_run(tmp_path)
    write_samples(run, [(5, a_proposal(at=5))])
    page = without_plotly(page_of(run))
    for text in ("if len(x) &gt; 5", "[5, 4, 9]", "gold output", "[8, 10]", "valid, solve rate 0.375", "reward 0.625"):
        assert text in page
    assert "5 (2 tokens), 6 (1 tokens)" in page
    assert 'data-kind="deduction" data-role="proposer"' in page
    assert "3 of 8 solutions right" in page


def test_the_genealogy_leads_to_the_episodes_that_minted_the_parents(tmp_path):
    run = an_empty_run(tmp_path)
    grandparent, parent = a_proposal(at=1), a_proposal(at=2, parents=("deduction-1/minted",))
    write_samples(run, [(1, grandparent), (2, parent), (3, a_solve(at=3, parents=("deduction-2/minted", "lost")))])
    page = without_plotly(page_of(run))
    family = page[page.index("Genealogy") :]
    family = family[: family.index("</ul>")]
    assert re.findall(r'margin-left: (\d+)px">\s*<a class="id" href="#episode-(\d)">([^<]+)', family) == [
        ("0", "1", "deduction-2/minted"),
        ("22", "0", "deduction-1/minted"),
    ]
    assert '<span class="id">lost</span>' in family


def test_prompts_are_decoded_with_the_policys_tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"unused": 0, "solve": 1, "this": 2}, unk_token="unused")
    run = an_empty_run(tmp_path)
    tokenizers.Tokenizer(model).save(str(tmp_path / "tokenizer.json"))
    run.config.write_text(json.dumps({"policy": {"model": str(tmp_path)}}))
    write_samples(run, [(1, a_solve())])
    assert "<pre>solve this</pre>" in page_of(run)


def test_many_samples_are_thinned_evenly_over_the_run():
    assert spread(range(1000), 4) == [0, 250, 500, 750]
    assert spread(range(3), 4) == [0, 1, 2]
    assert len(spread(range(10_000), MAX_EPISODES)) == MAX_EPISODES


def test_of_two_lines_of_one_step_the_later_counts(tmp_path):
    run = an_empty_run(tmp_path)
    rows = [
        {"time": 60, "step": 1, "loss": 3.0},
        {"time": 90, "step": 2, "loss": 2.0},
        {"time": 180, "step": 2, "loss": 1.0},
    ]
    run.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = read_run(run).metrics
    assert metrics.series("loss").values == [3.0, 1.0]
    assert metrics.seconds == 120


def test_a_wait_counted_since_the_start_becomes_a_share_of_each_step(tmp_path):
    run = an_empty_run(tmp_path)
    # 1 s of 2 s; 4 s of 8 s; then the worker was restarted and waited 1 s of 4 s.
    waits = [(1.0, 2.0), (5.0, 8.0), (1.0, 4.0)]
    rows = [{"step": n, "time/wait_for_policy": total, "time/step": s} for n, (total, s) in enumerate(waits)]
    run.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_run(run).metrics.bubble("time/wait_for_policy").values == [0.5, 0.5, 0.25]


def test_a_running_mean_is_centred_and_shorter_at_the_ends():
    # Window 3: (1+2)/2, (1+2+6)/3, (2+6+7)/3, (6+7)/2.
    assert smoothed([1, 2, 6, 7], window=3) == [1.5, 3.0, 5.0, 6.5]


def test_only_settings_that_differ_from_the_defaults_are_listed():
    config = RunConfig(steps=9).model_dump(mode="json")
    config["recipe"]["options"] = {"batch_size": 16}
    assert report.settings(config) == [("steps", "9", "500"), ("recipe.options.batch_size", "16", "")]
