"""What Ray exports, scraped; and the queries of the dashboards, answered by a real Prometheus where there is one."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
import ray

from sparring.core.metrics import CATALOGUE
from sparring.deploy import grafana_boards
from sparring.deploy.prometheus import RayMetrics

pytestmark = [pytest.mark.service, pytest.mark.timeout(240)]
ROLES = ("reward/mean", "solve_rate", "thinking", "format/well_formed", "response_length")
KINDS = ("learnability", "archive/size")
EXPORT_S = 2  # Ray forgets a gauge that was not set for twice as long
PROMETHEUS = os.environ.get("SPARRING_PROMETHEUS") or shutil.which("prometheus")


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def address_of(targets):
    (group,) = json.loads(targets.read_text())
    (address,) = group["targets"]
    return f"http://{address}/metrics"


def until(look, *, seconds, what):
    """What ``look`` returns once that is something."""
    deadline = time.monotonic() + seconds
    seen = None
    while time.monotonic() < deadline:
        try:
            if seen := look():
                return seen
        except OSError as error:
            seen = error
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {seconds} s; last seen: {seen!r}")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """The targets file of a run that reports a step under every name of the catalogue."""
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="warning",
             _system_config={"metrics_report_interval_ms": 1000 * EXPORT_S})  # fmt: skip
    values = {front: 0.5 for front in CATALOGUE if front not in (*ROLES, *KINDS, "step", "alarm", "proposals")}
    values |= {f"{front}/solver/deduction": 0.25 for front in ROLES} | {"solve_rate/proposed/deduction": 0.25}
    values |= {f"{front}/deduction": 0.75 for front in (*KINDS, *(name for name in CATALOGUE if "proposals/" in name))}
    values |= {"alarm/valid/deduction": 1.0, "loss": float("nan")}
    targets = tmp_path_factory.mktemp("run") / "prometheus.json"
    with RayMetrics(run="demo", targets=targets, repeat_s=EXPORT_S / 2) as sink:
        sink.log(values, step=7)
        yield targets
    ray.shutdown()
    assert not targets.exists()


def test_every_metric_is_scraped_with_its_labels(scraped):
    def look():
        lines = [line for line in fetch(address_of(scraped)).splitlines() if line.startswith("ray_sparring_")]
        return lines if any(line.startswith("ray_sparring_step") for line in lines) else None

    lines = until(look, seconds=60, what="metrics of Ray's agent")
    reward = next(line for line in lines if line.startswith("ray_sparring_reward_mean{"))
    assert 'run="demo"' in reward
    assert 'role="solver"' in reward
    assert 'kind="deduction"' in reward
    assert reward.endswith(" 0.25")
    assert next(line for line in lines if line.startswith("ray_sparring_step{")).endswith(" 7.0")
    names = {line.split("{")[0] for line in lines}
    # A loss that is no number is left out.
    assert {f"ray_sparring_{front.replace('/', '_')}" for front in CATALOGUE} - names == {"ray_sparring_loss"}


def test_a_metric_is_still_there_when_a_step_takes_long(scraped):
    time.sleep(5 * EXPORT_S)
    assert "ray_sparring_step{" in fetch(address_of(scraped))


def test_a_real_prometheus_answers_every_query_of_the_dashboards(scraped, tmp_path):
    if PROMETHEUS is None:
        pytest.skip("there is no prometheus: apt-get install prometheus")
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "sparring", "file_sd_configs": [{"files": [str(scraped)]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROMETHEUS, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL) as server:
        try:

            def ask(query):
                query = urllib.parse.quote(query.replace("$run", ".*"))
                return json.loads(fetch(f"http://{address}/api/v1/query?query={query}"))["data"]["result"]

            until(lambda: ask("ray_sparring_step"), seconds=60, what="a scrape")
            for name in grafana_boards.BOARDS:
                for panel in grafana_boards.board(name)["panels"]:
                    for target in panel["targets"]:
                        found = until(lambda query=target["expr"]: ask(query), seconds=60, what=target["expr"])
                        assert {one["metric"]["run"] for one in found} == {"demo"}
        finally:
            server.terminate()
