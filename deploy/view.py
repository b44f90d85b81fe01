"""What a person sees while a run trains: a live page on a terminal, one line a step anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sparring.deploy.view_state import Progress, plain_line, sparkline

REFRESH_PER_S = 4
SPARK_WIDTH = 12


class LiveView:
    """A context manager; ``update`` and ``note`` feed it.

    Consumes the metrics of each step and messages; produces text on the console. Never waits and never raises for
    a metric that is missing: runs differ in what they measure.
    """

    def __init__(
        self,
        name: str,
        *,
        num_steps: int,
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = Progress(name, num_steps=num_steps)
        self._console = console or Console()
        self._now = now
        self._began = self._last_step = now()
        # get_renderable and not update: the clock goes on between steps.
        self._live = Live(
            get_renderable=self.render, console=self._console, refresh_per_second=REFRESH_PER_S, redirect_stderr=True
        )

    @property
    def plain(self) -> bool:
        """Whether this is no terminal: lines instead of a page."""
        return not self._console.is_terminal

    def __enter__(self) -> Self:
        if not self.plain:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.plain:
            self._live.stop()

    def update(self, values: Mapping[str, float], step: int) -> None:
        """Show the metrics of a committed step."""
        self.progress.update(values, step)
        self._last_step = self._now()
        if self.plain:
            self._print(plain_line(self.progress))

    def note(self, text: str) -> None:
        """Show a message, event first: ``published policy=base version=41 seconds=0.03``."""
        safe = self.progress.note(text)
        if self.plain:
            self._print(safe)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def render(self) -> RenderableType:
        """The page as it is now."""
        now = self._now()
        since = f"{now - self._last_step:.0f} s ago" if self.progress.step else ""
        parts = [
            _head(self.progress, elapsed_s=now - self._began),
            _roles(self.progress),
            _machine(self.progress, since=since),
            _messages(self.progress),
        ]
        return Panel(
            Group(*parts), title=Text(f" {self.progress.name} ", style="bold"), border_style="dim", padding=(0, 1)
        )


def _head(progress: Progress, *, elapsed_s: float) -> RenderableType:
    minutes, seconds = divmod(int(elapsed_s), 60)
    line = Table.grid(padding=(0, 2), expand=True)
    for _ in range(3):
        line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_row(
        Text.assemble(("step ", "dim"), (f"{progress.step}", "bold"), f" of {progress.num_steps}"),
        Text.assemble(("version ", "dim"), (_shown(progress.values.get("version"), ".0f"), "bold")),
        Text.assemble(("elapsed ", "dim"), (f"{minutes}:{seconds:02d}", "bold")),
        ProgressBar(total=max(1, progress.num_steps), completed=progress.step, complete_style="cyan"),
    )
    return line


def _roles(progress: Progress) -> RenderableType:
    if not (roles := progress.roles()):
        return Text("waiting for the first step", style="dim italic")
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", show_edge=False)
    for title, justify in (("role", "left"), ("kind", "left"), ("reward", "right"), ("", "left")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("solve rate", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    before = ""
    for role, kind in roles:
        reward, solve_rate = f"reward/mean/{role}/{kind}", f"solve_rate/{role}/{kind}"
        table.add_row(
            Text(role if role != before else "", style="bold"),
            kind,
            _shown(progress.values.get(reward), ".3f"),
            Text(sparkline(progress.history[reward], width=SPARK_WIDTH), style="cyan"),
            _shown(progress.values.get(solve_rate), ".3f"),
            Text(sparkline(progress.history[solve_rate], width=SPARK_WIDTH, low=0, high=1), style="green"),
        )
        before = role
    return table


def _machine(progress: Progress, *, since: str) -> RenderableType:
    values, bubbles = progress.values, progress.bubbles
    pairs = [
        (
            "staleness",
            f"{_shown(values.get('staleness/mean'), '.2f')} mean, {_shown(values.get('staleness/max'), '.0f')} max",
        ),
        ("learner waits", _shown(bubbles.get("time/wait_for_batch"), ".0%")),
        ("rollout", f"{_shown(values.get('throughput/rollout_tokens_per_s'), ',.0f')} tokens/s"),
        ("workers wait", _shown(bubbles.get("time/wait_for_policy"), ".0%")),
        ("learner", f"{_shown(values.get('throughput/learner_tokens_per_s'), ',.0f')} tokens/s"),
        ("balance", progress.balance),
        (
            "memory",
            f"{_shown(values.get('memory/rss_mib'), ',.0f')} MiB, peak {_shown(values.get('memory/peak_mib'), ',.0f')}",
        ),
        ("last step", f"{_shown(values.get('time/step'), '.1f')} s{', ' if since else ''}{since}"),
    ]
    grid = Table.grid(padding=(0, 2), expand=True)
    for ratio, style in ((0, "dim"), (1, ""), (0, "dim"), (1, "")):
        grid.add_column(ratio=ratio or None, style=style, no_wrap=True)
    for left, right in zip(pairs[::2], pairs[1::2], strict=True):
        grid.add_row(*left, *right)
    return Panel(grid, box=box.HORIZONTALS, padding=0, border_style="dim")


def _messages(progress: Progress) -> RenderableType:
    held_out = (Text.assemble(("held-out ", "bold"), text) for text in progress.held_out)
    lines = [*held_out, *(Text(note, style="dim") for note in progress.notes)]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
