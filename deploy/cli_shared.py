"""What several groups of commands share."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def print_values(values: object, *, as_json: bool) -> None:
    """For programs on one line, for people in colours."""
    if as_json:
        print(json.dumps(values))
    else:
        Console().print_json(json.dumps(values))
