import socket
from pathlib import Path

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_config import write_run_config
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch, serve

SEED_MODEL = Path(__file__).parents[2] / "deploy" / "models" / "seed"


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(serve, "start_ray", never)


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def never(*args, **kwargs):
    raise AssertionError("Ray was started")


def a_config(port, **endpoint):
    policy = {"model": str(SEED_MODEL)}
    return RunConfig.model_validate({"policy": policy, "endpoint": {"port": port, **endpoint}})


def test_a_taken_port_is_named_before_a_key_is_made_or_ray_is_started(tmp_path, taken):
    directory = RunDirectory(tmp_path)
    write_run_config(a_config(taken), directory)
    notes = []
    seen = rf"port {taken} of 127\.0\.0\.1: .*in use.*--set endpoint\.port="
    with pytest.raises(UsageError, match=seen):
        serve.serve_run(directory, [], note=notes.append)
    assert notes == []
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_so_it_is_before_a_run_with_an_endpoint(taken):
    with pytest.raises(UsageError, match=f"port {taken} of"):
        launch.check(a_config(taken, enabled=True))
    launch.check(a_config(taken))


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(UsageError, match=r"port 8100 of 192\.0\.2\.1: "):
        serve.check_endpoint_port(a_config(8100, host="192.0.2.1"))


def test_a_free_port_is_free_afterwards(taken):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    serve.check_endpoint_port(a_config(free))
    serve.check_endpoint_port(a_config(free))


def test_on_a_cluster_the_port_is_another_machines(taken, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    serve.check_endpoint_port(a_config(taken))
