"""The command ``sparring``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sparring.core.errors import SparringError, UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.bench_cli import bench_app
from sparring.deploy.cli_shared import Json, print_values
from sparring.deploy.serve_cli import serve_app

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Self-play RL of language models."
)
app.add_typer(bench_app, name="bench")
scale_app = typer.Typer(no_args_is_help=True, help="Change how many parts of a running run there are.")
app.add_typer(scale_app, name="scale")
app.add_typer(serve_app, name="serve")

Run = Annotated[Path, typer.Argument(help="A run directory, such as runs/demo.")]


@app.command()
def train(
    config: Annotated[Path | None, typer.Option(help="Run file (TOML).")] = None,
    run: Annotated[Path, typer.Option(help="Run directory to write.")] = Path("runs/latest"),
    override: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the run file.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take up the run in --run where it stopped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what --run holds first.")] = False,
    redis: Annotated[str | None, typer.Option(help="URL of a Redis to use instead of an own one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved plan and stop.")] = False,
) -> None:
    """Train a policy by self-play.

    Example: sparring train --config deploy/runs/quickstart.toml --run runs/demo --set learner.world_size=2
    """
    from sparring.deploy import launch

    overrides = [*(override or []), *([f"replay.redis={json.dumps(redis)}"] if redis else [])]
    resolved = launch.resolve(config, RunDirectory(run), overrides=overrides, resume=resume)
    if dry_run:
        print(launch.plan(resolved))
        return
    raise typer.Exit(launch.train(resolved, RunDirectory(run), resume=resume, fresh=fresh))


@scale_app.command("rollouts")
def scale_rollouts(
    count: Annotated[int, typer.Argument(min=1, help="Replicas that are to take traffic.")],
    run: Annotated[Path, typer.Option(help="Directory of the running run.")],
    timeout_s: Annotated[float, typer.Option(help="Seconds for new replicas to serve, or old ones to drain.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Change the number of rollout replicas of a running run, and wait until it is so; exit code 1 if it is not.

    Example: sparring scale rollouts 4 --run /shared/runs/mine
    """
    from sparring.deploy import scaling

    answer = scaling.scale_rollouts(RunDirectory(run), count, timeout_s=timeout_s)
    said = {"done": answer.done, "rollouts": answer.rollouts, "message": answer.message}
    print(json.dumps(said) if as_json else answer.message)
    raise typer.Exit(0 if answer.done else 1)


@app.command()
def evaluate(
    run: Run,
    tasks: Annotated[Path | None, typer.Option(help="Held-out tasks (JSONL) other than the run's own.")] = None,
    num_tasks: Annotated[int, typer.Option(min=1, help="Tasks of each kind.")] = 200,
    as_json: Json = False,
) -> None:
    """Held-out solve rates of a run's newest committed policy, beside the model it started from.

    Example: sparring evaluate runs/demo --tasks deploy/data/validation.jsonl --json
    """
    from sparring.deploy.evaluate import evaluate_run

    rates = evaluate_run(RunDirectory(run), tasks=tasks, num_tasks=num_tasks)
    print_values(rates, as_json=as_json)


@app.command()
def experiment(
    run_file: Annotated[str, typer.Argument(help="A run file (TOML), or the name of a shipped one.")] = "quickstart",
    out: Annotated[Path, typer.Option(help="Directory of the experiment.")] = Path("runs/experiment"),
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm.")] = 3,
    arms: Annotated[str | None, typer.Option(help="Some arms by name, with commas between.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Learner steps of every run.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs at a time, one core each; default: all cores.")] = None,
    override: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, for every arm.")] = None,
) -> None:
    """Train several arms on equal budgets, test each once, and write a table and plots; resumes if interrupted.

    Example: sparring experiment quickstart --seeds 3 --out runs/experiment
    """
    from sparring.deploy.experiment import run_named

    raise typer.Exit(run_named(run_file, out, arms=arms, num_seeds=seeds, steps=steps, jobs=jobs, sets=override or []))


@app.command()
def execute(
    file: Annotated[Path, typer.Argument(help="A Python program that defines f.")],
    inputs: Annotated[list[str] | None, typer.Option("--input", help="Arguments of one call of f.")] = None,
    as_json: Json = False,
    tier: Annotated[str | None, typer.Option(help="A, B, C, D or X; default: the best that works here.")] = None,
    twice: Annotated[bool, typer.Option("--deterministic", help="Run again elsewhere and compare.")] = False,
    cpu_s: Annotated[float, typer.Option(help="Seconds of processor time.")] = 10.0,
    wall_s: Annotated[float, typer.Option(help="Seconds.")] = 10.0,
    memory_mib: Annotated[int, typer.Option(help="MiB, above the interpreter's own.")] = 512,
    url: Annotated[str, typer.Option(help="Service of tier D.")] = "",
) -> None:
    """Run an untrusted program in the executor and print the verdict; exit code 1 unless it ended well.

    Example: sparring execute program.py --input '3, [1, 2]' --json
    """
    import asyncio

    from sparring.deploy import execute as command

    config = command.config_of(tier, cpu_s=cpu_s, wall_s=wall_s, memory_mib=memory_mib, remote_url=url)
    used, verdict = asyncio.run(command.execute(file, inputs or [""], config, twice=twice))
    print(json.dumps(command.as_values(used, verdict)) if as_json else command.as_text(used, verdict))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command()
def prove(
    backend: Annotated[str, typer.Option(help="The prover: rocq or lean.")] = "rocq",
    statement: Annotated[str | None, typer.Option(help="The proposition to prove.")] = None,
    statement_file: Annotated[Path | None, typer.Option(help="A file that holds it.")] = None,
    proof: Annotated[str | None, typer.Option(help="What stands between the statement and its end.")] = None,
    proof_file: Annotated[Path | None, typer.Option(help="A file that holds it.")] = None,
    header: Annotated[str | None, typer.Option(help="Imports and definitions before the statement.")] = None,
    header_file: Annotated[Path | None, typer.Option(help="A file that holds them.")] = None,
    axiom: Annotated[list[str] | None, typer.Option(help="Full name of a Rocq axiom to allow.")] = None,
    premises: Annotated[bool, typer.Option("--premises", help="Name the lemmas that the proof's term uses.")] = False,
    wall_s: Annotated[float, typer.Option(help="Seconds of one check.")] = 10.0,
    memory_mib: Annotated[int, typer.Option(help="MiB of one prover.")] = 2048,
    as_json: Json = False,
) -> None:
    """Check a formal proof as the proof pool checks those of models; exit code 1 unless it is proved.

    Example: sparring prove --statement 'forall n : nat, n + 0 = n' --proof 'induction n; auto.' --json
    """
    import asyncio

    from sparring.core.claims import FormalProof
    from sparring.deploy import prove as command

    claim = FormalProof(
        backend=backend,  # type: ignore[arg-type]  # an unknown one is refused with the names of those there are
        header=command.text_of("header", header, header_file, default=""),
        statement=command.text_of("statement", statement, statement_file),
        proof=command.text_of("proof", proof, proof_file),
        find_premises=premises,
    )
    config = command.config_of(wall_s=wall_s, cpu_s=wall_s, memory_mib=memory_mib, rocq_axioms=axiom or [])
    verdict = asyncio.run(command.prove(claim, config))
    print(json.dumps(command.as_values(verdict)) if as_json else command.as_text(verdict))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command()
def report(run: Run) -> None:
    """Write one HTML page with plots and a browser of sampled tasks.

    Example: sparring report runs/demo
    """
    from sparring.deploy.existing import existing_run
    from sparring.deploy.report import write_report

    directory = existing_run(RunDirectory(run))
    try:
        print(write_report(directory))
    except OSError as error:
        raise UsageError(
            f"{error.filename}: {error.strerror}; the report is written into the run: make {run} writable, or copy it "
            "and report on the copy"
        ) from error


@app.command()
def dashboard(
    run: Run,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes any that is free.")] = 8088,
) -> None:
    """Serve a page to watch a run, finished or still writing: plots, tasks and their solutions.

    Example: sparring dashboard runs/demo --port 8088
    """
    from sparring.deploy.dashboard_serve import serve

    serve(RunDirectory(run), port=port)


@app.command()
def doctor(
    as_json: Json = False,
    run: Annotated[Path, typer.Option(help="Where runs will be written.")] = Path("runs"),
    redis: Annotated[str, typer.Option(help="URL of a Redis that runs are to use instead of their own.")] = "",
) -> None:
    """Look for what would keep Sparring from running here, with the fix of each finding.

    Example: sparring doctor --json
    """
    from sparring.deploy.doctor import render, run_checks, to_json

    found = run_checks(run=run, redis_url=redis)
    if as_json:
        print(to_json(found))
    else:
        Console().print(render(found))
    raise typer.Exit(1 if any(check.status == "fail" for check in found) else 0)


@app.command("seed-model")
def seed_model(
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    steps: Annotated[int, typer.Option(help="Training steps; the shipped model's take about 50 minutes.")] = 10_400,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Make the seed model: a tiny policy pre-trained on procedurally generated programs; resumes if interrupted.

    Example: sparring seed-model --out models/seed
    """
    import logging

    from sparring.deploy.seed_model import make_seed_model

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make_seed_model(out, num_steps=steps, seed=seed)


@app.command("seed-prover")
def seed_prover(
    out: Annotated[Path, typer.Option(help="Directory to write.")],
    steps: Annotated[int, typer.Option(help="Training steps; the shipped model's take some minutes.")] = 800,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Make the seed prover of the STP quickstart: a tiny policy that proves and conjectures easy statements.

    Example: sparring seed-prover --out models/seed_prover
    """
    import logging

    from sparring.deploy.seed_prover import make_seed_prover

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make_seed_prover(out, num_steps=steps, seed=seed)


def main() -> None:
    """Run the command; an error of ours is two lines and an exit code, not a traceback."""
    try:
        app()
    except SparringError as error:
        print(f"sparring: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
