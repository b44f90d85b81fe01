"""Processes of the endpoint that die: what a client sees, and that the address stays."""

from __future__ import annotations

import os
import signal

import httpx
import psutil
import pytest
from served import PROMPT, Served, eventually

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]
BODY = {"model": "policy", "prompt": PROMPT, "temperature": 0, "max_tokens": 8}


def pid_of(served: Served, name: str) -> int:
    """The one process of this endpoint whose title begins with ``name``."""
    processes = psutil.Process(served.process.pid).children(recursive=True)
    [pid] = [each.pid for each in processes if each.name().startswith(name)]
    return pid


def answered(served: Served) -> str | None:
    """The text of an answer, or None where there is none now."""
    with served.http() as http:
        try:
            answer = http.post("/v1/completions", json=BODY)
        except httpx.TransportError:
            return None
    assert answer.status_code in (200, 503), answer.text
    return answer.json()["choices"][0]["text"] if answer.status_code == 200 else None


def test_engines_that_died_are_started_again_and_queries_meanwhile_hear_why(served: Served) -> None:
    before = answered(served)
    os.kill(pid_of(served, "ray::EndpointHo"), signal.SIGKILL)
    with served.http() as http:
        during = http.post("/v1/completions", json=BODY, timeout=120)
    # Either it waited for the new engines, or it was told of the old ones.
    assert during.status_code in (200, 503), during.text
    if during.status_code == 503:
        assert during.json()["error"]["code"] == "engines_unavailable"
    assert eventually(lambda: answered(served), timeout_s=200) == before


def test_an_endpoint_that_died_listens_at_its_address_again(served: Served) -> None:
    before = eventually(lambda: answered(served), timeout_s=60)
    os.kill(pid_of(served, "ray::ServeRepli"), signal.SIGKILL)
    eventually(lambda: answered(served) is None, timeout_s=20)
    assert eventually(lambda: answered(served), timeout_s=200) == before
