"""A served run is steered while it serves: versions, keys, limits; and nothing it may not answer is answered."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import PROMPT, Served, eventually

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

# Answers take a while: the most tokens, none of which can end a completion early.
LONG = {"model": "policy", "prompt": "<pd>", "max_tokens": 128, "n": 8, "temperature": 1.0}


def ask(served: Served, model: str = "policy", **more: Any) -> Any:
    """Headers of an answer."""
    with served.http() as http:
        answer = http.post("/v1/completions", json={"model": model, "prompt": PROMPT, "max_tokens": 2, **more})
        assert answer.status_code == 200, answer.text
        return answer.headers


def running(served: Served) -> float:
    with served.http() as http:
        lines = http.get("/metrics").text.splitlines()
    [line] = [line for line in lines if line.startswith("sparring_endpoint_in_flight ")]
    return float(line.split()[1])


def test_the_newest_version_answers_soon_after_it_was_published(served: Served) -> None:
    sha256 = served.publish(10)
    headers = eventually(lambda: (seen := ask(served))["x-policy-version"] == "10" and seen)
    assert (headers["x-policy-sha256"], headers["x-policy-route"]) == (sha256, "newest")


def test_a_damaged_version_is_refused_and_the_last_good_one_stays(served: Served) -> None:
    served.publish(20)
    eventually(lambda: ask(served)["x-policy-version"] == "20")
    served.damage(21)
    with served.http() as http:
        eventually(lambda: "sparring_endpoint_refused 1.0" in http.get("/metrics").text)
        assert ask(served)["x-policy-version"] == "20"
        assert "damaged" in http.get("/healthz").json()["reason"]
        by_name = http.post("/v1/completions", json={"model": "policy@21", "prompt": PROMPT})
        assert by_name.status_code == 503
        assert "damaged" in by_name.json()["error"]["message"]
    served.publish(22)
    eventually(lambda: ask(served)["x-policy-version"] == "22")


def test_a_rollback_holds_against_newer_versions_until_it_is_taken_back(served: Served) -> None:
    served.publish(30)
    eventually(lambda: ask(served)["x-policy-version"] == "30")
    served.command("rollback", str(served.root), "--to", "1")
    headers = eventually(lambda: (seen := ask(served))["x-policy-version"] == "1" and seen)
    assert headers["x-policy-route"] == "rollback"
    served.publish(31)
    time.sleep(1.0)
    assert ask(served)["x-policy-version"] == "1"
    served.command("rollback", str(served.root), "--off")
    headers = eventually(lambda: (seen := ask(served))["x-policy-version"] == "31" and seen)
    assert headers["x-policy-route"] == "newest"


def test_a_rollback_to_a_version_that_is_gone_is_refused(served: Served) -> None:
    with pytest.raises(AssertionError, match="version 777 is not kept any more"):
        served.command("rollback", str(served.root), "--to", "777")


def test_a_canary_answers_its_share_and_says_so(served: Served) -> None:
    served.command("canary", str(served.root), "--version", "2", "--share", "0.25")
    eventually(lambda: ask(served)["x-policy-route"] == "canary")
    seen: Counter[tuple[str, str]] = Counter()
    for _ in range(40):
        headers = ask(served)
        seen[headers["x-policy-route"], headers["x-policy-version"]] += 1
    assert seen["canary", "2"] == 10  # a quarter of 40, spread evenly
    assert sum(count for (route, _), count in seen.items() if route == "newest") == 30
    served.command("canary", str(served.root), "--off")
    eventually(lambda: all(ask(served)["x-policy-route"] == "newest" for _ in range(5)))


def test_only_hashes_of_keys_are_on_the_disk_and_only_their_owner_reads_them(served: Served) -> None:
    path = served.root / "endpoint" / "keys.json"
    assert served.key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_made_rotated_and_removed_without_a_restart(served: Served) -> None:
    def status(key: str) -> int:
        with served.http(key=key) as http:
            return http.get("/v1/models").status_code

    first = served.command("keys", "add", str(served.root), "bob").strip()
    assert status(first) == 200
    second = served.command("keys", "rotate", str(served.root), "bob", "--grace-s", "20").strip()
    assert (status(first), status(second)) == (200, 200)
    eventually(lambda: status(first) == 401, timeout_s=40)
    assert status(second) == 200
    served.command("keys", "remove", str(served.root), "bob")
    assert status(second) == 401
    assert "bob" not in served.command("keys", "list", str(served.root), "--json")


def test_a_key_has_so_many_requests_and_tokens_a_minute(served: Served) -> None:
    few = served.command("keys", "add", str(served.root), "few", "--requests-per-minute", "3").strip()
    with served.http(key=few) as http:
        statuses = [http.get("/v1/models").status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert int(http.get("/v1/models").headers["retry-after"]) >= 1
    small = served.command("keys", "add", str(served.root), "small", "--tokens-per-minute", "60").strip()
    request = {"model": "policy", "prompt": PROMPT, "max_tokens": 40, "stop": ["<a>"]}
    with served.http(key=small) as http:
        first = http.post("/v1/completions", json=request)
        spent = first.json()["usage"]["total_tokens"]
        assert spent < 48  # 8 of the prompt and 40 were reserved: what was not sampled is given back
        assert http.post("/v1/completions", json={**request, "max_tokens": 52}).status_code in (200, 429)
        assert http.post("/v1/completions", json={**request, "max_tokens": 90}).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/v1/models", "/v1/completions", "/v1/chat/completions", "/metrics", "/openapi.json", "/", "/docs", "/-/routes"],
)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer sk-sparring-x", "Basic abc", "Bearer é"])
def test_no_key_no_answer(served: Served, path: str, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    for method in ("GET", "POST", "OPTIONS"):
        answer = httpx.request(method, served.url + path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code in ((401, 400) if header == "Bearer é" else (401,)), answer.text
        assert answer.json()["error"]["message"]
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_health_needs_no_key_and_no_site_is_let_in(served: Served) -> None:
    answer = httpx.get(served.url + "/healthz", headers={"origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    hexadecimal = f"{served.port:04X}"
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {fields[1].split(":")[0] for fields in lines if fields[3] == "0A" and fields[1].endswith(hexadecimal)}
    assert listening == {"0100007F"}  # 127.0.0.1


def test_an_oversized_body_is_cut_off(served: Served) -> None:
    with served.http() as http:
        answer = http.post("/v1/completions", content=b"x" * (2 << 20))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")

        def endless() -> Any:
            while True:
                yield b"x" * 65536

        # The connection may be closed on what is still being sent.
        with suppress(httpx.TransportError):
            assert http.post("/v1/completions", content=endless()).status_code == 413


def test_a_body_that_never_ends_is_cut_off_in_time(served: Served) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow:
        head = f"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.key}\r\n"
        slow.sendall(head.encode() + b"content-length: 9\r\n\r\n{")
        answer = slow.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert 9 < time.monotonic() - began < 20


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": "policy"}', b"{" * 5000,
                                     b'{"model": "policy", "prompt": "\\ud800"}', b'{"model": 1e999}'])  # fmt: skip
def test_a_malformed_body_is_the_clients_fault(served: Served, content: bytes) -> None:
    with served.http() as http:
        answer = http.post("/v1/completions", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_request_within_a_second(served: Served, stream: bool) -> None:
    body = json.dumps({**LONG, "n": 32, "stream": stream}).encode()
    head = (
        f"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as client:
        client.sendall(head.encode() + body)
        eventually(lambda: running(served) >= 1, timeout_s=5)
        if stream:
            assert client.recv(1024).startswith(b"HTTP/1.1 200")
    left = time.monotonic()
    eventually(lambda: running(served) == 0, timeout_s=5)
    assert time.monotonic() - left < 1.0


def test_before_the_first_version_the_endpoint_says_why_it_does_not_answer(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    empty = Served(tmp_path_factory.mktemp("empty") / "run", "endpoint.slots=2")
    try:
        empty.wait()
        with empty.http() as http:
            for answer in (
                http.get("/healthz"),
                http.post("/v1/completions", json={"model": "policy", "prompt": PROMPT}),
            ):
                assert answer.status_code == 503
                assert "no version of the policy has been published yet" in answer.text
            empty.damage(0)
            eventually(lambda: "damaged" in http.get("/healthz").text)
            empty.publish(1)
            eventually(lambda: http.get("/healthz").status_code == 200)
            assert ask(empty)["x-policy-version"] == "1"
    finally:
        empty.close()
    assert not (empty.root / "endpoint" / "address").exists()
