"""The client with a real actor, real interpreters and a real death."""

import asyncio
import os
import signal

import pytest
import ray

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome
from sparring.verifiers.client import VerifierClient, VerifierService

# Ray's own: sockets and files it leaves to the garbage collector, and its notice about accelerators.
pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CONFIG = ExecutorConfig(processes=1, cpu_s=2.0, wall_s=4.0, memory_mib=64)


@pytest.fixture(scope="module")
def handle():
    ray.init(address="local", num_cpus=4, include_dashboard=False)
    yield ray.remote(VerifierService).options(max_restarts=2, num_cpus=1).remote(CONFIG)
    ray.shutdown()


def claim(number, *, program="def f(x):\n    return x * x"):
    return ProgramRun(program=program, arguments=(str(number),), expected=(str(number * number),))


async def test_claims_are_judged_in_the_actor(handle):
    client = VerifierClient([handle], config=CONFIG)
    verdicts = await asyncio.gather(
        *(client(claim(number)) for number in range(40)),
        client(claim(1, program="def f(x):\n    return 2")),
        client(claim(1, program="import os; os._exit(0)")),
    )
    assert all(verdict.passed for verdict in verdicts[:40])
    assert [(verdict.outcome, verdict.passed) for verdict in verdicts[40:]] == [
        (Outcome.OK, False),
        (Outcome.CRASHED, False),
    ]
    assert (await client.stats())["verifier/infrastructure"] == 0


async def test_claims_on_an_actor_that_dies_are_sent_again_after_its_restart(handle):
    client = VerifierClient([handle], config=CONFIG)
    slow = "import time\ndef f(x):\n    time.sleep(1)\n    return x * x"
    pid = await handle.ping.remote()
    asked = [asyncio.create_task(client(claim(number, program=slow))) for number in range(2)]
    await asyncio.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    verdicts = await asyncio.gather(*asked)
    assert all(verdict.passed for verdict in verdicts)
    assert await handle.ping.remote() != pid
    assert (await client(claim(5))).passed
