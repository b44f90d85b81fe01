import html
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from sparring.core.errors import UsageError
from sparring.core.metrics import JsonlMetrics
from sparring.core.rundir import RunDirectory
from sparring.deploy.dashboard import LOOPBACK, dashboard
from sparring.deploy.dashboard_serve import serve

HOSTILE = (
    "</pre></script><script>window.pwned=1</script><img src=x onerror='pwned=1'>"
    '"><b hx-get=/evil hx-trigger=load>{{7*7}}'
)


def client_of(directory, **settings):
    return TestClient(dashboard(directory, **settings), base_url="http://127.0.0.1")


def links(page):
    return re.findall(r'<td class="n"><a href="([^"]+)"', page)


def stamp_of(page):
    return re.search(r'data-stamp="(\w+)"', page)[1]


def test_the_overview_has_a_card_for_every_plot(write_run):
    client = client_of(write_run().directory)
    page, figures = client.get("/").text, client.get("/figures.json").json()
    assert set(re.findall(r'data-plot="([\w-]+)"', page)) == set(figures)
    wanted = {"reward-mean", "solve_rate", "staleness", "bubbles", "throughput", "versions", "minted", "difficulty"}
    assert wanted | {"learnability", "proposals"} <= set(figures)


def test_the_curves_are_the_metrics_and_lead_to_role_and_kind(write_run):
    figures = client_of(write_run().directory).get("/figures.json").json()
    reward = figures["reward-mean"]["data"][0]
    assert reward["x"] == [1, 2, 3]
    assert reward["y"] == pytest.approx([0.1, 0.2, 0.3])
    assert reward["meta"] == {"kind": "deduction", "role": "proposer"}
    # 0.5 s of 2 s; then 0.1 s more than the step before, of 2 s.
    learner, workers = figures["bubbles"]["data"]
    assert (learner["y"], workers["y"]) == ([0.25] * 3, pytest.approx([0.05] * 3))
    versions = figures["versions"]["data"]
    assert versions[0]["y"] == [1, 2, 3]
    assert versions[0]["customdata"] == [1, 2, 3]
    assert versions[1]["y"] == pytest.approx([30.0] * 3)  # ms
    # Two of the three episodes of a cohort mint.
    minted = figures["minted"]["data"]
    assert (minted[0]["x"], minted[0]["y"]) == ([0, 1, 2], [2, 4, 6])
    # Each task's parent is the one of the step before.
    assert minted[-1]["y"] == [1, 2, 3]
    assert figures["difficulty"]["data"][0]["y"] == [0.75] * 3


def test_a_diverged_run_is_plotted_and_its_figures_are_json(write_run):
    run = write_run()
    with JsonlMetrics(run.directory.metrics) as metrics:
        metrics.log({"grad_norm": math.nan, "version": 4, "time/step": 1}, step=4)
    answer = client_of(run.directory).get("/figures.json")
    figures = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert figures["health"]["data"][0]["y"] == [None]


def test_the_list_shows_the_newest_first_and_its_filters_hold(write_run):
    client = client_of(write_run().directory)
    page = client.get("/tasks").text
    # Two kept of each of two cohorts of three steps.
    assert "12 of 12 kept episodes" in page
    assert [int(step) for step in re.findall(r'/tasks/\w+">(\d+)</a></td>', page)] == [2] * 4 + [1] * 4 + [0] * 4
    assert "6 of 12" in client.get("/tasks?kind=deduction").text
    assert "6 of 12" in client.get("/tasks?outcome=rejected").text
    # Nobody solves what was rejected.
    assert "6 of 12" in client.get("/tasks?role=solver").text
    assert "12 of 12" in client.get("/tasks?role=proposer").text
    assert "4 of 12" in client.get("/tasks?low=1&high=1").text
    assert "12 of 12" in client.get("/tasks?low=nonsense&page=-3").text
    nothing = client.get("/tasks?outcome=solved").text
    assert "None of the 12 kept episodes passes these filters" in nothing


def test_htmx_gets_the_rows_alone(write_run):
    client = client_of(write_run().directory)
    rows = client.get("/tasks?kind=abduction", headers={"hx-request": "true"}).text
    assert "6 of 12" in rows
    assert "<html" not in rows


def test_long_lists_have_pages(write_run):
    client = client_of(write_run(steps=20).directory)
    first, second = client.get("/tasks").text, client.get("/tasks?page=1").text
    assert len(links(first)) == 50
    assert len(links(second)) == 30
    assert not set(links(first)) & set(links(second))
    assert "older →" in first
    assert "older →" not in second
    assert "page=0" in second
    # Who reads an older page is not thrown back to the newest by news.
    assert "run-changed" in first
    assert "run-changed" not in second


def test_a_task_shows_prompt_tokens_verdicts_rewards_and_its_family(write_run):
    client = client_of(write_run(text="é = 1").directory)
    page = client.get(links(client.get("/tasks?kind=deduction&outcome=valid&low=1&high=1").text)[0]).text
    assert "<pre>propose one</pre>" in page
    tokens = re.findall(r'<span class="([^"]+)" title="([^"]+)">([^<]*)</span>', page)
    opening = tokens[:5]
    # The two bytes of é are one piece; both are of version 1, what follows is of version 2.
    assert [text for *_, text in opening] == ["é", " ", "=", " ", "1"]
    assert opening[0][1] == "version 1 · advantage +0.5 · probability 0.368"
    assert opening[1][1].startswith("version 2 ·")
    assert opening[0][0].split() == ["v0", "p2", "a-up2"]
    assert "2 tokens" in page
    assert "advantage -0.5" in page
    assert page.count('class="solution"') == 2
    assert "ok: another value" in page
    made_from = page[page.index("Made from") : page.index("What was made from it")]
    assert "propose/deduction#0-0/minted</a>" in made_from
    assert "solve rate 0.5" in made_from
    assert "propose/deduction#-1-0/minted</span>" in made_from
    assert "propose/deduction#2-0/minted</a>" in page[page.index("What was made from it") :]


def test_what_models_wrote_stays_text_everywhere(write_run):
    run = write_run(text=HOSTILE)
    with JsonlMetrics(run.directory.metrics) as metrics:
        metrics.log({f"reward/mean/proposer/{HOSTILE}": 0.5, "time/step": 1}, step=4)
    client = client_of(run.directory)
    pages = [client.get(path).text for path in ("/", "/tasks", "/status", f"/tasks?kind={HOSTILE}&outcome={HOSTILE}")]
    pages += [client.get(link).text for link in links(pages[1])]
    assert len(pages) == 4 + 12
    for page in pages:
        assert "<script>window" not in page
        assert "<img" not in page
        assert "<b hx" not in page
        # Scripts are this page's own files and nothing else.
        assert all(tag.startswith("<script src=") for tag in re.findall(r"<script[^>]*>", page))
        assert "49" not in re.findall(r"hx-trigger=load>(\d+)", html.unescape(page))
    shown = html.unescape(re.sub(r"<[^>]+>", "", pages[-1]))
    assert HOSTILE in shown


def test_every_answer_forbids_scripts_but_the_pages_own(write_run):
    client = client_of(write_run().directory)
    for path in ("/", "/tasks", "/tasks/none", "/figures.json", "/status", "/static/dashboard.js", "/plotly.js"):
        headers = client.get(path).headers
        assert "script-src 'self';" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_nothing_is_loaded_from_elsewhere(write_run):
    client = client_of(write_run().directory)
    for path in ("/", "/tasks"):
        sources = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"', client.get(path).text)
        assert sources
        for source in sources:
            assert source.startswith(("/", "data:,"))
            assert source == "data:," or client.get(source).status_code == 200


def test_an_episode_that_is_not_there_is_a_page_that_says_so(write_run):
    answer = client_of(write_run().directory).get("/tasks/0123456789abcdef")
    assert answer.status_code == 404
    assert "There is no such episode" in answer.text


def test_a_file_of_the_run_can_not_be_fetched(write_run):
    client = client_of(write_run().directory)
    for path in ("/config.json", "/static/../config.json", "/static/%2e%2e/dashboard.py", "/tasks/../config.json"):
        assert client.get(path).status_code == 404


def test_a_browser_that_knows_the_newest_gets_nothing_until_the_run_writes(write_run):
    run = write_run()
    client = client_of(run.directory)
    stamp = stamp_of(client.get("/").text)
    assert client.get(f"/status?stamp={stamp}").status_code == 204
    run.step(4)
    answer = client.get(f"/status?stamp={stamp}")
    assert answer.headers["hx-trigger-after-swap"] == "run-changed"
    assert "<dd>4 <small>of 10</small></dd>" in answer.text
    assert client.get(f"/status?stamp={stamp_of(answer.text)}").status_code == 204
    assert client.get("/figures.json").json()["staleness"]["data"][0]["x"] == [1, 2, 3, 4]


def test_a_line_that_is_being_written_counts_once_it_has_its_end(write_run):
    run = write_run()
    client = client_of(run.directory)
    with run.directory.metrics.open("a") as file:
        file.write('{"step": 4, "versi')
        file.flush()
        assert "<dd>3 <small>" in client.get("/status").text
        file.write('on": 4}\n')
        file.flush()
    assert "<dd>4 <small>" in client.get("/status").text


def test_the_state_is_told_from_the_files(write_run):
    run = write_run(num_steps=3)
    assert 'class="state finished"' in client_of(run.directory).get("/").text
    running = RunDirectory(run.directory.root.parent / "waiting")
    running.root.mkdir()
    assert 'class="state waiting"' in client_of(running).get("/").text
    client = client_of(running)
    stamp = stamp_of(client.get("/").text)
    running.config.write_text('{"steps": 3}')
    assert 'class="state running"' in client.get(f"/status?stamp={stamp}").text
    assert "of 3" in client.get("/status").text
    os.utime(running.config, (1, 1))
    assert 'class="state quiet"' in client.get("/status").text


def test_a_run_that_wrote_nothing_yet_says_what_it_waits_for(tmp_path):
    client = client_of(RunDirectory(tmp_path))
    page = client.get("/").text
    assert "No learner step was finished yet" in page
    assert "config.json is missing" in page
    assert "No episode was kept yet" in client.get("/tasks").text
    assert client.get("/figures.json").json() == {}


def test_without_a_tokenizer_the_text_stays_readable(write_run):
    run = write_run()
    run.directory.tokenizer.unlink()
    client = client_of(run.directory)
    page = client.get(links(client.get("/tasks").text)[0]).text
    assert "<pre>def f(x): return x</pre>" in page
    assert "tokenizer.json is not on this machine" in page


def test_a_run_of_before_advantages_were_recorded_can_be_browsed(write_run):
    run = write_run(text="abc")
    lines = [json.loads(line) for line in run.directory.samples.read_text().splitlines()]
    for line in lines:
        del line["advantages"]
    run.directory.samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.directory.minted.unlink()
    client = client_of(run.directory)
    page = client.get(links(client.get("/tasks").text)[0]).text
    assert "its advantage is not recorded" in page
    assert 'class="v0 p1 a-none"' in page


def test_another_application_can_mount_it(write_run):
    whole = Starlette(routes=[Mount("/runs/mine", dashboard(write_run().directory))])
    client = TestClient(whole, base_url="http://127.0.0.1")
    page = client.get("/runs/mine/").text
    sources = re.findall(r'(?:src|href|hx-get)="(/[^"]*)"', page)
    assert sources
    assert all(source.startswith("/runs/mine/") for source in sources)
    assert all(client.get(source.replace("&amp;", "&")).status_code in (200, 204) for source in sources)
    assert client.get(links(client.get("/runs/mine/tasks").text)[0]).status_code == 200


def test_on_loopback_other_names_are_refused(write_run):
    app = dashboard(write_run().directory, allowed_hosts=LOOPBACK)
    assert TestClient(app, base_url="http://rebound.example").get("/").status_code == 400
    assert TestClient(app, base_url="http://localhost:8088").get("/").status_code == 200


def test_a_directory_that_is_not_there_and_a_taken_port_are_refused_with_what_to_do(tmp_path, write_run):
    with pytest.raises(UsageError, match="there is none; start a run"):
        serve(RunDirectory(tmp_path / "none"), port=0)
    with pytest.raises(UsageError, match=r"it holds no config\.json; start a run"):
        serve(RunDirectory(tmp_path), port=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="--port 0 for any"):
            serve(write_run().directory, port=taken.getsockname()[1])


@pytest.mark.service
def test_the_command_serves_on_loopback_until_it_is_interrupted(write_run):
    command = [sys.executable, "-m", "sparring", "dashboard", str(write_run().directory.root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert b"data-plot" in answer.read()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130, -signal.SIGINT)
