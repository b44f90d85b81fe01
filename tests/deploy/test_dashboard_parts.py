import math
from types import SimpleNamespace

from sparring.core.types import FinishReason, Rollout, VersionSpan
from sparring.deploy.dashboard_plots import MAX_POINTS, curriculum_plots, figure, version_plot
from sparring.deploy.dashboard_tokens import pieces
from sparring.deploy.report_figures import Line, Panel, plot
from sparring.deploy.run_files import Metrics, Minted, Series


def a_rollout(ids, *, spans, logprobs=None):
    return Rollout(
        rollout_id="r",
        role="solver",
        task_id="t",
        policy="base",
        prompt_ids=(),
        completion_ids=tuple(ids),
        behaviour_logprobs=tuple(logprobs or [-0.1] * len(ids)),
        version_spans=tuple(VersionSpan(number=number, num_tokens=count) for number, count in spans),
        text="",
        finish_reason=FinishReason.STOP,
    )


# Ids are bytes; bytes that are no text decode to the replacement character, as tokenizers do it.
BYTES = SimpleNamespace(decode=lambda ids, skip_special_tokens: bytes(ids).decode(errors="replace"))


def test_bytes_of_one_character_are_one_piece_and_no_token_is_lost():
    text = "a€𝄞b"
    ids = list(text.encode())  # 1 + 3 + 4 + 1
    found = pieces(a_rollout(ids, spans=[(4, len(ids))]), [(1.0, len(ids))], BYTES, versions_shown=[4])
    assert [one.text for one in found] == ["a", "€", "𝄞", "b"]


def test_bytes_that_are_no_text_are_shown_one_by_one():
    ids = [0xFF, 0xFE, 0x80, 0x80, 0x80, ord("a")]
    found = pieces(a_rollout(ids, spans=[(0, 6)]), [(0.0, 6)], BYTES, versions_shown=[0])
    assert "".join(one.text for one in found) == "\ufffd" * 5 + "a"


def test_a_completion_that_ends_within_a_character_ends():
    ids = [*b"ok", *"€".encode()[:2]]
    found = pieces(a_rollout(ids, spans=[(0, 4)]), [], BYTES, versions_shown=[0])
    assert [one.text for one in found] == ["o", "k", "\ufffd"]


def test_versions_of_a_page_have_one_colour_each_and_advantages_a_sign():
    rollout = a_rollout(b"abcd", spans=[(7, 1), (9, 3)], logprobs=[0.0, math.log(0.6), math.log(0.3), math.log(0.01)])
    found = pieces(rollout, [(-2.0, 1), (0.0, 1), (0.1, 2)], BYTES, versions_shown=[5, 7, 9])
    assert [one.classes for one in found] == ["v1 p0 a-down4", "v2 p1 a-zero", "v2 p2 a-up1", "v2 p4 a-up1"]


def test_advantages_that_do_not_fit_the_tokens_are_not_shown():
    (one,) = pieces(a_rollout(b"a", spans=[(0, 1)]), [(1.0, 2)], BYTES, versions_shown=[0])
    assert one.advantage is None
    assert "a-none" in one.classes
    assert "not trained on" in one.title


def test_long_curves_are_thinned_and_keep_their_newest_point():
    count = 10 * MAX_POINTS + 3
    series = Series(steps=list(range(count)), values=[float(at) for at in range(count)])
    drawn = plot("long", [Panel(lines=[Line(name="x", series=series, smooth=False)])], title="", caption="")
    (trace,) = figure(drawn)["data"]
    assert len(trace["x"]) == len(trace["y"]) <= MAX_POINTS
    assert trace["x"][-1] == count - 1


def test_minutes_count_from_the_beginning_of_the_first_step():
    rows = {
        1: {"time": 160.0, "time/step": 60.0, "version": 1.0},
        2: {"time": 220.0, "time/step": 60.0, "version": 2.0},
    }
    (trace,) = version_plot(Metrics(rows=rows)).data
    assert (trace["x"], trace["y"]) == ([1.0, 2.0], [1.0, 2.0])
    assert version_plot(Metrics(rows={})) is None


def test_a_generation_is_the_longest_line_of_minted_tasks():
    def one(name, step, *parents):
        return Minted(step=step, task_id=name, kind="deduction", minted_by="base@0/proposer", parents=parents)

    minted = [one("a", 0, "seed"), one("b", 1, "a", "seed"), one("c", 1), one("d", 2, "a", "b")]
    (drawn,) = curriculum_plots(Metrics(rows={}), minted)
    so_far, generation = drawn.data
    assert so_far["y"] == [1, 3, 4]
    # b is the second of its line and c the first; d is the third.
    assert generation["y"] == [1, 1.5, 3]
