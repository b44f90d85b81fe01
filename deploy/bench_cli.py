"""The command ``sparring bench`` and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.deploy.cli_shared import Json, print_values

bench_app = typer.Typer(no_args_is_help=True, help="Benchmarks that print ratios, not absolute times.")
Model = Annotated[Path, typer.Option(help="A Hugging Face model directory.")]
SEED = Path("deploy/models/seed")


@bench_app.command("loop")
def bench_loop(as_json: Json = False, steps: int = 12) -> None:
    """Asynchronous against synchronous training on the same work.

    Example: sparring bench loop --json
    """
    from sparring.deploy.bench_loop import bench_loop as measure

    print_values(measure(steps=steps), as_json=as_json)


@bench_app.command("jail")
def bench_jail(as_json: Json = False, steps: int = 12) -> None:
    """What isolating programs costs a whole run: the same run with the jail and without.

    Example: sparring bench jail --json
    """
    from sparring.deploy.bench_jail import bench_jail as measure

    print_values(measure(steps=steps), as_json=as_json)


@bench_app.command("weights")
def bench_weights(
    as_json: Json = False,
    model: Model = SEED,
    swaps: int = 200,
    concurrency: int = 64,
) -> None:
    """The gap a weight swap makes between two tokens, in decode steps.

    Example: sparring bench weights --json
    """
    from sparring.serving.bench import bench_weights as measure

    print_values(measure(model, swaps=swaps, concurrency=concurrency), as_json=as_json)


@bench_app.command("hosting")
def bench_hosting(
    as_json: Json = False,
    model: Model = SEED,
    concurrency: int = 64,
) -> None:
    """vLLM's AsyncLLM against the engine that replicas step themselves.

    Example: sparring bench hosting --json
    """
    from sparring.serving.bench_hosting import bench_hosting as measure

    print_values(measure(model, concurrency=concurrency), as_json=as_json)


@bench_app.command("parity")
def bench_parity(
    as_json: Json = False,
    model: Model = SEED,
    versions: int = 20,
) -> None:
    """Behaviour against learner logprobs over versions published with learning rate 0.

    Example: sparring bench parity --json
    """
    from sparring.deploy.bench_parity import bench_parity as measure

    print_values(measure(model, versions=versions), as_json=as_json)


@bench_app.command("serve")
def bench_serve(
    as_json: Json = False,
    rounds: Annotated[int, typer.Option(min=1, help="Of 64 queries, to the engine and to the endpoint.")] = 8,
    windows: Annotated[int, typer.Option(min=1, help="Of training, without and with queries.")] = 4,
    hosting: Annotated[str, typer.Option(help="While training: shared or own.")] = "shared",
) -> None:
    """The endpoint over the bare engine, and training throughput with queries at 20 % of its capacity.

    Example: sparring bench serve --json
    """
    from sparring.deploy.bench_serve import bench_serve as measure

    print_values(measure(rounds=rounds, windows=windows, hosting=hosting), as_json=as_json)


@bench_app.command("executor")
def bench_executor(
    as_json: Json = False,
    rounds: Annotated[int, typer.Option(min=1, help="In each, every arm works once.")] = 5,
    slice_s: Annotated[float, typer.Option(min=0.05, help="Seconds an arm works in one round.")] = 0.8,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Programs at a time; default: one for each core.")
    ] = None,
) -> None:
    """Programs a second in each isolation tier, against a bare fork, bubblewrap and a fresh interpreter.

    Example: sparring bench executor --json
    """
    from sparring.verifiers.bench import bench_executor as measure

    print_values(measure(rounds=rounds, slice_s=slice_s, processes=processes), as_json=as_json)


@bench_app.command("proofs")
def bench_proofs(
    as_json: Json = False,
    rounds: Annotated[int, typer.Option(min=1, help="In each, every arm works once.")] = 3,
    slice_s: Annotated[float, typer.Option(min=0.2, help="Seconds an arm works in one round.")] = 4.0,
    sessions: Annotated[int | None, typer.Option(min=1, help="Provers at a time; default: one for each core.")] = None,
) -> None:
    """Formal proofs a second: the pool against a bare session, warm against cold, re-checked against not.

    Example: sparring bench proofs --json
    """
    from sparring.verifiers.proofs.bench import bench_proofs as measure

    print_values(measure(rounds=rounds, slice_s=slice_s, sessions=sessions), as_json=as_json)
