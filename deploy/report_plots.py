"""The plots of a run, each with the sentence that says how to read it."""

from __future__ import annotations

from collections.abc import Mapping

from sparring.deploy.report_figures import BLUE, GREEN, VERMILION, Line, Panel, Plot, histogram, plot, style_of
from sparring.deploy.run_files import Metrics, Parity
from sparring.deploy.statistics import kind_order


def training_plots(metrics: Metrics) -> list[Plot]:
    """What the roles did."""
    found = [
        _per_role(
            metrics,
            "reward/mean",
            title="Reward",
            caption="Mean reward of trained rollouts, by role and kind. Faint: each step; strong: running mean.",
        ),
        _per_role(
            metrics,
            "solve_rate",
            fraction=True,
            title="Solve rate in training",
            caption="Share of right answers: to tasks drawn from the archive, and to freshly proposed tasks.",
        ),
        plot(
            "targets",
            [
                Panel(title="proved so far", lines=_named(metrics, {"targets": "targets/proved"}, smooth=False)),
                Panel(
                    title="conjectures",
                    fraction=True,
                    lines=_named(
                        metrics,
                        {
                            "new statements": "conjectures/valid",
                            "proved at least once": "conjectures/proved",
                            "learned from": "conjectures/kept",
                        },
                    ),
                ),
            ],
            title="Targets and conjectures",
            caption="Target statements with a proof; share of the conjecturer's turns that gave a new statement; of "
            "these, the share that was proved; and of the turns, those barely provable enough to learn from.",
        ),
        plot(
            "proposals",
            [
                Panel(title="valid", fraction=True, lines=lines_by_kind(metrics, "proposals/valid")),
                Panel(title="distinct among valid", fraction=True, lines=lines_by_kind(metrics, "proposals/distinct")),
                Panel(title="known to the archive", fraction=True, lines=lines_by_kind(metrics, "proposals/duplicate")),
                Panel(title="statements of valid ones", lines=lines_by_kind(metrics, "proposals/statements")),
            ],
            title="Proposals",
            caption="Share that passed every check, share of distinct programs among those, share rejected because the "
            "archive knew them, and how long valid programs are.",
            wide=True,
        ),
        plot(
            "learnability",
            [
                Panel(title="mean", lines=lines_by_kind(metrics, "learnability"), y="reward"),
                Panel(title="never or always solved", fraction=True, lines=lines_by_kind(metrics, "proposals/extreme")),
            ],
            title="Learnability of valid proposals",
            caption="One minus the solve rate, zero for tasks never or always solved: what the proposer is paid for.",
        ),
        plot(
            "thinking",
            [Panel(fraction=True, lines=lines_by_kind(metrics, "thinking/solver"))],
            title="Answers that think first",
            caption="Share of the solver's well-formed answers that write something before the answer: in the compact "
            "dialect the values between the statements, which an answer to an induction task has no place for.",
        ),
        _per_role(
            metrics,
            "response_length",
            title="Completion length",
            caption="Mean tokens of a completion, by role and kind.",
        ),
        plot(
            "archive",
            [Panel(lines=lines_by_kind(metrics, "archive/size", smooth=False), y="tasks")],
            title="Task archive",
            caption="Tasks that later proposals build on and solvers are given, by kind.",
        ),
        _alarms(metrics),
    ]
    return [one for one in found if one]


def system_plots(metrics: Metrics, parity: Parity | None) -> list[Plot]:
    """What the machinery did."""
    found = [
        plot(
            "staleness",
            [Panel(y="versions", lines=_named(metrics, {"mean": "staleness/mean", "max": "staleness/max"}))],
            title="Staleness",
            caption="Learner version minus the version that sampled, over trained tokens.",
        ),
        plot(
            "bubbles",
            [Panel(y="share of step time", lines=_bubbles(metrics))],
            title="Bubbles",
            caption="Share of a step's time in which the learner waited for a batch, and workers for admission.",
        ),
        plot(
            "throughput",
            [
                Panel(
                    y="tokens/s",
                    lines=_named(
                        metrics,
                        {
                            "rollout": "throughput/rollout_tokens_per_s",
                            "learner": "throughput/learner_tokens_per_s",
                        },
                    ),
                )
            ],
            title="Throughput",
            caption="Completion tokens sampled and tokens trained per second of wall time.",
        ),
        plot(
            "memory",
            [Panel(y="MiB", lines=_named(metrics, {"now": "memory/rss_mib", "peak": "memory/peak_mib"}, smooth=False))],
            title="Memory",
            caption="Resident memory of all processes of the run; shared pages count once for each of them.",
        ),
        plot(
            "health",
            [
                Panel(title=title, lines=_named(metrics, {title: name}))
                for title, name in {
                    "entropy (nats)": "entropy",
                    "mismatch KL (nats)": "mismatch_kl",
                    "clip fraction": "clip_fraction",
                    "gradient norm": "grad_norm",
                }.items()
            ],
            title="Learner health",
            caption="A collapse shows as entropy near zero; a broken weight transfer as a growing mismatch.",
            wide=True,
            legend=False,
        ),
    ]
    if parity is not None:
        found.append(
            histogram(
                "parity",
                parity.bin_edges,
                parity.counts,
                title="Parity",
                caption="Behaviour minus learner logprob of tokens sampled by the learner's own version: a spike at 0.",
                x="difference (nats)",
            )
        )
    return [one for one in found if one]


def _per_role(metrics: Metrics, front: str, *, title: str, caption: str, fraction: bool = False) -> Plot | None:
    roles = _parts(metrics, front)
    panels = [
        Panel(title=_role_title(role), fraction=fraction, lines=lines_by_kind(metrics, f"{front}/{role}", role=role))
        for role in roles
    ]
    return plot(front.replace("/", "-"), panels, title=title, caption=caption)


def _alarms(metrics: Metrics) -> Plot | None:
    """A panel for what each alarm watches, also where none rang: that it was watched is worth knowing."""
    panels = [
        Panel(title=what, fraction=True, lines=lines_by_kind(metrics, f"alarm/{what}", smooth=False))
        for what in _parts(metrics, "alarm")
    ]
    caption = "1 where a measure of the proposals is out of its bounds over the last steps: the proposer collapses."
    return plot("alarms", panels, title="Alarms", caption=caption, wide=True)


def _parts(metrics: Metrics, front: str) -> list[str]:
    """What follows ``front`` in the names of the run's metrics."""
    return sorted({name.removeprefix(f"{front}/").split("/")[0] for name in metrics.names(front) if name != front})


def _role_title(role: str) -> str:
    return "fresh proposals" if role == "proposed" else role


def lines_by_kind(metrics: Metrics, front: str, *, smooth: bool = True, role: str = "") -> list[Line]:
    kinds = sorted((name.removeprefix(f"{front}/") for name in metrics.names(front) if name != front), key=kind_order)
    return [
        Line(
            name=kind,
            series=metrics.series(f"{front}/{kind}"),
            smooth=smooth,
            about={"kind": kind} | ({"role": role} if role and role != "proposed" else {}),
            **style_of(kind, position),
        )
        for position, kind in enumerate(kinds)
    ]


def _named(metrics: Metrics, names: Mapping[str, str], *, smooth: bool = True) -> list[Line]:
    styles = ((BLUE, "solid"), (VERMILION, "dash"), (GREEN, "dot"))
    return [
        Line(name=label, series=metrics.series(name), color=color, dash=dash, smooth=smooth)
        for (label, name), (color, dash) in zip(names.items(), styles, strict=False)
    ]


def _bubbles(metrics: Metrics) -> list[Line]:
    learner, workers = metrics.bubble("time/wait_for_batch"), metrics.bubble("time/wait_for_policy")
    return [
        Line(name="learner waits for a batch", series=learner, color=BLUE),
        Line(name="workers wait for admission", series=workers, color=VERMILION, dash="dash"),
    ]
