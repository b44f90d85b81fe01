"""Proved targets over sampled proofs, one line a run, as an SVG that needs nothing to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from sparring.deploy.proving_results import Curves, Point
from sparring.deploy.report_figures import BLUE, GREEN, INK, MUTED, PURPLE, VERMILION

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 20, 66, 50
# Arms differ in dash too, so that a grey print can be read.
STYLES = (
    (BLUE, ""), (VERMILION, "7 4"), (INK, "12 3"), (MUTED, "1 3"), (GREEN, "2 3"), (PURPLE, "9 3 2 3")
)  # fmt: skip
IN_A_ROW = 3  # arms of the legend
NUM_TICKS = 5


def draw(curves: Curves, *, title: str) -> str:
    """The plot of all runs; an arm's seeds have one colour."""
    points = [point for runs in curves.values() for run in runs.values() for point in run]
    most_x, most_y = max((p.proofs for p in points), default=1) or 1, max((p.proved for p in points), default=1) or 1

    def place(point: Point) -> str:
        x = LEFT + point.proofs / most_x * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - point.proved / most_y * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{title}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_axes(most_x, most_y),
    ]
    for position, (arm, runs) in enumerate(curves.items()):
        colour, dash = STYLES[position % len(STYLES)]
        for run in runs.values():
            parts.append(
                f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}" '
                f'points="{" ".join(map(place, run))}"/>'
            )
        parts += _legend(arm, position, colour=colour, dash=dash)
    return "\n".join([*parts, "</svg>\n"])


def ticks(most: float) -> range:
    """Round values from 0 to ``most``, about ``NUM_TICKS`` of them: 1, 2 or 5 times a power of ten apart."""
    power = 10 ** max(0, floor(log10(max(most, 1) / NUM_TICKS)))
    step = next(times * power for times in (1, 2, 5, 10) if times * power * NUM_TICKS >= most)
    return range(0, floor(most) + 1, step)


def _axes(most_x: float, most_y: float) -> Sequence[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in ticks(most_y):
        y = bottom - value / most_y * (bottom - TOP)
        parts += [
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e6eaef"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{value}</text>',
        ]
    for value in ticks(most_x):
        x = LEFT + value / most_x * (right - LEFT)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="{MUTED}">{value:,}</text>')
    middle = (LEFT + right) / 2
    return [
        *parts,
        f'<text x="{middle:.0f}" y="{HEIGHT - 12}" text-anchor="middle" fill="{INK}">sampled proofs</text>',
        f'<text x="{LEFT}" y="16" fill="{INK}">proved targets</text>',
    ]


def _legend(arm: str, position: int, *, colour: str, dash: str) -> Sequence[str]:
    x, y = LEFT + 130 + position % IN_A_ROW * 180, 12 + position // IN_A_ROW * 20
    return [
        f'<line x1="{x}" y1="{y}" x2="{x + 26}" y2="{y}" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="{dash}"/>',
        f'<text x="{x + 31}" y="{y + 4}" fill="{INK}">{arm.replace("_", " ")}</text>',
    ]
