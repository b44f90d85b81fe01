"""Which isolation is chosen, what each tier does with honest and with forbidden programs, and the remote service."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.errors import UsageError, VerificationFailed
from sparring.core.types import Outcome
from sparring.verifiers import tiers
from sparring.verifiers.executor import BlockingVerifier, ExecutorPool
from sparring.verifiers.tiers import choose, missing

LIMITS = ExecutorConfig(processes=1, cpu_s=2.0, wall_s=10.0, memory_mib=64, max_retries=1, minimum_tier="X")
HONEST = "def f(x):\n    return x + 1"


def only_where_it_works(tier):
    reason = missing(tier)
    return pytest.param(tier, marks=pytest.mark.skipif(bool(reason), reason=reason))


LOCAL = [only_where_it_works(tier) for tier in "ABCX"]
FILTERED = [only_where_it_works(tier) for tier in "ABC"]


def body(*lines):
    return "import os, sys, time, signal, ctypes\ndef f(x=0):\n" + "".join(f"    {line}\n" for line in lines)


def raw_call(number, *arguments):
    """A program that makes a system call by its number on x86-64, and returns what it got."""
    listed = ", ".join(map(str, (number, *arguments)))
    return body(f"return ctypes.CDLL(None, use_errno=True).syscall({listed})")


@contextmanager
def verifier_of(tier, **changes):
    verifier = BlockingVerifier(LIMITS.model_copy(update={"tier": tier, **changes}))
    try:
        yield verifier
    finally:
        verifier.close()


def verdict(verifier, program, *arguments, **options):
    return asyncio.run(verifier(ProgramRun(program=program, arguments=arguments or ("1",), **options)))


@pytest.fixture
def nothing_works(monkeypatch):
    monkeypatch.setattr(tiers, "missing", lambda tier, url="": f"no luck with {tier}")


def test_the_best_tier_that_works_is_chosen(monkeypatch):
    works = {"A", "B"}
    monkeypatch.setattr(tiers, "missing", lambda tier, url="": "" if tier in works else f"no {tier}")
    assert choose(ExecutorConfig()) == "A"
    works.remove("A")
    assert choose(ExecutorConfig()) == "B"
    with pytest.raises(UsageError, match=r"at least A works here\. A: no A"):
        choose(ExecutorConfig(minimum_tier="A"))


def test_a_machine_that_isolates_nothing_is_refused_with_all_reasons(nothing_works):
    with pytest.raises(UsageError, match="A: no luck with A  B: no luck with B"):
        ExecutorPool(ExecutorConfig())
    with pytest.raises(UsageError, match="no luck"):
        BlockingVerifier(ExecutorConfig(minimum_tier="X"))  # allowed is not asked for


@pytest.mark.parametrize(("tier", "minimum"), [("X", "B"), ("X", "D"), ("D", "B"), ("B", "A"), ("B", "C")])
def test_a_named_tier_below_the_minimum_is_refused(tier, minimum):
    with pytest.raises(UsageError, match=f"tier {tier} isolates less than minimum_tier {minimum}"):
        ExecutorPool(ExecutorConfig(tier=tier, minimum_tier=minimum, remote_url="http://x"))


def test_a_named_tier_that_does_not_work_is_not_replaced_by_another(nothing_works):
    with pytest.raises(UsageError, match="tier B does not work here: no luck with B"):
        ExecutorPool(ExecutorConfig(tier="B"))


def test_what_is_missing_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "apt-get install bubblewrap" in tiers._missing_feature("A")
    monkeypatch.setattr(tiers, "landlock_version", lambda: -1)
    assert "Linux 5.13" in tiers._missing_feature("B")
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    assert "libseccomp2" in tiers._missing_feature("C")
    monkeypatch.setattr(tiers, "_setting", lambda path: "1" if "apparmor" in path else "")
    assert "apparmor_restrict_unprivileged_userns=0" in tiers._advice("A")


def test_a_jail_that_does_not_start_says_what_bubblewrap_said(monkeypatch, request):
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))  # a jail of root's covers /tmp
    request.addfinalizer(lambda: shutil.rmtree(directory))
    broken = directory / "bwrap"
    broken.write_text("#!/bin/sh\necho bwrap: No permissions to create new namespace >&2\nexit 1\n")
    broken.chmod(0o755)
    directory.chmod(0o755)
    monkeypatch.setattr(tiers, "_setting", lambda path: "0" if "max_user" in path else "")
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    problem = tiers._missing.__wrapped__("A")
    assert "No permissions to create new namespace" in problem
    assert "sysctl user.max_user_namespaces=10000" in problem


def test_a_service_needs_an_address():
    assert "remote_url" in missing("D")
    assert missing("D", url="http://sandbox:8080") == ""


@pytest.mark.parametrize("tier", LOCAL)
def test_an_honest_program_is_judged_rightly_and_its_usage_is_told(tier):
    with verifier_of(tier) as verifier:
        seen = verdict(verifier, HONEST, "1", "41", expected=("2", "42"), check_determinism=True)
    assert seen.passed, seen
    assert seen.outputs == ("2", "42")
    assert 0 < seen.cpu_s < 2
    assert 4 < seen.memory_mib < 64


@pytest.mark.parametrize("tier", LOCAL)
def test_memory_in_use_is_told(tier):
    with verifier_of(tier) as verifier:
        small, large = (verdict(verifier, body(f"return len(b'x' * {size})")) for size in (1 << 10, 40 << 20))
    assert large.memory_mib - small.memory_mib > 35


@pytest.mark.parametrize("tier", FILTERED[:2])  # C is as A, and slow
@pytest.mark.parametrize(
    ("program", "call"),
    [
        (body("os.fork()"), "clone"),
        (body("import threading", "threading.Thread(target=print).start()"), "clone"),
        (body("os.execv('/bin/true', ['true'])"), "execve"),
        (body("import socket", "socket.socket()"), "socket"),
        (body("os.kill(os.getppid(), 9)"), "kill"),
        (body("os.kill(-1, 9)"), "kill"),
        (body("os.mkdir('/tmp/x')"), "mkdir"),
        (body("os.memfd_create('x')"), "memfd_create"),
        (body("os.setpriority(os.PRIO_PROCESS, 0, 5)"), "setpriority"),
        (body("import fcntl", "fcntl.fcntl(1, 8, 1)"), "fcntl"),  # F_SETOWN: signals to another process
        (body("import resource", "resource.prlimit(os.getppid() or 2, resource.RLIMIT_CPU)"), "prlimit64"),
        (raw_call(101, 16, 1), "ptrace"),
        (raw_call(272, 0x10000000), "unshare"),
        (raw_call(165), "mount"),
        (raw_call(321), "bpf"),
        (raw_call(425), "io_uring_setup"),
        (raw_call(0x40000000 + 39), "another architecture"),
    ],
)
def test_a_forbidden_call_is_named(tier, program, call):
    with verifier_of(tier) as verifier:
        seen = verdict(verifier, program)
        assert seen.outcome is Outcome.FORBIDDEN, seen
        assert call in seen.message
        assert verdict(verifier, HONEST).outputs == ("2",)


@pytest.mark.parametrize("tier", FILTERED)
def test_a_forbidden_call_can_not_be_survived(tier):
    with verifier_of(tier) as verifier:
        seen = verdict(verifier, body("try: os.fork()", "except BaseException: pass", "return 1"))
    assert (seen.outcome, seen.outputs) == (Outcome.FORBIDDEN, ())


@pytest.mark.parametrize("tier", FILTERED)
def test_modules_of_the_standard_library_can_be_imported_and_others_not(tier):
    with verifier_of(tier) as verifier:
        if tier != "B":  # whose own user may not reach an interpreter of root's
            assert verdict(verifier, body("import xml.dom.minidom", "return 1")).passed
        seen = verdict(verifier, body("import msgspec"))
    assert "No module named 'msgspec'" in seen.message


@pytest.mark.parametrize("tier", FILTERED)
def test_files_of_the_host_can_not_be_read_nor_any_written(tier, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    os.chmod(secret, 0o644)
    for directory in (tmp_path, tmp_path.parent):
        os.chmod(directory, 0o755)
    places = [str(secret), "/etc/passwd", "/proc/self/environ", "/proc/1/environ", __file__]
    program = body(
        "found = []",
        f"for place in {places!r}:",
        "    try: found.append(open(place).read(1))",
        "    except OSError: pass",
        "for place in ('/', '/tmp', '/dev', '/dev/shm', '/python', '/var/tmp', os.__file__.rpartition('/')[0]):",
        "    try: found.append(open(place + '/sparring-test', 'w').name)",
        "    except OSError: pass",
        "return found",
    )
    with verifier_of(tier) as verifier:
        assert verdict(verifier, program).outputs == ("[]",)


@pytest.mark.parametrize("tier", LOCAL)
def test_flags_set_on_a_descriptor_do_not_reach_the_next_program(tier):
    program = body(
        "import fcntl",
        "before = [fcntl.fcntl(d, fcntl.F_GETFL) & os.O_APPEND for d in (0, 1, 2, 4)]",
        "for d in (0, 1, 2, 4): fcntl.fcntl(d, fcntl.F_SETFL, os.O_APPEND)",
        "return before",
    )
    with verifier_of(tier) as verifier:
        assert verdict(verifier, HONEST).passed
        for _ in range(2):
            assert verdict(verifier, program).outputs == ("[0, 0, 0, 0]",)


@pytest.mark.parametrize("tier", [only_where_it_works("A")])
def test_a_jail_holds_nothing_but_the_interpreter_and_a_program_is_alone_in_it(tier):
    program = body(
        "own = os.path.join(os.path.dirname(os.__file__), 'site-packages')",
        "packages = os.listdir(own) if os.path.exists(own) else []",
        "return os.getpid(), os.getppid(), sorted(os.listdir('/dev')), packages, '/proc' in os.listdir('/')",
    )
    with verifier_of(tier) as verifier:
        assert verdict(verifier, program).outputs == ("(1, 0, ['null', 'random', 'urandom', 'zero'], [], False)",)


@pytest.mark.parametrize("tier", [only_where_it_works("A")])
def test_a_child_has_no_rights_left_and_the_zygote_runs_as_nobody_on_the_host(tier):
    seen = asyncio.run(_status_of_a_child(tier))
    assert {seen[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        assert all(int(uid) >= 64_000 for uid in seen["Uid"].split())


async def _status_of_a_child(tier):
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": tier}))
    asked = asyncio.create_task(pool.run("import time\ndef f(x):\n    time.sleep(2)", ["1"]))
    try:
        for _ in range(500):
            await asyncio.sleep(0.01)
            for pid in pool.pids():
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    child = file.read().strip()
                if child:
                    await asyncio.sleep(0.2)  # until it has confined itself
                    with open(f"/proc/{child}/status") as file:
                        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        raise AssertionError("no child was seen")
    finally:
        await pool.close()
        await asked


@pytest.mark.parametrize("tier", LOCAL)
def test_closing_ends_every_process_and_leaves_no_descriptor(tier):
    with verifier_of(tier) as verifier:
        verdict(verifier, HONEST)
    before, mounts = len(os.listdir("/proc/self/fd")), Path("/proc/self/mounts").read_text()
    with verifier_of(tier) as verifier:
        verdict(verifier, HONEST, check_determinism=True)
        pids = [zygote.pid for zygote in (verifier._slot._first, verifier._slot._second)]
        jailers = [zygote._hold._process.pid for zygote in (verifier._slot._first, verifier._slot._second)]
    assert [pid for pid in (*pids, *jailers) if not _ends(pid)] == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert Path("/proc/self/mounts").read_text() == mounts


def _ends(pid):
    """Whether the process is gone, once whoever adopted it has reaped it."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


UNPRIVILEGED = """
import asyncio
from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.verifiers.executor import BlockingVerifier
for tier in "AB":
    verifier = BlockingVerifier(ExecutorConfig(tier=tier, processes=1))
    for program in ("def f(x): return x + 1", "import os\\ndef f(x): os.fork()", "import wave\\ndef f(x): return 0"):
        seen = asyncio.run(verifier(ProgramRun(program=program, arguments=("1",))))
        print(tier, seen.outcome, *seen.outputs, seen.message)
    verifier.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_unprivileged_user_gets_the_same_tiers():
    # The system's interpreter: one of root's own can not be reached by others.
    python = "/usr/bin/python3"
    paths = [path for path in sys.path if path]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-W", "ignore", "-c"]
    usable = subprocess.run([*command, "import msgspec, pydantic, sparring.core"], env=environment, check=False)
    if usable.returncode != 0:
        pytest.skip(f"{python} as another user can not import this installation")
    done = subprocess.run([*command, UNPRIVILEGED], env=environment, capture_output=True, text=True, check=False)
    want = [f"{tier} {end}" for tier in "AB" for end in ("ok 2 ", "forbidden forbidden call: clone", "ok 0 ")]
    assert done.stdout.splitlines() == want, done.stderr


class Service(BaseHTTPRequestHandler):
    """Runs what it is sent, as SandboxFusion does; ``script`` holds replies to give instead."""

    script: ClassVar[list] = []
    seen: ClassVar[list] = []

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append(request)
        status, reply = self.script.pop(0) if self.script else (200, self.answer(request))
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, request):
        try:
            done = subprocess.run(
                [sys.executable, "-c", request["code"]],
                input=request["stdin"],
                capture_output=True,
                text=True,
                timeout=request["run_timeout"],
                check=False,
            )
        except subprocess.TimeoutExpired:
            return finished("TimeLimitExceeded", None, "")
        return finished("Error" if done.returncode else "Finished", done.returncode, done.stdout)

    def log_message(self, *_):
        pass


def finished(status, code, stdout):
    result = {"status": status, "execution_time": 0.5, "return_code": code, "stdout": stdout, "stderr": ""}
    return {"status": "Success", "message": "", "compile_result": None, "run_result": result, "files": {}}


@pytest.fixture
def service(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Service.script, Service.seen = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("program", "outcome", "message"),
    [
        (HONEST, Outcome.OK, ""),
        (body("return 1 / 0"), Outcome.RUNTIME_ERROR, "ZeroDivisionError: division by zero (line 3"),
        (body("print('noise'); return 'é\\n\\x85'"), Outcome.OK, ""),
        (body("os._exit(0)"), Outcome.CRASHED, "before it had answered"),
        (body("os.kill(os.getpid(), 9)"), Outcome.CRASHED, "SIGKILL"),
        (body("time.sleep(60)"), Outcome.WALL_TIME, "3 s"),
        (body("return 'x' * 10 ** 6"), Outcome.OUTPUT, ""),
    ],
)
def test_a_service_runs_programs_and_sees_no_expected_value(service, program, outcome, message):
    with verifier_of("D", remote_url=service, wall_s=3.0) as verifier:
        seen = verdict(verifier, program, expected=("'golden-needle'",))
    assert seen.outcome is outcome, seen
    assert message in seen.message
    assert "golden-needle" not in json.dumps(Service.seen)


def test_a_service_gets_the_second_run_with_other_conditions(service):
    with verifier_of("D", remote_url=service) as verifier:
        assert verdict(verifier, HONEST, check_determinism=True).outputs == ("2",)
        changing = body("import random", "return random.random()")
        assert verdict(verifier, changing, check_determinism=True).outcome is Outcome.NONDETERMINISTIC


async def test_an_overloaded_service_is_asked_again(service):
    Service.script = [(503, b""), (429, b"")]
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": "D", "remote_url": service}))
    assert (await pool.run(HONEST, ["1"])).outputs == ("2",)
    assert len(Service.seen) == 3


@pytest.mark.parametrize(
    "reply",
    [
        (500, b"boo"),
        (200, b"no json"),
        (200, {"status": "SandboxError", "message": "no disk"}),
        (200, {"status": "Failed"}),
        (200, finished("Finished", 0, "")),
    ],
)
async def test_a_failure_of_the_service_is_retried_and_never_a_verdict(service, reply):
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": "D", "remote_url": service}))
    Service.script = [reply]
    assert (await pool.verify(ProgramRun(program=HONEST, arguments=("1",)))).outputs == ("2",)
    assert pool.tally.infrastructure == 1
    Service.script = [reply] * 2
    with pytest.raises(VerificationFailed, match="1 new attempts failed too"):
        await pool.verify(ProgramRun(program=HONEST, arguments=("1",)))


async def test_a_service_that_is_not_there_is_a_failure(monkeypatch):
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": "D", "remote_url": "http://127.0.0.1:9"}))
    seen = await pool.run(HONEST, ["1"])
    assert seen.outcome is Outcome.INFRASTRUCTURE
    assert "127.0.0.1:9/run_code" in seen.message


@pytest.mark.parametrize("tier", LOCAL)
async def test_closing_a_pool_ends_the_runs_in_it_at_once(tier):
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": tier}))
    await pool.run(HONEST, ["1"])
    asked = asyncio.create_task(pool.run("import time\ndef f(x):\n    time.sleep(9)", ["1"]))
    await asyncio.sleep(0.5)
    await pool.close()
    async with asyncio.timeout(5):
        assert (await asked).outcome is Outcome.INFRASTRUCTURE


@pytest.mark.parametrize("tier", [only_where_it_works("A")])
async def test_a_zygote_that_is_killed_in_its_jail_is_replaced(tier):
    pool = ExecutorPool(LIMITS.model_copy(update={"tier": tier}))
    try:
        await pool.verify(ProgramRun(program=HONEST, arguments=("1",)))
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert (await pool.verify(ProgramRun(program=HONEST, arguments=("1",)))).outputs == ("2",)
        assert pool.tally.infrastructure == 1
    finally:
        await pool.close()
