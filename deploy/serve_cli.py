"""The command ``sparring serve`` and what belongs to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sparring.core.rundir import RunDirectory
from sparring.deploy.cli_shared import Json

RUN = "run"


class _RunsByDefault(TyperGroup):
    """``sparring serve RUN`` is ``sparring serve run RUN``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [RUN, *args]
        return super().resolve_command(ctx, args)


serve_app = typer.Typer(
    cls=_RunsByDefault, no_args_is_help=True, help="Query a run's policy over HTTP: sparring serve RUN."
)
keys_app = typer.Typer(no_args_is_help=True, help="Keys to the endpoint; changes need no restart.")
serve_app.add_typer(keys_app, name="keys")

Run = Annotated[Path, typer.Argument(help="A run directory, such as runs/demo.")]
Latest = Annotated[Path, typer.Argument(help="A run directory.")]
LATEST = Path("runs/latest")


@serve_app.command(RUN)
def run(
    run: Run,
    override: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the run's.")] = None,
) -> None:
    """Serve the policy of a finished or running run until Ctrl-C.

    Example: sparring serve runs/demo --set endpoint.port=8200
    """
    from sparring.deploy.serve import serve_run

    raise typer.Exit(serve_run(RunDirectory(run), override or [], note=lambda line: print(line, flush=True)))


@serve_app.command()
def rollback(
    run: Latest = LATEST,
    to: Annotated[int | None, typer.Option(help="Version that answers from now on.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Let the newest version answer again.")] = False,
) -> None:
    """Let an earlier version answer instead of the newest.

    Example: sparring serve rollback runs/demo --to 41
    """
    from sparring.deploy.serve_control import roll_back

    if (to is None) != off:
        raise typer.BadParameter("give either --to N or --off")
    print(json.dumps(roll_back(RunDirectory(run), to=to)))


@serve_app.command()
def canary(
    run: Latest = LATEST,
    version: Annotated[int | None, typer.Option(help="Version that answers a share of the queries.")] = None,
    share: Annotated[float, typer.Option(help="Share of the queries that name no version.")] = 0.1,
    off: Annotated[bool, typer.Option("--off", help="No canary any more.")] = False,
) -> None:
    """Let a version answer a share of the queries.

    Example: sparring serve canary runs/demo --version 41 --share 0.1
    """
    from sparring.deploy.serve_control import set_canary

    if (version is None) != off:
        raise typer.BadParameter("give either --version N or --off")
    print(json.dumps(set_canary(RunDirectory(run), number=version, share=share)))


@keys_app.command("add")
def keys_add(
    run: Run,
    name: Annotated[str, typer.Argument(help="Who it is for.")],
    requests_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1, help="Prompt and completion together.")] = None,
) -> None:
    """Make a key and print its secret, once.

    Example: sparring serve keys add runs/demo alice --requests-per-minute 60
    """
    from sparring.deploy.serve_control import add_key

    limits = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
    print(add_key(RunDirectory(run), name, **limits))


@keys_app.command("rotate")
def keys_rotate(
    run: Run,
    name: Annotated[str, typer.Argument()],
    grace_s: Annotated[int, typer.Option(min=0, help="Seconds that the old secret still works.")] = 300,
) -> None:
    """Give a key a new secret and print it, once.

    Example: sparring serve keys rotate runs/demo alice --grace-s 60
    """
    from sparring.deploy.serve_control import rotate_key

    print(rotate_key(RunDirectory(run), name, grace_s=grace_s))


@keys_app.command("remove")
def keys_remove(run: Run, name: Annotated[str, typer.Argument()]) -> None:
    """Take a key away.

    Example: sparring serve keys remove runs/demo alice
    """
    from sparring.deploy.serve_control import remove_key

    remove_key(RunDirectory(run), name)


@keys_app.command("list")
def keys_list(run: Run, as_json: Json = False) -> None:
    """Names and limits of the keys.

    Example: sparring serve keys list runs/demo --json
    """
    from sparring.deploy.serve_control import list_keys

    keys = list_keys(RunDirectory(run))
    if as_json:
        print(json.dumps(keys))
        return
    for key in keys:
        ends = f" expires={key['expires']}" if key["expires"] else ""
        print(f"{key['name']} requests_per_minute={key['requests_per_minute']} "
              f"tokens_per_minute={key['tokens_per_minute']}{ends}")  # fmt: skip
