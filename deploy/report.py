"""One self-contained HTML page about a run: what it learned, how it ran, and what it asked and answered.

The page needs no network: plotly.js is inside. Every text that a model wrote passes through jinja2's escaping; nothing
of it reaches a script.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from tokenizers import Tokenizer

from sparring.core.config import RunConfig
from sparring.core.rundir import RunDirectory
from sparring.deploy.before_after import before_after
from sparring.deploy.readable import Readable
from sparring.deploy.report_held_out import comparisons, held_out_plot, length_plot
from sparring.deploy.report_plots import system_plots, training_plots
from sparring.deploy.report_samples import Decode, views
from sparring.deploy.run_files import RunFiles, line_notes, read_run
from sparring.deploy.statistics import Evaluation, by_kind, evaluation_lines, moment
from sparring.replay.address import public

TEMPLATES = Path(__file__).parent / "templates"
# Held-out answers shown side by side, of each kind.
ANSWERS_PER_KIND = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A held-out task answered before and after training."""

    kind: str
    task_id: str
    prompt: str
    before: str
    after: str
    right_before: bool
    right_after: bool
    samples_before: str  # such as 1/4
    samples_after: str


def write_report(run: RunDirectory) -> Path:
    """Write the report of ``run``, finished or not, whole or not; returns the page's path."""
    files = read_run(run)
    lines = evaluation_lines(run.evaluations)
    decode, notes = _prompt_decoder(run, files.config)
    context = {
        "run": files,
        "facts": facts(files),
        "notes": [*files.notes, *line_notes(run.evaluations, lines, missing="nothing held-out was asked"), *notes],
        "plotly": Markup(get_plotlyjs()),
        "held_out": held_out_plot(lines.values, seed=_seed(files)),
        "comparisons": comparisons(lines.values, seed=_seed(files)),
        "lengths": length_plot(lines.values, seed=_seed(files)),
        "changes": before_after(lines.values, readable=Readable.of_run(files.config), seed=_seed(files)),
        "answers": answers(lines.values),
        "training": training_plots(files.metrics),
        "system": system_plots(files.metrics, files.parity),
        "episodes": views(files.samples, decode=decode),
        "num_samples": len(files.samples),
        "settings": settings(files.config),
    }
    return _write(run.report, _environment().get_template("report.html").render(context))


def facts(files: RunFiles) -> list[tuple[str, str]]:
    """The run in a dozen numbers; what is not known is left out."""
    config, metrics = files.config, files.metrics
    last = {name: metrics.series(name).last for name in ("version", "memory/peak_mib", "tokens/sampled")}
    trained = sum(metrics.series("tokens/trained").values)
    found = [
        ("recipe", _at(config, "recipe", "name")),
        ("mode", config.get("mode")),
        ("model", _name_of_path(_at(config, "policy", "model"))),
        ("steps", f"{metrics.last_step} of {config.get('steps', '?')}"),
        ("minutes", f"{metrics.seconds / 60:.1f}"),
        ("policy version", _number(last["version"], "{:.0f}")),
        ("tokens sampled", _number(last["tokens/sampled"], "{:,.0f}")),
        ("tokens trained", _number(trained or None, "{:,.0f}")),
        ("peak memory", _number(last["memory/peak_mib"], "{:,.0f} MiB")),
        ("max staleness allowed", _at(config, "replay", "max_staleness")),
        ("seed", config.get("seed")),
    ]
    return [(name, str(value)) for name, value in found if value is not None]


def answers(evaluations: Sequence[Evaluation]) -> list[Answer]:
    """Held-out tasks with the greedy answers at start and end, those that changed first."""
    start = {one.task_id: one for one in moment(evaluations, "start")}
    pairs = [(start[one.task_id], one) for one in moment(evaluations, "end") if one.task_id in start]
    found = []
    for kind in by_kind(after for _, after in pairs):
        of_kind = [_answer(before, after) for before, after in pairs if after.kind == kind]
        of_kind.sort(key=lambda answer: answer.right_before == answer.right_after)
        found += _mixed(of_kind)
    return found


def _mixed(of_kind: Sequence[Answer]) -> list[Answer]:
    """Half those that changed at most, the rest those that did not: a page of gains alone would mislead."""
    changed = [answer for answer in of_kind if answer.right_before != answer.right_after]
    same = [answer for answer in of_kind if answer.right_before == answer.right_after]
    chosen = changed[: ANSWERS_PER_KIND // 2]
    return chosen + same[: ANSWERS_PER_KIND - len(chosen)]


def _answer(before: Evaluation, after: Evaluation) -> Answer:
    return Answer(
        kind=after.kind,
        task_id=after.task_id,
        prompt=after.prompt,
        before=before.answer,
        after=after.answer,
        right_before=before.greedy,
        right_after=after.greedy,
        samples_before=f"{sum(before.samples)}/{len(before.samples)}",
        samples_after=f"{sum(after.samples)}/{len(after.samples)}",
    )


def settings(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Settings that differ from the defaults: name, value, default; addresses without passwords."""
    defaults = dict(_flat(RunConfig().model_dump(mode="json")))
    return [
        (name, public(str(value)) if "://" in str(value) else str(value), str(defaults.get(name, "")))
        for name, value in _flat(config)
        if defaults.get(name) != value
    ]


def _flat(tree: Mapping[str, Any], front: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{front}{key}.")
        else:
            yield f"{front}{key}", value


def find_tokenizer(run: RunDirectory, config: Mapping[str, Any]) -> Path | None:
    """The tokenizer.json of a run's policy: the run's own copy, else the model's, which may no longer be there."""
    model = Path(str(_at(config, "policy", "model") or ""))
    return next((path for path in (run.tokenizer, model / "tokenizer.json") if path.is_file()), None)


def _prompt_decoder(run: RunDirectory, config: Mapping[str, Any]) -> tuple[Decode | None, list[str]]:
    """Turns prompt ids back into text with the policy's own tokenizer."""
    path = find_tokenizer(run, config)
    if path is None:
        return None, ["Prompts of sampled tasks are left out: the policy's tokenizer.json is not on this machine."]
    return partial(Tokenizer.from_file(str(path)).decode, skip_special_tokens=False), []


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rate"] = lambda value: "n/a" if value != value else f"{value:.3f}"
    environment.filters["signed"] = lambda value: "n/a" if value != value else f"{value:+.3f}"
    return environment


def _write(path: Path, page: str) -> Path:
    """Whole or not at all: a browser may be reloading the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    # Models sample bytes that pair up to no character; the page shows them as question marks.
    draft.write_text(page, encoding="utf-8", errors="replace")
    os.replace(draft, path)
    return path


def _seed(files: RunFiles) -> int:
    return int(files.config.get("seed") or 0)


def _at(tree: Mapping[str, Any], section: str, key: str) -> Any:
    part = tree.get(section)
    return part.get(key) if isinstance(part, Mapping) else None


def _name_of_path(path: str | None) -> str | None:
    return Path(path).name if path else None


def _number(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)
