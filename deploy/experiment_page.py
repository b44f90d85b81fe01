"""Writes what came out of an experiment: tables for people, numbers for programs, one page with the plots."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from sparring.deploy import experiment_table as tables
from sparring.deploy.experiment_curves import speeds
from sparring.deploy.experiment_gains import contrasts, gains, shares, start_scores
from sparring.deploy.experiment_health import health
from sparring.deploy.experiment_manifest import MANIFEST, ExperimentManifest
from sparring.deploy.experiment_overlap import overlaps
from sparring.deploy.experiment_plots import learning_plot, shares_plot, thinking_plot
from sparring.deploy.experiment_results import read_results

TEMPLATES = Path(__file__).parent / "templates"


def write_results(out: Path) -> list[Path]:
    """``table.md``, ``results.json`` and ``report.html`` of the experiment in ``out``, finished or not."""
    manifest = msgspec.json.decode((out / MANIFEST).read_bytes(), type=ExperimentManifest)
    results = read_results(out)
    start, gained, against = start_scores(results), gains(results), contrasts(results)
    where, speed, proposals = shares(results), speeds(results), health(results)
    overlap = overlaps(results, out)
    numbers = {
        "starting_model": start,
        "gains": gained,
        "contrasts": against,
        "shares": where,
        "asynchrony": speed,
        "health": proposals,
        "overlap": overlap,
    }
    every = [
        tables.gains_table(start, gained),
        tables.contrasts_table(against),
        tables.shares_table(where),
        tables.overlaps_table(overlap),
        tables.speeds_table(speed),
        tables.health_table(proposals),
        tables.arms_table(results.arms),
    ]
    plots = [learning_plot(results), shares_plot(where), thinking_plot(results)]
    seeds, sets = (", ".join(map(str, values)) for values in (manifest.seeds, manifest.overrides))
    head = f"{manifest.run_file}, {manifest.steps} steps, seeds {seeds}" + (f", with {sets}" if sets else "")
    page = (
        _environment()
        .get_template("experiment.html")
        .render(
            name=out.resolve().name,
            head=head,
            plotly=Markup(get_plotlyjs()),
            plots=[plot for plot in plots if plot],
            tables=every,
        )
    )
    texts = {
        "table.md": f"# Experiment\n\n{head}.\n\n" + "\n".join(table.markdown() for table in every),
        "results.json": msgspec.json.format(msgspec.json.encode(numbers), indent=2).decode(),
        "report.html": page,
    }
    return [_write(out / name, text) for name, text in texts.items()]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write(path: Path, text: str) -> Path:
    """Whole or not at all."""
    draft = path.with_suffix(".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path
