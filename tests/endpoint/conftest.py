"""One served run for the tests of a module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for `served`, here and in the tests

from served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Versions 0 to 2 are published; tests publish higher ones."""
    server = Served(tmp_path_factory.mktemp("served") / "run")
    for number in range(3):
        server.publish(number)
    try:
        yield server.wait()
    finally:
        server.close()
