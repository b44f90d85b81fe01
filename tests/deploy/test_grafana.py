import json
import re

import pytest

from sparring.core.metrics import CATALOGUE
from sparring.core.rundir import RunDirectory
from sparring.deploy import grafana_boards
from sparring.deploy.prometheus import LABELS, exported, exported_front

FILES = sorted(grafana_boards.FOLDER.glob("*.json"))
KNOWN = {f"ray_{exported_front(front)}": front for front in CATALOGUE}
# What PromQL has of its own in these queries; every other word must be a metric or a label.
FUNCTIONS = {"max", "by", "clamp_min", "deriv", "label_values"}


def queries(path):
    board = json.loads(path.read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return found + [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]


def words(query):
    """Identifiers of a query: not the texts in quotes, not the numbers and durations."""
    return re.findall(r"(?<![\w.])[a-zA-Z_]\w*", re.sub(r'"[^"]*"', "", query))


def test_there_are_dashboards_and_each_is_what_its_list_of_panels_makes():
    assert [path.stem for path in FILES] == sorted(grafana_boards.BOARDS)
    for path in FILES:
        assert path.read_text() == grafana_boards.text(path.stem), "run python -m sparring.deploy.grafana_boards"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_metric_of_a_dashboard_is_in_the_catalogue(path):
    for query in queries(path):
        named = [word for word in words(query) if word not in FUNCTIONS and word not in LABELS]
        assert named, query
        assert set(named) <= set(KNOWN), query


def test_a_metric_that_is_not_in_the_catalogue_would_be_found():
    assert set(words('max by (run) (ray_sparring_no_such{run=~"$run"})')) - FUNCTIONS - set(LABELS) - set(KNOWN)


def test_the_dashboards_show_what_the_page_shows():
    shown = {KNOWN[word] for path in FILES for query in queries(path) for word in words(query) if word in KNOWN}
    wanted = {"reward/mean", "solve_rate", "learnability", "staleness/mean", "staleness/max", "version"}
    wanted |= {"time/wait_for_batch", "time/wait_for_policy", "weights/sync_s", "archive/size", "proposals/duplicate"}
    wanted |= {"throughput/rollout_tokens_per_s", "throughput/learner_tokens_per_s"}
    assert wanted <= shown


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_have_places_of_their_own_and_titles_with_units(path):
    panels = json.loads(path.read_text())["panels"]
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"] != "short" or panel["title"].endswith(")")


def test_no_two_metrics_of_the_catalogue_share_an_exported_name():
    assert len(KNOWN) == len(CATALOGUE)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) for name in KNOWN)


@pytest.mark.parametrize(
    ("name", "front", "labels"),
    [
        ("loss", "sparring_loss", {}),
        ("reward/mean/solver/deduction", "sparring_reward_mean", {"role": "solver", "kind": "deduction"}),
        ("archive/size/induction", "sparring_archive_size", {"kind": "induction"}),
        ("alarm/valid/deduction", "sparring_alarm", {"measure": "valid", "kind": "deduction"}),
        ("time/wait_for_batch", "sparring_time_wait_for_batch", {}),
    ],
)
def test_the_tail_of_a_name_becomes_labels(name, front, labels):
    found = exported(name)
    assert (found.name, found.labels) == (front, labels)


def test_a_metric_without_a_declaration_is_refused():
    with pytest.raises(ValueError, match="not declared"):
        exported("made/up")


def test_a_session_scrapes_what_a_run_writes(tmp_path):
    text = (grafana_boards.FOLDER.parent / "prometheus.yml").read_text()
    assert f"../runs/*/{RunDirectory(tmp_path).prometheus.name}" in text
