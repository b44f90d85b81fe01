"""The page in a real headless Chromium: Debian's, or the one that SPARRING_CHROMIUM names."""

import os
import shutil
import threading
import time

import pytest
import uvicorn

from sparring.deploy.dashboard import LOOPBACK, dashboard
from sparring.deploy.dashboard_serve import _listen

pytestmark = pytest.mark.service
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = os.environ.get("SPARRING_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "</pre><script>window.pwned=1</script><img src=x onerror='window.pwned=1'><b hx-get=/evil hx-trigger=load>"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox needs a user namespace, which root in a container often has not.
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_default_timeout(20_000)
    yield page
    context.close()


@pytest.fixture
def serve():
    """Serves a run directory from a thread; returns the address."""
    stops = []

    def start(directory):
        listening = _listen(0)
        server = uvicorn.Server(uvicorn.Config(dashboard(directory, allowed_hosts=LOOPBACK), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        stops.append((server, thread, listening))
        while not server.started:
            time.sleep(0.02)
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield start
    for server, thread, listening in stops:
        server.should_exit = True
        thread.join(10)
        listening.close()


def point_of(page, *, plot, trace, at):
    """Where on the screen a point of a curve is."""
    return page.evaluate(
        """([plot, trace, at]) => {
            const place = document.querySelector(`[data-plot=${plot}]`), curve = place._fullData[trace];
            place.scrollIntoView({block: 'center'});
            const x = place._fullLayout[curve.xaxis.replace('x', 'xaxis')];
            const y = place._fullLayout[curve.yaxis.replace('y', 'yaxis')];
            const box = place.getBoundingClientRect();
            return [box.left + x._offset + x.l2p(curve.x[at]), box.top + y._offset + y.l2p(curve.y[at])];
        }""",
        [plot, trace, at],
    )


def test_from_a_curve_to_a_task_to_its_solutions(write_run, serve, page):
    address = serve(write_run(steps=4).directory)
    page.goto(address)
    page.wait_for_selector("body[data-drawn]")
    # Reward of the proposer of abductions at step 3: the second curve of the first panel, its third point.
    x, y = point_of(page, plot="reward-mean", trace=1, at=2)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.wait_for_url("**/tasks?kind=abduction&role=proposer&low=2&high=3")
    assert "4 of 16 kept episodes" in page.inner_text("#count")
    page.click("table.list tbody tr:has(.badge.good) td.tail a >> nth=0")
    page.wait_for_selector("#solutions")
    assert page.locator("tr.solution").count() == 2
    assert page.locator("tr.solution .badge.good").count() == 1
    assert page.inner_text("h2").startswith("proposer · abduction")
    page.click("text=propose/abduction#2-0/minted >> nth=-1")  # what it was made from
    page.wait_for_selector("#solutions")
    assert page.problems == []


def test_tokens_change_colour_with_what_they_are_coloured_by(write_run, serve, page):
    page.goto(f"{serve(write_run(text='abcd').directory)}tasks")
    page.click("table.list tbody tr:has(.badge.good) td.tail a >> nth=0")
    page.wait_for_selector("#colours")

    def colours():
        script = (
            "[...document.querySelectorAll('.tokens')].slice(0, 2).map((text) => [...text.children].map((token) => "
        )
        return page.evaluate(script + "getComputedStyle(token).backgroundColor))")

    opening, answer = colours()
    assert len(set(opening)) == 1  # one advantage
    assert opening[0] != answer[0]  # of another sign
    page.click("button[data-colour=version]")
    opening, _ = colours()
    assert opening[0] == opening[1] != opening[2] == opening[3]  # two tokens of one version, two of the next
    page.reload()
    page.wait_for_selector("body[data-colour=version]")
    assert page.problems == []


def test_the_page_follows_a_run_that_writes(write_run, serve, page):
    run = write_run(steps=2)
    page.goto(serve(run.directory))
    page.wait_for_selector("[data-plot=staleness][data-points='2']")
    run.step(3)
    page.wait_for_selector("[data-plot=staleness][data-points='3']")
    assert page.inner_text("#status dd >> nth=0").startswith("3 of 10")
    assert page.problems == []


def test_a_page_that_was_opened_before_the_first_step_fills_itself(write_run, serve, page):
    run = write_run(steps=0)
    page.goto(serve(run.directory))
    assert "No learner step was finished yet" in page.inner_text("main")
    run.step(1)
    page.wait_for_selector("[data-plot=staleness][data-points='1']")


def test_the_list_follows_its_filters_and_the_run(write_run, serve, page):
    run = write_run(steps=2)
    page.goto(f"{serve(run.directory)}tasks")
    page.select_option("select[name=kind]", "abduction")
    page.wait_for_selector("text=4 of 8 kept episodes")
    page.wait_for_url("**/tasks?kind=abduction**")
    run.step(3)
    page.wait_for_selector("text=6 of 12 kept episodes")
    assert page.problems == []


def test_no_script_of_a_model_runs(write_run, serve, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    address = serve(write_run(text=HOSTILE).directory)
    page.goto(f"{address}tasks")
    page.click("table.list tbody tr:has(.badge.good) td.tail a >> nth=0")
    page.wait_for_selector("#solutions")
    page.wait_for_timeout(500)
    assert HOSTILE in page.inner_text("pre.tokens >> nth=0")
    assert page.evaluate("window.pwned") is None
    assert not [url for url in asked if "evil" in url or not url.startswith((address, "data:"))]
    # What no escaping would hold back, the policy does: an inline script put there by hand is refused.
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'pwned = 1'}))")
    assert page.evaluate("window.pwned") is None
