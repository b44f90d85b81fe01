"""Programs run by a remote service with SandboxFusion's HTTP interface: POST /run_code.

    pool ── code: inside/program.py; stdin: program, arguments ──► service ── stdout: one line a frame ──► verdict

What isolates the programs is the service's business. Expected values stay here, as with every tier.

Source: github.com/bytedance/SandboxFusion, sandbox/server/online_judge_api.py and sandbox_api.py.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from sparring.core.types import Outcome, Verdict
from sparring.verifiers.inside.wire import BY_ITSELF, NO_ARGUMENTS, Ending, framed
from sparring.verifiers.judge import Run
from sparring.verifiers.protocol import PIPE_BYTES
from sparring.verifiers.reading import verdict_of

PROGRAM = Path(__file__).parent / "inside" / "program.py"
# For the connection, a queue at the service and the start of an interpreter.
GRACE_S = 30.0
# Above a program's own memory: an interpreter's.
INTERPRETER_MIB = 128
MAX_REPLY_BYTES = 8 << 20
# Of a service that is overloaded or restarts; other failures are not tried again here.
BUSY = frozenset({429, 502, 503, 504})
ATTEMPTS, FIRST_PAUSE_S = 3, 0.2


class RunResult(msgspec.Struct, frozen=True):
    """What became of the process; fields we do not use are left out."""

    status: str  # Finished, Error or TimeLimitExceeded
    execution_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """The service's answer."""

    status: str  # Success, Failed or SandboxError
    message: str = ""
    run_result: RunResult | None = None


class Remote:
    """One client; stateless, so it may be used by several at once."""

    pid = None

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/run_code"

    async def run(self, run: Run) -> Verdict:
        """Run one program without blocking the event loop; a failure of the service is ``Outcome.INFRASTRUCTURE``."""
        return await asyncio.to_thread(self.run_blocking, run)

    def run_blocking(self, run: Run) -> Verdict:
        """As ``run``, blocking."""
        seal = secrets.token_hex(16)
        try:
            reply = msgspec.json.decode(self._post(_request(run, seal), run.limits.max_wall_s + GRACE_S), type=Reply)
        except (OSError, ValueError, msgspec.DecodeError) as error:  # URLError and timeouts are OSErrors
            return _lost(f"{self._url}: {type(error).__name__}: {error}")
        return _verdict(reply, run, seal)

    def kill(self) -> None:
        """Nothing is held."""

    def _post(self, body: bytes, timeout_s: float) -> bytes:
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        for attempt in range(ATTEMPTS):
            try:
                with urllib.request.urlopen(request, timeout=timeout_s) as reply:
                    data: bytes = reply.read(MAX_REPLY_BYTES + 1)
                if len(data) > MAX_REPLY_BYTES:
                    raise ValueError(f"a reply of more than {MAX_REPLY_BYTES} bytes")
                return data
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in BUSY or attempt == ATTEMPTS - 1:
                        raise
            except (ConnectionError, urllib.error.URLError):
                if attempt == ATTEMPTS - 1:
                    raise
            time.sleep(FIRST_PAUSE_S * 2**attempt)
        raise AssertionError("the last attempt returns or raises")


def _request(run: Run, seal: str) -> bytes:
    limits = run.limits
    content = {
        "program": run.program,
        "arguments": run.arguments,
        "seal": seal,
        "seed": 1 if run.second else 0,
        "perturb": run.second,
        "output_chars": limits.output_chars,
        "result_bytes": int(limits.pipe_share * PIPE_BYTES),
    }
    request: dict[str, Any] = {
        "code": PROGRAM.read_text(),
        "language": "python",
        "stdin": json.dumps(content),
        "run_timeout": limits.wall_s,
        "memory_limit_MB": limits.memory_mib + INTERPRETER_MIB,
    }
    return json.dumps(request).encode()


def _verdict(reply: Reply, run: Run, seal: str) -> Verdict:
    result = reply.run_result
    if reply.status == "SandboxError" or result is None:
        return _lost(f"the service failed: {reply.status[:40]!r}: {reply.message[:200]!r}")
    seconds = result.execution_time or 0.0
    if result.status == "TimeLimitExceeded":
        message = f"more than {run.limits.wall_s:g} s"
        return Verdict(outcome=Outcome.WALL_TIME, passed=False, message=message, seconds=seconds)
    report = Ending(
        status=_status(result.return_code), end=BY_ITSELF, own_pid=-1, cpu_s=0.0, seconds=seconds, memory_kib=0,
        call=-1, arguments=NO_ARGUMENTS,
    )  # fmt: skip
    data = framed(_parts(result.stdout or ""))
    return verdict_of(report, data, limits=run.limits, seal=seal, wanted=len(run.arguments))


def _parts(said: str) -> Iterator[bytes]:
    """What a child wrote, line by line, up to the first that is something else."""
    with suppress(ValueError):
        for line in said.splitlines():
            yield bytes.fromhex(line)


def _status(return_code: int | None) -> int:
    """As of wait(): a signal's number, or an exit code shifted by 8."""
    code = return_code or 0
    return min(-code, signal.NSIG - 1) if code < 0 else (code & 0xFF) << 8


def _lost(message: str) -> Verdict:
    return Verdict(outcome=Outcome.INFRASTRUCTURE, passed=False, message=message)
