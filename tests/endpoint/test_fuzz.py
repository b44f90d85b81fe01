"""Generated requests after the endpoint's own document; ``scripts/fuzz_endpoint`` throws as many as wanted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import schemathesis
from schemathesis.specs.openapi import checks
from served import PROMPT, ROOT, Served, environment

pytestmark = [pytest.mark.service, pytest.mark.timeout(3000)]

EXAMPLES = int(os.environ.get("SPARRING_FUZZ_EXAMPLES", "25"))  # of each kind and route; 1000 make 7,000 cases


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_a_stream_is_what_the_document_says(served: Served, path: str) -> None:
    headers = {"authorization": f"Bearer {served.key}"}
    document = schemathesis.openapi.from_url(f"{served.url}/openapi.json", headers=headers)
    document.config.base_url = served.url
    asked = {"prompt": PROMPT} if path == "/v1/completions" else {"messages": [{"role": "user", "content": PROMPT}]}
    case = document[path]["POST"].Case(body={"model": "policy", "stream": True, "max_tokens": 4, **asked})
    answer = case.call(headers=headers)
    assert answer.status_code == 200, answer.text
    case.validate_response(answer, checks=[checks.content_type_conformance, checks.response_schema_conformance])


def test_no_generated_request_breaks_it_or_hangs(served: Served) -> None:
    command = [sys.executable, str(ROOT / "scripts/fuzz_endpoint"), served.url, served.key, "--examples", str(EXAMPLES)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=2900, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert int(result.stdout.split("cases\n")[1].split()[0]) > EXAMPLES
    for path in ("/v1/completions", "/v1/chat/completions"):
        assert f"POST {path} 200" in result.stdout, result.stdout  # some were answered, not only refused
    print(result.stdout)
