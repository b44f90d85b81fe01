"""What people see when a run is over: solve rates before and after, and tasks that the policy can do since.

On a terminal in colour and boxes; anywhere else the same text, in plain lines.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from sparring.core.rundir import RunDirectory
from sparring.deploy.before_after import FEW, MOST, Attempt, BeforeAfter, Change, Example, Rates, before_after
from sparring.deploy.readable import Question, Readable
from sparring.deploy.run_files import read_config
from sparring.deploy.statistics import read_evaluations
from sparring.deploy.terminal_plot import held_out_text

# Characters of reasoning that are shown; what a language model thinks can fill many screens.
MAX_THOUGHTS = 200
PLAIN_WIDTH = 120  # columns where there is no terminal to ask
HIGHLIGHT = Syntax("", "python", theme="ansi_dark")


def show_before_after(directory: RunDirectory, console: Console | None = None) -> None:
    """Print what the run's evaluations say of its start and its end; nothing if there is neither."""
    config, _ = read_config(directory.config)
    evaluations = read_evaluations(directory.evaluations)
    found = before_after(evaluations, readable=Readable.of_run(config), seed=int(config.get("seed") or 0))
    if found is None:
        return
    console = console or Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    with console.capture() as captured:
        plot = Text.from_ansi(held_out_text(evaluations, colour=console.is_terminal), no_wrap=True)
        console.print(*_parts(found, plot, boxed=console.is_terminal), sep="\n")
    text = "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    console.file.write(text.encode(console.encoding, errors="replace").decode(console.encoding))


def _parts(found: BeforeAfter, plot: Text, *, boxed: bool) -> Iterable[RenderableType]:
    yield Text()
    yield _headline(found)
    yield Text()
    yield _table(found.rates, thinks=found.thinks)
    if plot:
        yield Text()
        yield plot
    if found.interval is None:
        yield Text("n/a: the run has not both an evaluation at its start and one at its end.", style="dim")
    else:
        if found.thinks:
            yield Text("thinks: share of well-formed greedy answers that write intermediate values first", style="dim")
        yield Text()
        yield _learned(found)
        yield from (_example(one, boxed=boxed) for one in found.examples)
    yield Text()


def _headline(found: BeforeAfter) -> Text:
    text = Text.assemble(("held-out solve rate", "bold"), " (sampled), mean over kinds: ", (_shown(found.mean), "bold"))
    if found.interval is not None:
        interval = found.interval
        style = ("green" if interval.mean > 0 else "red") if interval.excludes_zero else "yellow"
        text.append("\npaired difference ").append(f"{interval.mean:+.3f}", style=f"bold {style}")
        text.append(f", 95 % interval {interval.low:+.3f} to {interval.high:+.3f}")
    return text


def _table(rates: Iterable[Rates], *, thinks: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title, justify in (("kind", "left"), ("statements", "right"), ("tasks", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for title in ("sampled", "greedy", *(["thinks"] if thinks else [])):
        table.add_column(title, no_wrap=True)
    for row in rates:
        whole = row.num_statements is None
        table.add_row(
            row.kind if whole else "",
            "all" if whole else str(row.num_statements),
            str(row.num_tasks),
            *(_coloured(change) for change in (row.sampled, row.greedy)),
            *([_shown(row.thinking)] if thinks else []),
            style="bold" if whole else "",
        )
    return table


def _learned(found: BeforeAfter) -> Text:
    """How many tasks changed sides, both ways: chance alone moves a few in each direction."""
    return Text.assemble(
        (f"learned: {found.num_learned} of {found.num_tasks} tasks; forgotten: {found.num_forgotten}\n", "bold"),
        (f"(greedy answer from wrong to right, right samples from <= {FEW:.0%} to >= {MOST:.0%})", "dim"),
    )


def _example(example: Example, *, boxed: bool) -> RenderableType:
    """One task: the question, then the answers before and after."""
    title = Text(_printable(example.title))
    body = Group(
        _question(example.question),
        _attempt("before", example.before),
        _attempt("after", example.after),
    )
    if boxed:
        return Panel(body, title=title, title_align="left", border_style="dim", padding=(0, 1))
    return Group(Text(), title, Padding(body, (0, 0, 0, 2), expand=False))


def _question(question: Question) -> Text:
    program = HIGHLIGHT.highlight(_printable(question.program)) if question.program else Text()
    return program.append(Text(_printable(question.asked), style="bold"))


def _attempt(name: str, attempt: Attempt) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=6)
    grid.add_column(overflow="fold")
    style = "green" if attempt.right else "red"
    verdict = f"{'right' if attempt.right else 'wrong'}, samples {attempt.num_right} of {attempt.num_samples}"
    grid.add_row(Text(name, style="bold"), Text(verdict, style=style))
    answer = attempt.answer
    if answer.thoughts:
        grid.add_row("", Text(f"thinks {_printable(_shortened(answer.thoughts))}", style="dim"))
    text = _printable(answer.text) or "(nothing)"
    grid.add_row("", Text(text) if answer.well_formed else Text(f"{text}  (ill-formed)"))
    return grid


def _coloured(change: Change) -> Text:
    """Green and red say the direction only; how sure it is, the headline's interval says."""
    style = (
        "" if math.isnan(change.difference) or not change.difference else "green" if change.difference > 0 else "red"
    )
    return Text(_shown(change), style=style)


def _shown(change: Change) -> str:
    return " -> ".join("n/a" if math.isnan(value) else f"{value:.3f}" for value in (change.before, change.after))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_THOUGHTS else f"{text[:MAX_THOUGHTS]} ..."


def _printable(text: str) -> str:
    """``text`` without what a terminal would obey: models write control characters too."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
