"""Says what would keep Sparring from running on a machine, each finding with its fix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sparring.deploy import doctor_hardware as hardware
from sparring.deploy import doctor_software as software
from sparring.deploy.finding import Check, Judge
from sparring.deploy.machine import Machine, look

CHECKS: tuple[Judge, ...] = (
    software.python,
    software.packages,
    software.engine,
    software.broken_builds,
    hardware.processor,
    hardware.gpu,
    hardware.memory,
    hardware.shared_memory,
    hardware.disk,
    hardware.writable,
    hardware.open_files,
    software.redis,
    software.compiler,
    software.ninja,
    software.seed_model,
    hardware.dashboard_port,
    hardware.clock,
    hardware.executor,
    software.provers,
)
COLORS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def run_checks(machine: Machine | None = None, *, run: Path = Path("runs")) -> list[Check]:
    """Every check, of this machine unless another one is given. ``run``: where runs will be written."""
    facts = machine or look(run)
    return [check for judge in CHECKS for check in judge(facts)]


def render(checks: Sequence[Check]) -> RenderableType:
    """The findings for people, what to do last and in full."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("")
    for title in ("check", "seen", "wanted"):
        table.add_column(title, overflow="fold")
    for check in checks:
        table.add_row(Text(check.status, style=COLORS[check.status]), check.name, Text(check.seen), Text(check.wanted))
    return Group(table, *_fixes(checks), Text(_conclusion(checks), style="bold"))


def _fixes(checks: Iterable[Check]) -> list[Text]:
    return [
        Text.assemble((f"{check.status} ", COLORS[check.status]), (check.name, "bold"), f": {check.fix}")
        for check in checks
        if check.status != "ok"
    ]


def _conclusion(checks: Sequence[Check]) -> str:
    failed, warned = (sum(check.status == status for check in checks) for status in ("fail", "warn"))
    if failed:
        return f"{failed} of {len(checks)} checks failed: Sparring will not run here as it is."
    return f"Sparring can run here; {warned} warning(s)." if warned else "Sparring can run here."


def to_json(checks: Sequence[Check]) -> str:
    """The findings for programs."""
    ok = not any(check.status == "fail" for check in checks)
    return json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}, indent=2)
