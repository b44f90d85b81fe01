"""What the commands change, as files; and versions that are followed through directories."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, sha256_of
from sparring.core.rundir import RunDirectory
from sparring.deploy.cli import app
from sparring.deploy.serve_control import roll_back, set_canary
from sparring.serving.retained import DirectoryFeed


def write(directory: Path, number: int, *, policy: str = "base") -> Path:
    """A version whose weights are a few bytes: here nobody loads them."""
    directory.mkdir(parents=True)
    (directory / WEIGHTS).write_bytes(f"weights {number}".encode())
    size = (directory / WEIGHTS).stat().st_size
    manifest = Manifest(policy=policy, number=number, sha256=sha256_of(directory / WEIGHTS), num_bytes=size, tensors={})
    (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return directory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run with versions 1 to 3."""
    directory = RunDirectory(tmp_path / "run")
    directory.root.mkdir()
    config = RunConfig.model_validate({"publish": {"store": tmp_path / "store"}})
    directory.config.write_text(config.model_dump_json())
    for number in (1, 2, 3):
        write(tmp_path / "store" / "base" / f"v{number:08d}", number)
    return directory


def test_a_rollback_keeps_the_version_that_training_forgets(run: RunDirectory, tmp_path: Path) -> None:
    assert roll_back(run, to=2) == {"rollback": 2, "canary": None, "share": 0.0}
    kept = run.root / "endpoint" / "versions" / "v00000002" / WEIGHTS
    assert kept.read_bytes() == b"weights 2"
    assert set_canary(run, number=1, share=0.5) == {"rollback": 2, "canary": 1, "share": 0.5}
    assert roll_back(run, to=None) == {"rollback": None, "canary": 1, "share": 0.5}


def test_a_version_that_is_gone_or_damaged_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="version 9 is not kept any more; there is: 1, 2, 3"):
        roll_back(run, to=9)
    (tmp_path / "store" / "base" / "v00000002" / WEIGHTS).write_bytes(b"weights X")
    with pytest.raises(UsageError, match="version 2 can not be used"):
        roll_back(run, to=2)
    assert not (run.root / "endpoint" / "steering.json").exists()
    with pytest.raises(UsageError, match="--share"):
        set_canary(run, number=1, share=1.5)


def test_an_endpoint_that_shares_replicas_has_no_versions_to_choose(run: RunDirectory) -> None:
    config = json.loads(run.config.read_text())
    config["endpoint"]["hosting"] = "shared"
    run.config.write_text(json.dumps(config))
    with pytest.raises(UsageError, match="newest version alone"):
        roll_back(run, to=2)


def test_the_commands_are_found_beside_the_run(run: RunDirectory) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["serve", "rollback", str(run.root), "--to", "2"])
    assert json.loads(result.stdout)["rollback"] == 2
    assert runner.invoke(app, ["serve", "rollback", str(run.root)]).exit_code == 2
    secret = runner.invoke(app, ["serve", "keys", "add", str(run.root), "alice"]).stdout.strip()
    assert secret.startswith("sk-sparring-")
    listed = runner.invoke(app, ["serve", "keys", "list", str(run.root), "--json"]).stdout
    assert [key["name"] for key in json.loads(listed)] == ["alice"]
    assert "sha256" not in listed
    missing = runner.invoke(app, ["serve", str(run.root / "nothing")])
    assert isinstance(missing.exception, UsageError)  # taken for a run, not for a command


async def test_directories_are_followed_to_the_newest_version(tmp_path: Path) -> None:
    feed = DirectoryFeed(stores=[tmp_path / "store"], exports=[tmp_path / "policy"])
    assert await feed.latest("base") is None
    write(tmp_path / "policy", 5)
    newest = await feed.latest("base")
    assert newest is not None
    assert newest.version.number == 5
    assert await feed.latest("other") is None
    waiting = asyncio.create_task(feed.wait("base", after=5, timeout_s=10))
    await asyncio.sleep(0.1)
    write(tmp_path / "store" / "v00000007", 7)
    began = time.monotonic()
    found = await waiting
    assert found is not None
    assert (found.version.number, found.sha256) == (7, sha256_of(tmp_path / "store" / "v00000007" / WEIGHTS))
    assert time.monotonic() - began < 1.0
    assert await feed.wait("base", after=7, timeout_s=0.1) is None
