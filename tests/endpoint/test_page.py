"""The run's page beside the endpoint: for those who have a key, as a browser shows it."""

from __future__ import annotations

import httpx
import pytest
from served import Served

pytestmark = pytest.mark.service  # a real endpoint

PATHS = ("/run/", "/run/status", "/run/figures.json", "/run/tasks", "/run/static/dashboard.css", "/run/plotly.js")


def test_the_page_is_behind_the_same_keys(served: Served) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for path in PATHS:
            refused = client.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic ")
            assert client.get(path, auth=("anybody", "wrong")).status_code == 401
            assert client.get(path, auth=("anybody", served.key)).status_code == 200, path


def test_links_and_scripts_lead_below_the_page_and_its_policy_holds(served: Served) -> None:
    with httpx.Client(base_url=served.url, timeout=60, auth=("", served.key)) as client:
        page = client.get("/run/")
    assert served.root.name in page.text
    assert 'href="/run/static/dashboard.css"' in page.text
    assert 'data-root="/run"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_what_is_not_there_is_said_on_a_page_like_the_others(served: Served) -> None:
    with httpx.Client(base_url=served.url, timeout=60, auth=("", served.key)) as client:
        missing = client.get("/run/tasks/no-such-task")
    assert missing.status_code == 404
    assert "no such episode" in missing.text
