"""The page to watch a run, beside the endpoint and behind its keys."""

from __future__ import annotations

import httpx
import pytest
from served import Served

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]


def test_a_browser_is_asked_for_a_key_and_sees_the_page_with_it(served: Served) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as browser:
        for credentials in (None, ("", "wrong"), ("", "")):
            refused = browser.get("/watch/", auth=credentials)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic ")
        page = browser.get("/watch/", auth=("anybody", served.key))
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert '/watch/static/dashboard.js"' in page.text  # its links stay beneath it
        for path in ("/watch/static/dashboard.js", "/watch/plotly.js", "/watch/figures.json", "/watch/tasks"):
            assert browser.get(path).status_code == 401
            assert browser.get(path, auth=("anybody", served.key)).status_code == 200
            assert browser.get(path, headers={"authorization": f"Bearer {served.key}"}).status_code == 200


def test_the_log_in_of_browsers_opens_nothing_but_the_page(served: Served) -> None:
    # A browser sends it along with whatever another site has it ask for.
    with httpx.Client(base_url=served.url, timeout=60, auth=("anybody", served.key)) as browser:
        assert browser.get("/v1/models").status_code == 401
        assert browser.post("/v1/completions", json={"model": "policy", "prompt": "1"}).status_code == 401
        assert browser.get("/watchful").status_code == 401
